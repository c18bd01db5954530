"""A concept with everything in it, and what to compare it by. Shared by the tests of this folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from single_image_studio.concept.data import Concept
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings

LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def eight_bits(*shape: int, seed: int = 0) -> Tensor:
    """Values as the host's LoadImage makes them: bytes / 255."""
    levels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(levels.astype(np.float32) / 255.0)


def make_concept(**changes: object) -> Concept:
    lora = {
        f"{LAYER}.lora_up.weight": random(32, 4),
        f"{LAYER}.lora_down.weight": random(4, 32),
        f"{LAYER}.alpha": torch.tensor(4.0),
    }
    concept = Concept(
        embedding=torch.randn(1, 32, generator=torch.Generator().manual_seed(0)),
        class_word="teddy bear",
        lora=lora,
        picture=eight_bits(1, 40, 64, 3),
        mask=eight_bits(1, 40, 64, seed=1),
        stage=2,
        settings={
            "stage1": Stage1Settings(class_word="teddy bear", seed=2**64 - 1).to_dict(),
            "stage2": Stage2Settings().to_dict(),
        },
        losses={"stage1": {"loss": [0.1, 1 / 3], "foreground": [1e-9, 2.0]}, "stage2": {"semantic": [0.25]}},
        base_model="0123abcd",
        encoder_state={"weight": torch.zeros(3)},
        name="bear",
    )
    return dataclasses.replace(concept, **changes)  # type: ignore[arg-type]


def assert_same(found: Concept, expected: Concept) -> None:
    assert torch.equal(found.embedding, expected.embedding)
    assert found.lora.keys() == expected.lora.keys()
    assert all(
        torch.equal(found.lora[name], tensor) and found.lora[name].dtype == tensor.dtype
        for name, tensor in expected.lora.items()
    )
    for name in ("picture", "mask"):
        a, b = getattr(found, name), getattr(expected, name)
        assert (a is None and b is None) or (a.dtype == torch.float32 and torch.equal(a, b))
    for name in ("class_word", "stage", "settings", "losses", "base_model"):
        assert getattr(found, name) == getattr(expected, name)
    assert found.fingerprint() == expected.fingerprint()


def rewrite(path: Path, target: Path, tensors: dict | None = None, **metadata: str) -> Path:
    """A copy of a concept file with some tensors or metadata exchanged."""
    with safe_open(path, "pt") as file:
        old = file.metadata()
    save_file({**load_file(path), **(tensors or {})}, target, {**old, **metadata})
    return target


def files(folder: Path) -> list[str]:
    """All files below a folder, by their paths from there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
