"""How sure a rate or a mean is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from scipy import stats

RESAMPLED = 4000


def wilson(right: int, asked: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson's)."""
    rate, spread = right / asked, z * z / asked
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / asked + spread / (4 * asked)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def half_width(values: Sequence[float], z: float = 1.96) -> float:
    """Half of the 95 % interval of a mean, such as one of paired differences; of two values or more."""
    return z * statistics.stdev(values) / math.sqrt(len(values))


def student(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval by Student's t, for few values; of one value alone, not a number."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, float(stats.t.ppf(0.975, len(values) - 1)) * spread


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Mean, and the 95 % interval of it, by drawing the groups anew."""
    sample = np.asarray(values, float)
    drawn = np.random.default_rng(seed).choice(sample, (RESAMPLED, len(sample))).mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(sample.mean()), float(low), float(high)
