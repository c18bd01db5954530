"""Pictures with masks, and a new detector."""

from __future__ import annotations

import pytest
import torch

from lab.training import detector
from lab.world import grounding


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> grounding.Pictures:
    return grounding.data_set(grounding.CHUNK, 9, tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def model() -> detector.GroundingDinoForObjectDetection:
    torch.manual_seed(0)
    return detector.new_model()
