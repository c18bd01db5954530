"""Concept Metrics and Edit Metrics with small random networks: each score against the original computation on the same
weights, and what bad input is told."""

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
from single_image_studio.support.errors import InputError

PROMPTS = ["<bear> heart in the snow", "<bear> heart on a beach"]
GOALS = ["snow", "beach"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("models")
    metric_weights.make_small(folder)
    return folder


@pytest.fixture(autouse=True)
def small_networks(host, weights, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The small networks in the host's folders."""
    import folder_paths

    folders = {kind: ([str(weights / kind)], {".safetensors"}) for kind in ("clip_vision", "lpips", "aesthetic")}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", dict(folder_paths.folder_names_and_paths) | folders)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return weights


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
    from single_image_studio.pipelines import edit_metrics

    chosen = {"clip_model": "small_clip", "lpips_model": "small_lpips.safetensors",
              "aesthetic_model": "small_head.safetensors"}  # fmt: skip
    return edit_metrics.edit_metrics(list(source), list(edited), prompt, edit_metrics.EditNetworks(**(chosen | files)))


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """Filled by the first test that asks for it: `concept()`."""
    return {}


@pytest.fixture
def result(usual, small_networks) -> Any:
    """Of four pictures of two prompts, measured with everything."""
    if not usual:
        usual["result"] = concept()
    return usual["result"]


@pytest.fixture
def scores(result) -> dict[str, Any]:
    return numbers(result.report)


# oracles: the networks as their libraries call them, on pictures as torchvision reads them


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


def test_likeness_is_the_cosine_that_the_networks_own_programs_give(scores) -> None:
    found, drawn = scores, batch(1, 2, 3, 4)
    networks = {"CLIP-I": clip_vectors, "DINO": lambda x: dino_vectors(x, metric_weights.small_dino())}
    for name, vectors in networks.items():
        for part, reference, pictures in zip("fb", halves(batch(0)), halves(drawn)):
            expected = vectors(pictures) @ vectors(reference)[0]
            assert found[f"{name}-{part}"]["values"] == pytest.approx(expected.tolist(), abs=1e-4)
            assert expected.std() > 1e-3  # or any answer would do


def test_dinov2_is_read_too() -> None:
    found = numbers(concept(dino_model="small_dinov2").report)
    net = metric_weights.small_dinov2()
    expected = dino_vectors(halves(batch(1, 2, 3, 4))[0], net) @ dino_vectors(halves(batch(0))[0], net)[0]
    assert found["DINO-f"]["values"] == pytest.approx(expected.tolist(), abs=1e-4)


def test_prompts_are_read_without_the_concepts_name(scores) -> None:
    found = scores["CLIP-T"]["values"]
    texts = text_vectors(["heart in the snow", "heart on a beach"])
    expected = (clip_vectors(batch(1, 2, 3, 4)) * texts.repeat_interleave(2, 0)).sum(-1)
    assert found == pytest.approx(expected.tolist(), abs=1e-4)


def test_variety_is_the_mean_distance_within_each_prompt(scores) -> None:
    found = scores["DIV"]["values"]
    expected = [distance(picture(1), picture(2)), distance(picture(3), picture(4))]
    assert found == pytest.approx(expected, abs=1e-4) and min(expected) > 1e-3


def test_an_edit_is_measured_by_its_source_its_prompt_and_its_looks() -> None:
    source, edited = batch(0), batch(1, 2)
    found = numbers(edit(source, edited).report)
    assert found["LPIPS"]["values"] == pytest.approx([distance(picture(0), p) for p in edited], abs=1e-4)
    vectors = clip_vectors(edited)
    assert found["CLIP-T"]["values"] == pytest.approx((vectors @ text_vectors(["a heart"])[0]).tolist(), abs=1e-4)
    x, head = vectors, metric_weights.small_aesthetics()
    for number in (0, 2, 4, 6, 7):
        x = x @ head[f"layers.{number}.weight"].T + head[f"layers.{number}.bias"]
    assert found["Aesthetic score"]["values"] == pytest.approx(x[:, 0].tolist(), abs=1e-4)


def test_a_folder_and_its_file_alone_are_the_same_clip(scores) -> None:
    alone = numbers(concept(clip_model="small_clip.safetensors", dino_model="none", lpips_model="none").report)
    assert {name: alone[name] for name in ("CLIP-I-f", "CLIP-I-b", "CLIP-T")} == {
        name: scores[name] for name in ("CLIP-I-f", "CLIP-I-b", "CLIP-T")
    }


def test_pictures_of_several_sizes_are_measured_together(scores) -> None:
    images = [batch(1, 2, height=80, width=128), batch(3, 4)]
    found = numbers(concept(images, masks=[torch.ones(4, 16, 16) * left_half(16, 16)]).report)
    assert len(found["CLIP-I-f"]["values"]) == 4 and len(found["DIV"]["values"]) == 2
    assert found["CLIP-I-f"]["values"][2:] == pytest.approx(
        numbers(concept().report)["CLIP-I-f"]["values"][2:], abs=2e-2
    )


def test_an_edit_of_another_size_is_brought_to_its_sources() -> None:
    result = edit(batch(0), batch(0, height=192, width=192))
    assert "1 edited pictures were brought to their sources' size" in result.report
    assert numbers(result.report)["LPIPS"]["mean"] < distance(picture(0), picture(1)) / 10


def test_pictures_with_empty_masks_are_left_out_and_told(scores) -> None:
    masks = [torch.stack([left_half(), torch.zeros(96, 96), torch.ones(96, 96), left_half()])]
    result = concept(masks=masks, dino_model="none", lpips_model="none")
    found, values = numbers(result.report)["CLIP-I-f"]["values"], scores["CLIP-I-f"]["values"]
    assert len(found) == 3 and found[::2] == [values[0], values[3]]
    assert "1 pictures without a foreground in their masks were left out" in result.report
    assert "1 pictures without a background in their masks were left out" in result.report


def test_all_in_one_batch_is_the_same_as_a_batch_a_prompt(result) -> None:
    together = concept([batch(1, 2, 3, 4)], ["\n".join(PROMPTS)])
    assert together.report == result.report


def test_a_single_batch_without_prompts_is_of_one_prompt() -> None:
    result = concept([batch(1, 2, 3)], [""])
    assert len(numbers(result.report)["DIV"]["values"]) == 3
    assert "CLIP-T: not measured. `prompts` is empty." in result.report


def test_goals_are_estimated_and_called_an_estimate() -> None:
    result = concept(goals=GOALS, dino_model="none", lpips_model="none")
    texts, vectors, reference = text_vectors(GOALS), clip_vectors(batch(1, 2, 3, 4)), clip_vectors(batch(0))
    expected = []
    for goal, asked, unasked in ((0, vectors[:2], vectors[2:]), (1, vectors[2:], vectors[:2])):
        known = torch.cat([reference, unasked]) @ texts[goal]
        expected += ((asked @ texts[goal]) > known.mean() + known.std(unbiased=False)).float().tolist()
    assert numbers(result.report)["ESR (estimate by CLIP)"]["values"] == expected
    assert "The paper's ESR is judged by people" in result.report


def test_the_words_come_first_and_the_chart_shows_each_score(result) -> None:
    assert result.report.startswith("4 pictures of 2 prompts against 1 reference.\nCLIP-I-f: ")
    assert result.chart.shape[0] == 1 and result.chart.shape[3] == 3
    assert result.chart.shape[1] > concept(clip_model="none", lpips_model="none").chart.shape[1]


def test_none_leaves_scores_out() -> None:
    result = concept(clip_model="none", lpips_model="none")
    assert (
        "CLIP-I-f: not measured. No file was chosen for `clip_model`: put one into models/clip_vision." in result.report
    )
    assert numbers(result.report)["DIV"]["mean"] is None and numbers(result.report)["DINO-f"]["mean"] is not None


def test_half_a_clip_measures_pictures(scores) -> None:
    result = concept(clip_model="small_pictures.safetensors", dino_model="none", lpips_model="none")
    assert numbers(result.report)["CLIP-I-f"] == scores["CLIP-I-f"]
    assert "CLIP-T: not measured. The file of `clip_model` has CLIP's pictures' half alone" in result.report


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clip_model": "gone"}, "`clip_model`: there is no 'gone' in"),
        ({"dino_model": "small_clip"}, "holds a clip model and not a DINOv2 nor a DINO"),
        ({"dino_model": "small_clip.safetensors"}, "is not a DINOv2 nor a DINO checkpoint"),
        ({"reference_mask": torch.zeros(1, 64, 64)}, "`reference_mask` is empty"),
        ({"masks": [torch.ones(3, 96, 96)]}, "`masks` holds 3 masks and `images` 4 pictures"),
        ({"prompts": ["a\nb\nc"]}, "`images` holds 4 pictures and `prompts` 3 prompts"),
        ({"goals": ["snow"]}, "`goals` has 1 lines for 2 prompts"),
        ({"images": [torch.full((4, 96, 96, 3), torch.nan)]}, "`images` holds numbers that are not finite"),
        ({"images": [torch.zeros(0, 96, 96, 3)], "masks": [torch.ones(1, 1, 1)]}, "`images` holds no picture"),
        ({"images": [batch(1, 2, height=32, width=32)], "prompts": [""]}, "LPIPS needs at least 64 pixels a side"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_one_sentence(changes: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        concept(**changes)


@pytest.mark.parametrize(
    ("source", "prompt", "files", "sentence"),
    [
        (batch(1, 2), "", {}, "`source` holds 2 pictures and `edited` 3"),
        (batch(1), "a\nb", {}, "`target_prompt` has 2 lines for 3 pictures"),
        (batch(1, height=32), "", {}, "LPIPS needs at least 64 pixels a side"),
        (batch(1), "", {"aesthetic_model": "narrow.safetensors"}, "reads CLIP's vectors of 24 numbers"),
        (batch(1), "", {"lpips_model": "small_vgg.safetensors"}, "has no learned weights of channels"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_measured_is_one_sentence(
    small_networks, monkeypatch: pytest.MonkeyPatch, source: Tensor, prompt: str, files: dict, sentence: str
) -> None:
    import importlib.util

    from safetensors.torch import save_file

    save_file(
        {"weight": torch.zeros(1, 24), "bias": torch.zeros(1)}, small_networks / "aesthetic" / "narrow.safetensors"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)  # as where the lpips package is not installed
    with pytest.raises(InputError, match=sentence):
        edit(source, batch(1, 2, 3), prompt, **files)


def test_the_hosts_random_numbers_stay() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    concept()
    edit(batch(0), batch(1))
    assert torch.equal(torch.get_rng_state(), before)
