"""Numbers that are not finite, in every type that weights are stored in."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.support.finite import are_finite

EIGHT_BITS = (torch.float8_e4m3fn, torch.float8_e5m2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, *EIGHT_BITS])
def test_numbers_are_looked_at_in_the_type_that_they_are_stored_in(dtype: torch.dtype) -> None:
    numbers = torch.tensor([0.0, -1.5, 200.0])
    broken = torch.tensor([0.0, float("nan"), 200.0])
    assert are_finite(numbers.to(dtype), None, torch.arange(3))
    assert not are_finite(numbers.to(dtype), broken.to(dtype))
