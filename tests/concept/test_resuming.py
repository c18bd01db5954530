"""Going on with a concept: from the wire with the encoder as it was, from a file with one that is anchored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from single_image_studio.concept.encoders import Anchored, FreeEmbedding, build_encoder, resume_encoder


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(3))


def trained_a_little(encoder: nn.Module, pixels: Tensor) -> nn.Module:
    encoder(pixels).sum().backward()
    torch.optim.AdamW(encoder.parameters(), lr=1e-3).step()
    return encoder


def test_resume_goes_on_from_the_wire(pixels: Tensor):
    """Stage I's own encoder, and the anchored one of a Stage II that started from a file."""
    vector = torch.ones(1, 32)
    for wrap in (lambda encoder: encoder, lambda encoder: Anchored(encoder, vector, pixels)):
        before = trained_a_little(wrap(build_encoder("cnn", 32, 1, torch.zeros(32))), pixels)
        state = {name: value.clone() for name, value in before.state_dict().items()}
        after = resume_encoder(build_encoder("cnn", 32, 9, torch.zeros(32)), state, before(pixels).detach(), pixels)
        assert torch.equal(after(pixels), before(pixels))


def test_resume_goes_on_from_a_file(pixels: Tensor):
    vector = torch.randn(1, 32, generator=torch.Generator().manual_seed(7))
    anchored = resume_encoder(build_encoder("cnn", 32, 1, torch.zeros(32)), None, vector, pixels)
    free = resume_encoder(build_encoder("none", 32, 1, vector), None, vector, pixels)
    assert torch.equal(anchored(pixels), vector)
    assert torch.equal(free(pixels), vector)
    assert isinstance(free, FreeEmbedding)
