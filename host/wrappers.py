"""What other packs wrap around the host's calls, and which of it can stay while inverting, optimising and training.

| kind | what it wraps | here |
|---|---|---|
| apply_model, diffusion_model, calc_cond_batch | one prediction | stays |
| prepare_sampling | loading | stays |
| outer_sample, sampler_sample, predict_noise | the sampler's loop or guidance | left out, with all that came with it |

The last kind assumes a sampler's falling noise: step caches (EasyCache, LazyCache) skip evaluations while noise rises,
context windows draw noise anew. A pack adds all of its wrappers under one key, so they go together. Concepts that are
kept apart (`host.unet_apart`) are of the last kind too and stay: all that they do is done for one prediction.
"""

from __future__ import annotations

from typing import Any

from ..support.warnings import warn
from .token_marks import KEY

OF_THE_SAMPLER = ("outer_sample", "sampler_sample", "predict_noise")


def leave_out_what_wraps_the_sampler(patcher: Any) -> None:
    """Removes such wrappers from our own copy of a MODEL, and warns of them."""
    keys = {key for kind in OF_THE_SAMPLER for key, kept in patcher.wrappers.get(kind, {}).items() if kept} - {KEY}
    for kind in list(patcher.wrappers):
        for key in keys:
            if key is not None or kind in OF_THE_SAMPLER:  # without a key, nobody knows what belongs together
                patcher.remove_wrappers_with_key(kind, key)
    if keys:
        names = ", ".join(sorted("a wrapper without a name" if key is None else str(key) for key in keys))
        warn("wrapper_left_out", wrappers=names)
