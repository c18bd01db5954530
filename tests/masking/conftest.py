"""Small GroundingDINO and SAM models with random weights, in every layout."""

from __future__ import annotations

import pathlib

import pytest
import torch

from lab.measuring import masking_weights


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A models folder: grounding-dino/{small_dino,small_dino.pth}, sams/{small_sam,small_sam.pth}."""
    folder = tmp_path_factory.mktemp("models")
    masking_weights.make_small(folder)
    return folder


@pytest.fixture
def picture() -> torch.Tensor:
    """(60, 90, 3): noise, a red square on the left."""
    out = torch.rand(60, 90, 3, generator=torch.Generator().manual_seed(7)) * 0.2
    out[15:45, 10:40] = torch.tensor([0.9, 0.1, 0.1])
    return out
