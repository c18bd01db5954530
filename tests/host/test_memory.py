"""How many samples are taken at once, against what a full-size UNet keeps, counted on tensors without values."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch

MB = 2**20


def test_parts_are_few_and_even(host: Any) -> None:
    from single_image_studio.host.memory import even_split

    assert [even_split(16, fitting) for fitting in (16, 15, 13, 8, 7, 5, 1, 0, -3)] == [16, 8, 8, 8, 6, 4, 1, 0, 0]
    assert even_split(4, 3) == 2


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_picture_keeps_what_is_counted(host: Any, monkeypatch: Any, checkpointing: bool) -> None:
    """At SD 1.5's size, 256 px: never less, and not much more."""
    import comfy.model_management as manager

    from lab.measuring import training_memory, work
    from single_image_studio.host.memory import graph_bytes

    monkeypatch.setattr(manager, "pytorch_attention_flash_attention", lambda: True)
    unet = work.unet_without_values()
    with work.countable_attention():
        counted = training_memory.activations(unet, training_memory.Case(2, 1, 256, checkpointing))
    assert counted < graph_bytes((1, 4, 32, 32), torch.float16, checkpointing) < 1.2 * counted


def test_attention_with_matrices_wants_more(host: Any, monkeypatch: Any) -> None:
    import comfy.model_management as manager

    from single_image_studio.host.memory import graph_bytes

    sizes = []
    for linear in (True, False):
        monkeypatch.setattr(manager, "pytorch_attention_flash_attention", lambda linear=linear: linear)
        sizes.append(graph_bytes((64, 64), torch.float16))
    heads, largest = 8, 5 * (64 * 64) ** 2  # five layers look at all 4096 pixels
    assert sizes[1] - sizes[0] > heads * largest * 2


def test_the_optimiser_s_bytes_are_left_free(host: Any, monkeypatch: Any) -> None:
    import comfy.model_management as manager

    from single_image_studio.host.concept_model import PROMPT_GRAPHS, ConceptModel
    from single_image_studio.host.memory import graph_bytes

    model = object.__new__(ConceptModel)
    model.device = torch.device("cuda")
    model._posterior = types.SimpleNamespace(mean=torch.empty(1, 4, 64, 64, device="meta"))
    base = types.SimpleNamespace(manual_cast_dtype=None, get_dtype=lambda: torch.float16)
    model.unet = types.SimpleNamespace(checkpointing=False, compute_dtype=base.get_dtype())
    one = graph_bytes((64, 64), torch.float16)
    monkeypatch.setattr(manager, "get_free_memory", lambda device: PROMPT_GRAPHS + 700 * MB + 13 * one)
    assert model.micro_batch(26, 700 * MB) == 13
    assert model.micro_batch(26, 700 * MB + 1) == 9  # twelve fit: three parts
    assert model.micro_batch(4, 700 * MB) == 4
    assert model.micro_batch(4, 700 * MB + 13 * one) == 0
    model.device = torch.device("cpu")
    assert model.micro_batch(16, 0) == 16
