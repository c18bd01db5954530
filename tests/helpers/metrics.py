"""Pictures, the two metrics pipelines on small random networks, and the networks as their own libraries call them. For
tests with the `measuring_networks` fixture."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from lab.measuring import metric_weights

PROMPTS = ["<bear> heart in the snow", "<bear> heart on a beach"]
GOALS = ["snow", "beach"]


def put_in_host_folders(files: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of `metric_weights.make_small` among those of the host in this process."""
    import folder_paths

    from single_image_studio.host import networks

    kinds = ("clip_vision", "lpips", "aesthetic")
    folders = {kind: ([str(files / kind)], {".safetensors"}) for kind in kinds}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths) | folders)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    # the networks are dropped after use, but collecting this large process's garbage takes most of a test's time
    monkeypatch.setattr(networks, "release_memory", lambda: None)


def picture(seed: int, height: int = 96, width: int = 96) -> Tensor:
    """(H, W, 3): soft noise in 8 bits, as the host's pictures are."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    return (smooth * 255).round() / 255


def left_half(height: int = 96, width: int = 96) -> Tensor:
    mask = torch.zeros(height, width)
    mask[:, : width // 2] = 1
    return mask


def batch(*seeds: int, **size: int) -> Tensor:
    return torch.stack([picture(seed, **size) for seed in seeds])


def numbers(report: str) -> dict[str, Any]:
    """The JSON that follows a report's words."""
    return json.loads(report.partition("\n\n")[2])["scores"]


def concept(images: list[Tensor] | None = None, prompts: list[str] | None = None, masks: list[Tensor] | None = None,
            reference_mask: Tensor | None = None, goals: list[str] | None = None, **files: str) -> Any:  # fmt: skip
    from single_image_studio.pipelines import concept_metrics, metric_wires

    images = [batch(1, 2), batch(3, 4)] if images is None else images
    masks = [torch.stack([left_half()] * len(some)) for some in images] if masks is None else masks
    reference_mask = left_half()[None] if reference_mask is None else reference_mask
    references = metric_wires.masked("reference", [picture(0)], "reference_mask", [reference_mask])
    pictures = metric_wires.masked("images", metric_wires.pictures_of("images", images), "masks", masks)
    sets = metric_wires.by_prompt(
        pictures, [len(some) for some in images], PROMPTS if prompts is None else prompts, goals or []
    )
    chosen = {"clip_model": "small_clip", "dino_model": "small_dino", "lpips_model": "small_lpips.safetensors"}
    return concept_metrics.concept_metrics(
        concept_metrics.ConceptWires(references=references, sets=sets),
        concept_metrics.ConceptNetworks(**(chosen | files)),
    )


def edit(source: Tensor, edited: Tensor, prompt: str = "a heart", **files: str) -> Any:
    from single_image_studio.pipelines import edit_metrics, metric_wires

    sources, pictures = metric_wires.pictures_of("source", [source]), metric_wires.pictures_of("edited", [edited])
    chosen = {"clip_model": "small_clip", "lpips_model": "small_lpips.safetensors",
              "aesthetic_model": "small_head.safetensors"}  # fmt: skip
    return edit_metrics.edit_metrics(sources, pictures, prompt, edit_metrics.EditNetworks(**(chosen | files)))


def read(pictures: Tensor, short: int, mean: tuple, std: tuple) -> Tensor:
    from torchvision import transforms

    to_input = transforms.Compose([
        transforms.Resize(short, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean, std),
    ])  # fmt: skip
    levels = (pictures * 255).round().byte().numpy()
    return torch.stack([to_input(Image.fromarray(level)) for level in levels])


def clip_vectors(pictures: Tensor) -> Tensor:
    means = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    clip = metric_weights.small_clip()
    with torch.no_grad():
        out = clip.visual_projection(clip.vision_model(read(pictures, 224, *means)).pooler_output)
    return F.normalize(out, dim=-1)


def text_vectors(texts: list[str]) -> Tensor:
    """All padded to 77, as OpenAI's program batches them."""
    from comfy.sd1_clip import SDTokenizer

    clip, tokenizer = metric_weights.small_clip(), SDTokenizer().tokenizer
    ids = tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        return F.normalize(clip(input_ids=ids, pixel_values=torch.zeros(1, 3, 224, 224)).text_embeds, dim=-1)


def dino_vectors(pictures: Tensor, net: Any) -> Tensor:
    pixels = read(pictures, 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        return F.normalize(net(pixels).last_hidden_state[:, 0], dim=-1)


def distance(one: Tensor, other: Tensor) -> float:
    """LPIPS's equation 1, layer by layer, with torch's own layers."""
    total, x = 0.0, torch.stack([one, other]).permute(0, 3, 1, 2) * 2 - 1
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    heads = iter(metric_weights.small_heads().values())
    with torch.no_grad():
        for index, layer in enumerate(metric_weights.small_vgg()):
            x = layer(x)
            if index in metric_weights.TAPS:
                a, b = F.normalize(x, dim=1)
                total += float((next(heads)[0, :, 0, 0] @ (a - b).square().flatten(1)).mean())
    return total


def halves(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Their left and right halves on black."""
    left = pictures.clone()
    left[:, :, 48:] = 0
    right = pictures.clone()
    right[:, :, :48] = 0
    return left, right
