"""Keeping less for backward changes no bit: against torch's own graph, which keeps everything."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.measuring.training_memory import LiveBytes
from single_image_studio.concept.lora import LoraSet
from single_image_studio.host.recomputing import Recomputing

from ..helpers.opened_model import on_model


class Block(nn.Module):
    """A norm, an activation, a frozen convolution, a gate, and a layer that a LoRA is put on."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(4, 16), nn.Conv2d(16, 16, 3, padding=1)
        self.layer_norm, self.proj, self.gate = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 64)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.conv(F.silu(self.norm(x)))
        tokens = self.layer_norm(x.flatten(2).transpose(1, 2))
        value, gate = self.gate(self.proj(tokens)).chunk(2, dim=-1)
        return value * F.gelu(gate)


def gradients(dtype: torch.dtype, less: bool, device: str = "cpu") -> tuple[list[Tensor], int]:
    """Of the input and a LoRA, and the bytes that were kept for backward."""
    torch.manual_seed(0)
    block = Block().to(device, dtype)
    x = torch.randn(2, 16, 32, 32, dtype=dtype).to(device).requires_grad_()
    lora = LoraSet({"proj": block.proj}, 4, torch.Generator().manual_seed(0)).to(device)
    nn.init.ones_(lora.layers["proj"].up)
    with LiveBytes() as counter:
        with lora.attached(), Recomputing() if less else contextlib.nullcontext():
            out = block(x)
        kept = counter.now
        out.float().square().mean().backward()
    return [leaf.grad for leaf in (x, *lora.parameters()) if leaf.grad is not None], kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_precision_has_the_same_bits(dtype: torch.dtype) -> None:
    (expected, _), (given, _) = gradients(dtype, False), gradients(dtype, True)
    for one, other in zip(expected, given, strict=True):
        assert one.abs().sum() > 0 and torch.equal(one, other)


def test_less_is_kept() -> None:
    (_, whole), (_, less) = gradients(torch.float16, False, "meta"), gradients(torch.float16, True, "meta")
    assert less < 0.6 * whole


def test_a_trained_convolution_keeps_its_input() -> None:
    conv, x = nn.Conv2d(2, 2, 1), torch.randn(1, 2, 4, 4)
    conv(x).square().sum().backward()
    expected = conv.weight.grad.clone()
    conv.zero_grad()
    with Recomputing():
        out = conv(x)
    out.square().sum().backward()
    assert torch.equal(conv.weight.grad, expected)


def test_what_was_written_over_is_kept_as_it_is() -> None:
    """An activation that is changed after it was made can't be made again from its input."""

    def value(x: Tensor) -> Tensor:
        y = F.silu(x * 2)
        y *= 3
        return y.square().sum()

    grads = []
    for context in (contextlib.nullcontext(), Recomputing()):
        x = torch.linspace(-1, 1, 5).requires_grad_()
        with context:
            out = value(x)
        out.backward()
        grads.append(x.grad)
    assert torch.equal(*grads)


def test_a_write_over_what_backward_needs_is_an_error_as_it_is_in_torch() -> None:
    x = torch.ones(3, requires_grad=True)
    with Recomputing():
        y = x * 1
        out = y.square().sum()
    y.detach().add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def test_nothing_stays_entered_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), Recomputing():
        raise ZeroDivisionError
    assert torch.overrides._get_current_function_mode() is None
    x = torch.ones(3, requires_grad=True)
    x.square().sum().backward()  # no hook is asked
    assert torch.equal(x.grad, torch.full((3,), 2.0))


def test_training_on_the_host_has_the_same_bits(demo_model: Any, concept_picture: Any, monkeypatch: Any) -> None:
    """Losses and gradients of Stage II's star branch, against the same with everything kept."""
    from single_image_studio.host import unet as door
    from single_image_studio.host.weights import attention_projections

    def step(opened: Any) -> list[Tensor]:
        targets = attention_projections(opened.unet.patcher, opened.clip)
        lora = LoraSet(targets, 4, torch.Generator().manual_seed(0)).place(opened.device)
        for layer in lora.layers.values():
            nn.init.constant_(layer.up, 0.01)
        embedding = torch.full((1, 96), 0.1, requires_grad=True)
        x = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
        with lora.attached():
            loss = opened.predict_x0(x, torch.tensor([200, 700]), opened.encode(embedding)).square().mean()
            loss.backward()
        return [loss.detach(), embedding.grad, *(p.grad for p in lora.parameters())]

    for precision in ("fp32", "fp16"):
        given = on_model(demo_model, concept_picture[0], step, precision=precision)
        with monkeypatch.context() as patch:
            patch.setattr(door, "Recomputing", contextlib.nullcontext)
            expected = on_model(demo_model, concept_picture[0], step, precision=precision)
        assert all(torch.equal(one, other) for one, other in zip(given, expected, strict=True))
