"""When Stage I tells that it did not learn."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.concept.learned import doubts_about
from single_image_studio.concept.training import Trained
from single_image_studio.support.warnings import Warned


def trained(star: list[float], alone: list[float]) -> Trained:
    return Trained(torch.zeros(1, 2), {"foreground": star}, class_alone=alone)


@pytest.mark.parametrize(
    ("star", "alone", "told"),
    [
        ([2.0] * 8 + [1.0] * 4, [2.0] * 12, []),  # half of what the class word gives
        ([2.0] * 12, [2.0] * 12, [100]),
        ([0.1] * 8 + [3.0] * 4, [2.0] * 12, [150]),  # worse at last, whatever it was before
        ([5.0] * 8 + [1.0] * 4, [0.1] * 8 + [2.0] * 4, []),  # hard noise first, for both
        ([2.0] * 12, [2.0] * 24, [100]),  # in two micro-batches a step
        ([2.0] * 9, [2.0] * 9, []),  # too few steps to tell
        ([2.0] * 12, [], []),  # without the background loss the class word is not asked
    ],
)
def test_it_is_told_against_the_class_word_at_the_same_noise(
    star: list[float], alone: list[float], told: list[int]
) -> None:
    expected = tuple(Warned("not_learned", {"percent": percent}) for percent in told)
    assert doubts_about(trained(star, alone)) == expected
