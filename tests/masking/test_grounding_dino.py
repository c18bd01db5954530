"""From a network's answer to detections; the network here is a table of made-up answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from single_image_studio.masking.detection_prompt import load_tokenizer, parse_prompt
from single_image_studio.masking.grounding_dino import GroundingDino
from single_image_studio.masking.preprocessing import Preprocessing
from single_image_studio.support.errors import InputError

# the tokens of "red heart. hat.": [CLS] red heart . hat . [SEP]
PROBABILITIES = [
    [0.0, 0.10, 0.90, 0.05, 0.02, 0.0, 0.0],  # a heart, its colour not sure
    [0.0, 0.60, 0.85, 0.05, 0.02, 0.0, 0.0],  # nearly the same place, less sure
    [0.0, 0.01, 0.02, 0.05, 0.40, 0.0, 0.0],  # a hat
    [0.0, 0.01, 0.02, 0.70, 0.10, 0.0, 0.0],  # sure of a full stop alone
    [0.0, 0.10, 0.20, 0.05, 0.02, 0.0, 0.0],  # below the threshold
]
BOXES = [[0.5, 0.5, 0.2, 0.4], [0.5, 0.5, 0.2, 0.41], [0.05, 0.1, 0.4, 0.2], [0.8, 0.8, 0.1, 0.1], [0.3, 0.3, 0.1, 0.1]]


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[torch.Size, list[int]]] = []

    def forward(self, pixels, ids):
        self.seen.append((pixels.shape, ids[0].tolist()))
        logits = torch.full((1, len(BOXES), 256), -torch.inf)
        logits[0, :, :7] = torch.tensor(PROBABILITIES).logit()
        return logits, torch.tensor([BOXES])


@pytest.fixture
def detector() -> GroundingDino:
    return GroundingDino(Table(), load_tokenizer(), Preprocessing(80, 160))


def test_detections_by_hand(detector) -> None:
    found = detector.detect(torch.rand(50, 100, 3), parse_prompt("red heart . hat"), 0.3, 0.25)
    assert [(d.phrase, d.label, round(d.score, 2)) for d in found] == [
        ("red heart", "heart", 0.9),
        ("hat", "", 0.7),
        ("hat", "hat", 0.4),
    ]
    assert found[0].box == pytest.approx((40, 15, 60, 35))
    assert found[2].box == pytest.approx((0, 0, 25, 10))  # cut at the picture's edge
    assert detector.best_score() == pytest.approx(0.9)
    assert detector.net.seen == [(torch.Size([1, 3, 80, 160]), [101, 2417, 2540, 1012, 6045, 1012, 102])]


def test_thresholds(detector) -> None:
    prompt, picture = parse_prompt("red heart . hat"), torch.rand(50, 100, 3)
    # above, not at
    assert detector.detect(picture, prompt, 0.9, 0.25) == [] and detector.best_score() == pytest.approx(0.9)
    assert detector.detect(picture, prompt, 0.8, 0.05)[0].label == "red heart"
    assert detector.detect(picture, prompt, 0.8, 0.95)[0].label == ""
    assert len(detector.detect(picture, prompt, 0.1, 0.25)) == 4


def test_a_prompt_that_is_too_long_never_reaches_the_network(detector) -> None:
    with pytest.raises(InputError, match="tokens long"):
        detector.detect(torch.rand(50, 100, 3), parse_prompt("dog . " + "cat " * 300), 0.3, 0.25)
    assert detector.net.seen == []
