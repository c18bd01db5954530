"""Whether Stage I has learned something. Its loss alone does not tell: it goes by the noise levels that were drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..support.warnings import Warned
from .training import Trained

LEARNED, FEWEST = 0.97, 10
"""Of the class word's loss on the subject, what * must get below to have learned it; and steps, to tell from. On the
demo model, runs that learned came to 0.54 … 0.92 (9 of them), and four that did not to 0.99 and 1.00."""


def doubts_about(trained: Trained) -> tuple[Warned, ...]:
    """A warning where * brings the subject no closer than the class word does by itself, at the same noise, over the
    last third of the steps."""
    losses = trained.losses["foreground"]
    if len(losses) < FEWEST or not trained.class_alone:
        return ()
    share = _last_third(losses) / max(_last_third(trained.class_alone), 1e-12)
    return (Warned("not_learned", {"percent": round(100 * share)}),) if LEARNED < share < math.inf else ()


def _last_third(losses: Sequence[float]) -> float:
    """Their mean."""
    last = losses[-math.ceil(len(losses) / 3) :]
    return sum(last) / len(last)
