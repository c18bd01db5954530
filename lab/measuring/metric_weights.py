"""Small measuring networks with random weights, in the layouts that artists have: `make_small(models folder)`."""

from __future__ import annotations

import pathlib
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

VGG = [("C", 8), ("C", 8), "M", ("C", 12), ("C", 12), "M", *[("C", 16)] * 3, "M", *[("C", 20)] * 3, "M",
       *[("C", 20)] * 3]  # fmt: skip
TAPS = (3, 8, 15, 22, 29)
CLIP_WIDTH = 48
"""Of the space that pictures and texts share, which the aesthetic head reads."""


def small_clip() -> Any:
    """A whole CLIP of transformers' own class: 224 pixels in patches of 56."""
    from transformers import CLIPConfig, CLIPModel

    half = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1,
            "projection_dim": CLIP_WIDTH}  # fmt: skip
    torch.manual_seed(1)
    config = CLIPConfig(
        text_config={**half, "bos_token_id": 49406, "eos_token_id": 49407},
        vision_config={**half, "patch_size": 56},
        projection_dim=CLIP_WIDTH,
    )
    return _livened(CLIPModel(config))


def small_dino() -> Any:
    """A ViT as DINO's, 224 pixels in patches of 56."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(2)
    config = ViTConfig(
        hidden_size=128, intermediate_size=160, num_hidden_layers=2, num_attention_heads=2, patch_size=56
    )
    return _livened(ViTModel(config, add_pooling_layer=False))


def small_dinov2() -> Any:
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(3)
    config = Dinov2Config(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, patch_size=56, image_size=224)
    return _livened(Dinov2Model(config))


def small_vgg() -> nn.Sequential:
    """VGG16's layers as torchvision lays them out, of few channels."""
    torch.manual_seed(4)
    layers: list[nn.Module] = []
    channels = 3
    for layer in VGG:
        if layer == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, int(layer[1]), 3, padding=1), nn.ReLU()]
            channels = int(layer[1])
    return nn.Sequential(*layers)


def small_heads() -> dict[str, Tensor]:
    """LPIPS's weights of channels for `small_vgg`, by the names of a saved lpips.LPIPS."""
    generator = torch.Generator().manual_seed(5)
    sizes = (8, 12, 16, 20, 20)
    return {f"lin{i}.model.1.weight": torch.rand(1, size, 1, 1, generator=generator) for i, size in enumerate(sizes)}


def small_lpips() -> dict[str, Tensor]:
    """As a saved lpips.LPIPS: the backbone in slices that end at the taps."""
    state = dict(small_heads())
    for name, weight in small_vgg().state_dict().items():
        number = sum(int(name.split(".")[0]) > tap for tap in TAPS) + 1
        state[f"net.slice{number}.{name}"] = weight
    return state


def small_aesthetics() -> dict[str, Tensor]:
    """LAION's layers, of CLIP_WIDTH numbers."""
    generator, sizes = torch.Generator().manual_seed(6), (CLIP_WIDTH, 24, 12, 8, 6, 1)
    state = {}
    for number, (inputs, outputs) in zip((0, 2, 4, 6, 7), zip(sizes, sizes[1:])):
        state[f"layers.{number}.weight"] = torch.randn(outputs, inputs, generator=generator)
        state[f"layers.{number}.bias"] = torch.randn(outputs, generator=generator)
    return state


def make_small(folder: pathlib.Path) -> None:
    """Writes clip_vision/{small_clip,small_clip.safetensors,small_pictures.safetensors,small_dino,small_dinov2},
    lpips/{small_lpips,small_vgg}.safetensors and aesthetic/small_head.safetensors."""
    vision, clip = folder / "clip_vision", small_clip()
    clip.save_pretrained(vision / "small_clip")
    state = {name: weight.contiguous() for name, weight in clip.state_dict().items()}
    save_file(state, vision / "small_clip.safetensors")
    save_file({k: v for k, v in state.items() if k.startswith("vis")}, vision / "small_pictures.safetensors")
    small_dino().save_pretrained(vision / "small_dino")
    small_dinov2().save_pretrained(vision / "small_dinov2")
    for name in ("lpips", "aesthetic"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    save_file(small_lpips(), folder / "lpips" / "small_lpips.safetensors")
    backbone = {f"features.{name}": weight for name, weight in small_vgg().state_dict().items()}
    save_file(backbone, folder / "lpips" / "small_vgg.safetensors")
    save_file(small_aesthetics(), folder / "aesthetic" / "small_head.safetensors")


def _livened(model: Any) -> Any:
    """Weights large enough that pictures differ; as they are drawn first, transformers' are all near 0."""
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=0.5 if "embed" in name else weight[0].numel() ** -0.5)
    return model.eval()
