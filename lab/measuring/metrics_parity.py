"""The metrics beside the programs that they come from, on the same random weights: `python -m
lab.measuring.metrics_parity`.

Those programs are no part of any environment of the project. For this command alone:

    pip install --no-deps --target FOLDER lpips open_clip_torch timm torchmetrics lightning-utilities ftfy wcwidth
    PYTHONPATH=FOLDER python -m lab.measuring.metrics_parity

Nothing is downloaded: the backbones' weights are random, LPIPS's weights of channels are those that its package holds.
Prints the largest difference of each measure, and fails above LIMIT.
"""

from __future__ import annotations

import pathlib
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from .learning import load_pack, pack_module

LIMIT = 1e-4
TEXTS = ("a face", "a photo of a dog jumping over a fence, in the rain", "A man with RED hair; naïve, 3 hats!")
Measure = Callable[[pathlib.Path], float]

_BLOCK = (
    (r"\.ln_1\.", ".layer_norm1."),
    (r"\.ln_2\.", ".layer_norm2."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
)
_CLIP = (
    (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"^visual\.proj$", "visual_projection.weight"),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"^text_projection$", "text_projection.weight"),
    *_BLOCK,
)
_DINO = (
    (r"^cls_token$", "embeddings.cls_token"),
    (r"^pos_embed$", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^blocks\.", "encoder.layer."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"^norm\.", "layernorm."),
)


def renamed(state: Mapping[str, Tensor], rules: Sequence[tuple[str, str]], joined: str, parts: Sequence[str]
            ) -> dict[str, Tensor]:  # fmt: skip
    """Weights in transformers' names. joined: what stands for queries, keys and values in one; parts: for each."""
    out: dict[str, Tensor] = {}
    for name, weight in state.items():
        if name in ("visual.proj", "text_projection"):
            weight = weight.t()
        new = name
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, new)
        if re.search(joined, new):
            names = [re.sub(joined, part, new) for part in parts]
            out |= {one: chunk.contiguous() for one, chunk in zip(names, weight.chunk(3))}
        else:
            out[new] = weight.contiguous()
    return out


def pictures() -> list[Tensor]:
    """(H, W, 3) of several sizes, in 8 bits as the host's are."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for height, width in ((224, 224), (96, 150), (512, 384)):
        coarse = torch.rand(1, 3, 9, 9, generator=generator)
        smooth = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
        made.append((smooth * 255).round() / 255)
    return made


def as_pil(picture: Tensor) -> Image.Image:
    return Image.fromarray((picture * 255).round().byte().numpy())


def far(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def spread_out(net: nn.Module) -> nn.Module:
    """Weights large enough that pictures differ."""
    torch.manual_seed(0)
    for weight in net.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    return net.eval()


def clip_beside_open_clip(folder: pathlib.Path) -> float:
    """Vectors of pictures and of texts, from the picture and the text to the end."""
    import open_clip
    from open_clip.transform import image_transform

    vision, text = (
        {"layers": 2, "width": 128, "patch_size": 32, "image_size": 224},
        {"layers": 2, "width": 64, "heads": 1},
    )
    net: Any = spread_out(open_clip.CLIP(48, vision, text, quick_gelu=True))
    state = renamed(net.state_dict(), _CLIP, r"\.attn\.in_proj_", [f".self_attn.{p}_proj." for p in "qkv"])
    save_file({name: weight for name, weight in state.items() if name != "attn_mask"}, folder / "clip.safetensors")
    clip = pack_module("pipelines.metric_models").CLIPS.table.load(folder / "clip.safetensors")
    read = image_transform(224, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD)
    tokens, tokens_of = open_clip.tokenize(list(TEXTS)), pack_module("host.clip_tokens").clip_tokens
    with torch.no_grad():
        theirs = [F.normalize(net.encode_image(read(as_pil(one))[None]), dim=-1)[0] for one in pictures()]
        texts = F.normalize(net.encode_text(tokens), dim=-1)
    ours = [clip.of_picture(one) for one in pictures()]
    said = [clip.of_text(tokens_of(one)[0]) for one in TEXTS]
    return max(map(far, [*ours, *said], [*theirs, *texts]))


def dino_beside_timm(folder: pathlib.Path) -> float:
    """DINO's own network is timm's; its pictures are read as its evaluation reads them."""
    import timm.models.vision_transformer as timm_vit
    from torchvision import transforms

    net: Any = spread_out(
        timm_vit.VisionTransformer(patch_size=32, embed_dim=128, depth=2, num_heads=2, mlp_ratio=2, num_classes=0)
    )
    state = renamed(net.state_dict(), _DINO, r"\.attn\.qkv\.", [f".attention.attention.{p}." for p in ("query", "key",
                    "value")])  # fmt: skip
    save_file(state, folder / "dino.safetensors")
    dino = pack_module("pipelines.metric_models").DINOS.table.load(folder / "dino.safetensors")
    read = transforms.Compose([
        transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])  # fmt: skip
    with torch.no_grad():
        theirs = [F.normalize(net.forward_features(read(as_pil(one))[None])[:, 0], dim=-1)[0] for one in pictures()]
    return max(far(dino.of_picture(one), other) for one, other in zip(pictures(), theirs))


def lpips_beside(net: str, make: Callable[[str], Any]) -> Measure:
    """make: the other program's network, with a random backbone."""

    def measure(folder: pathlib.Path) -> float:
        torch.manual_seed(0)
        theirs: Any = make(net).eval()
        state = theirs.state_dict()  # which names the weights of channels twice
        saved = {name: weight for name, weight in state.items() if re.match(r"net\.slice|lin\d", name)}
        save_file(saved, folder / "lpips.safetensors")
        ours = pack_module("pipelines.metric_models").LPIPSES.table.load(folder / "lpips.safetensors")
        resized = pack_module("evaluation.lpips").of_one_size
        same = [resized(one, 160, 144) for one in pictures()]
        found = []
        for one, other in zip(same, [*same[1:], same[0]]):
            with torch.no_grad():
                value = float(theirs(*((part * 2 - 1).permute(2, 0, 1)[None] for part in (one, other))))
            found.append(abs(value - ours.distance(ours.features(one), ours.features(other))))
        return max(found)

    return measure


def _lpips(net: str) -> Any:
    import lpips

    return lpips.LPIPS(net=net, pnet_rand=True, verbose=False)


def _torchmetrics(net: str) -> Any:
    from torchmetrics.functional.image.lpips import _LPIPS

    return _LPIPS(net=net, pnet_rand=True)


def aesthetics_beside_its_program(folder: pathlib.Path) -> float:
    """The program's own layers, written out: linear, with dropout between them."""
    torch.manual_seed(0)
    sizes, drops = (768, 1024, 128, 64, 16, 1), (0.2, 0.2, 0.1, None, None)
    layers: list[nn.Module] = []
    for inputs, outputs, drop in zip(sizes, sizes[1:], drops):
        layers += [nn.Linear(inputs, outputs), *([] if drop is None else [nn.Dropout(drop)])]
    net = nn.Sequential(*layers).eval()
    save_file({f"layers.{name}": weight for name, weight in net.state_dict().items()}, folder / "head.safetensors")
    head = pack_module("pipelines.metric_models").AESTHETIC_HEADS.table.load(folder / "head.safetensors")
    vectors = F.normalize(torch.randn(5, 768), dim=-1)
    with torch.no_grad():
        return float(np.max([abs(head.score(one) - float(net(one[None]))) for one in vectors]))


MEASURES: dict[str, Measure] = {
    "CLIP, pictures and texts, beside open_clip": clip_beside_open_clip,
    "DINO, beside timm": dino_beside_timm,
    "LPIPS (VGG16), beside lpips": lpips_beside("vgg", _lpips),
    "LPIPS (AlexNet), beside lpips": lpips_beside("alex", _lpips),
    "LPIPS (VGG16), beside torchmetrics": lpips_beside("vgg", _torchmetrics),
    "aesthetic score, beside its program": aesthetics_beside_its_program,
}


def main() -> int:
    load_pack()
    pack_module("host.model_files").register()
    worst = 0.0
    for name, measure in MEASURES.items():
        with tempfile.TemporaryDirectory() as folder:
            difference = measure(pathlib.Path(folder))
        worst = max(worst, difference)
        print(f"{difference:.1e}  {name}", flush=True)
    return int(worst > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
