"""How sure a rate or a mean is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def wilson(right: int, asked: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson's)."""
    rate, spread = right / asked, z * z / asked
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / asked + spread / (4 * asked)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def half_width(values: Sequence[float], z: float = 1.96) -> float:
    """Half of the 95 % interval of a mean, such as one of paired differences; of two values or more."""
    return z * statistics.stdev(values) / math.sqrt(len(values))
