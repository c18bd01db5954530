"""Running out of memory, and how much of it was used."""

from __future__ import annotations

import logging

import comfy.model_management
import torch

log = logging.getLogger("single_image_studio")
OUT_OF_MEMORY: tuple[type[BaseException], ...] = (comfy.model_management.OOM_EXCEPTION, MemoryError)


def free_memory_after(error: BaseException) -> None:
    """Lets go of what a failed step held, so that a smaller one can be tried."""
    log.info("out of memory: %s", error)
    comfy.model_management.soft_empty_cache()


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
