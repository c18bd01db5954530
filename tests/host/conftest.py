"""What the tests of concepts kept apart share: wires, and a LoRA that changes a lot with its negative prompt."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from ..helpers.conditionings import encode
from ..helpers.kept_apart import Wires
from ..helpers.lora import some_lora


@pytest.fixture
def wires(demo_model) -> Wires:
    return demo_model[:2]


@pytest.fixture
def lora(demo_model) -> dict[str, Tensor]:
    return some_lora(*demo_model[:2], 0.1)


@pytest.fixture
def negative(demo_model) -> Any:
    return encode(demo_model[1], "")
