"""A concept as it travels between nodes: its phrase, its fingerprint, and what it refuses to be."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.concept.data import Concept
from single_image_studio.support.errors import InputError

from ..helpers.samples import LAYER, make_concept


@pytest.fixture
def concept() -> Concept:
    return make_concept()


def test_phrase_and_fingerprint(concept: Concept):
    assert concept.phrase("bear") == "<bear> teddy bear"
    print_ = concept.fingerprint()
    assert len(print_) == 16 and int(print_, 16) >= 0
    assert make_concept().fingerprint() == print_
    assert make_concept(picture=None, mask=None, name="other", losses={}, encoder_state=None).fingerprint() == print_
    others = [
        make_concept(class_word="bear"),
        make_concept(lora={}),
        make_concept(embedding=concept.embedding + 1e-6),
        make_concept(lora={**concept.lora, f"{LAYER}.alpha": torch.tensor(8.0)}),
        make_concept(lora={name: tensor.bfloat16() for name, tensor in concept.lora.items()}),
        make_concept(lora={name.replace("to_q", "to_k"): tensor for name, tensor in concept.lora.items()}),
    ]
    assert len({print_, *(other.fingerprint() for other in others)}) == 1 + len(others)


def test_fingerprint_does_not_depend_on_the_order_of_the_lora(concept: Concept):
    backwards = dict(reversed(concept.lora.items()))
    assert make_concept(lora=backwards).fingerprint() == concept.fingerprint()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"embedding": torch.zeros(32)}, "embedding is no list of words"),
        ({"embedding": torch.zeros(0, 32)}, "embedding is no list of words"),
        ({"embedding": torch.zeros(1, 32).half()}, "float16"),
        ({"embedding": torch.full((1, 32), torch.nan)}, "embedding holds numbers that are not finite"),
        ({"lora": {"a": torch.tensor([torch.inf])}}, "LoRA weight a"),
        ({"picture": torch.zeros(1, 3, 40, 64)}, "picture is not one RGB picture"),
        ({"picture": torch.zeros(2, 40, 64, 3)}, "picture is not one RGB picture"),
        ({"mask": torch.zeros(40, 64)}, "mask is not one mask"),
        ({"mask": torch.zeros(1, 40, 65)}, "64x40 pixels and its mask 65x40"),
        ({"mask": torch.full((1, 40, 64), torch.nan)}, "mask holds"),
        ({"class_word": " "}, "class word"),
        ({"stage": 3}, "stage is 3"),
        ({"encoder_state": "0"}, "image encoder is no table of weights"),
        ({"encoder_state": {"a": 1}}, "image encoder is no table of weights"),
    ],
)
def test_a_concept_refuses_what_no_training_makes(changes: dict, problem: str):
    with pytest.raises(InputError, match=problem):
        make_concept(**changes)
