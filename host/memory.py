"""Running out of memory, and how much of it was used."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import comfy.model_management
import torch

log = logging.getLogger("single_image_studio")
# RuntimeError: what CPUs and MPS raise, among much else; who catches it asks `require_out_of_memory`. The host's own
# class is one too. (Where torch has none, the host takes Exception for it, which would be cancelling as well.)
OUT_OF_MEMORY: tuple[type[BaseException], ...] = (MemoryError, RuntimeError)


def free_memory_after(error: BaseException) -> None:
    """Lets go of what a failed step held, so that a smaller one can be tried."""
    log.info("out of memory: %s", error)
    is_oom = getattr(comfy.model_management, "is_oom", None)
    if is_oom is not None:  # newer hosts also clear an error that the GPU would report once more
        is_oom(error)
    comfy.model_management.soft_empty_cache()


def graph_bytes(latent: Sequence[int], dtype: torch.dtype, checkpointing: bool = False) -> int:
    """What SD 1.x's UNet keeps for the gradients of one picture, on the safe side.

    latent: its shape, (…, h, w). dtype: what is computed in. checkpointing: blocks are recomputed.
    The numbers are a full-size UNet's with a LoRA, as `lab.measuring.training_memory` counts them, and a little more.
    """
    area = math.prod(latent[-2:])
    whole, matrices = (26_000, 24) if checkpointing else (70_000, 60)
    numbers = whole * area + (0 if _attention_is_linear() else matrices * area**2)
    return numbers * dtype.itemsize


def even_split(batch: int, fitting: int) -> int:
    """The size of a micro-batch: as few as `fitting` allows, and all of about the same size; 0 when none fits."""
    return 0 if fitting < 1 else math.ceil(batch / math.ceil(batch / fitting))


def _attention_is_linear() -> bool:
    """Whether the host's attention keeps no matrix of all pairs of pixels."""
    manager = comfy.model_management
    flags = (
        "xformers_enabled",
        "flash_attention_enabled",
        "sage_attention_enabled",
        "pytorch_attention_flash_attention",
    )
    return any(getattr(manager, flag, bool)() for flag in flags)


class PeakMemory:
    """The most memory that the work has used: on a GPU what torch allocated, on the CPU the process's resident set."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def gigabytes(self) -> float | None:
        """None where it is not known (Windows, on the CPU)."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**30
        try:
            import resource
        except ImportError:  # Windows
            return None
        import sys

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
