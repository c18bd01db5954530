"""Patches that choose by chance (HyperTile's tiles, ToMe's tokens), and how they choose the same twice.

A stock sampler seeds torch's global generators once. An inversion and the sampling after it reach a noise level on
different ways, and what the one measured must hold for the other: so the choice goes by the timestep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def same_chance(seed: int, device: torch.device) -> Iterator[None]:
    """What draws from torch's global generators inside draws the same for the same seed; afterwards they go on as they
    were before."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.random.default_generator.manual_seed(seed)
        for one in devices:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(seed)
        yield
