"""Concept Metrics with small random networks: each score against the original computation on the same weights, and what
bad input is told."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lab.measuring import metric_weights
from single_image_studio.evaluation.editing_prompts import WHOLE, without_names
from single_image_studio.support.errors import InputError

from ..helpers.metrics import (
    GOALS,
    PROMPTS,
    batch,
    clip_vectors,
    concept,
    dino_vectors,
    distance,
    edit,
    halves,
    left_half,
    numbers,
    picture,
    text_vectors,
)

pytestmark = pytest.mark.usefixtures("measuring_networks")


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """Filled by the first test that asks for it: `concept()`."""
    return {}


@pytest.fixture
def result(usual, measuring_networks) -> Any:
    """Of four pictures of two prompts, measured with everything."""
    if not usual:
        usual["result"] = concept()
    return usual["result"]


@pytest.fixture
def scores(result) -> dict[str, Any]:
    return numbers(result.report)


# oracles: the networks as their libraries call them, on pictures as torchvision reads them


def test_likeness_is_the_cosine_that_the_networks_own_programs_give(scores) -> None:
    found, drawn = scores, batch(1, 2, 3, 4)
    networks = {"CLIP-I": clip_vectors, "DINO": lambda x: dino_vectors(x, metric_weights.small_dino())}
    for name, vectors in networks.items():
        for part, reference, pictures in zip("fb", halves(batch(0)), halves(drawn)):
            expected = vectors(pictures) @ vectors(reference)[0]
            assert found[f"{name}-{part}"]["values"] == pytest.approx(expected.tolist(), abs=1e-4)
            assert expected.std() > 1e-3  # or any answer would do


def test_dinov2_is_read_too() -> None:
    found = numbers(concept(dino_model="small_dinov2").report)
    net = metric_weights.small_dinov2()
    expected = dino_vectors(halves(batch(1, 2, 3, 4))[0], net) @ dino_vectors(halves(batch(0))[0], net)[0]
    assert found["DINO-f"]["values"] == pytest.approx(expected.tolist(), abs=1e-4)


def test_prompts_are_read_without_the_concepts_name(scores) -> None:
    found = scores["CLIP-T"]["values"]
    texts = text_vectors(["heart in the snow", "heart on a beach"])
    expected = (clip_vectors(batch(1, 2, 3, 4)) * texts.repeat_interleave(2, 0)).sum(-1)
    assert found == pytest.approx(expected.tolist(), abs=1e-4)


def test_variety_is_the_mean_distance_within_each_prompt(scores) -> None:
    found = scores["DIV"]["values"]
    expected = [distance(picture(1), picture(2)), distance(picture(3), picture(4))]
    assert found == pytest.approx(expected, abs=1e-4) and min(expected) > 1e-3


def test_a_folder_and_its_file_alone_are_the_same_clip(scores) -> None:
    alone = numbers(concept(clip_model="small_clip.safetensors", dino_model="none", lpips_model="none").report)
    assert {name: alone[name] for name in ("CLIP-I-f", "CLIP-I-b", "CLIP-T")} == {
        name: scores[name] for name in ("CLIP-I-f", "CLIP-I-b", "CLIP-T")
    }


def test_pictures_of_truth_values_are_black_and_white() -> None:
    flags = [batch(1, 2, 3, 4) > 0.5]
    assert concept(flags).report == concept([flags[0].float()]).report


def test_pictures_of_several_sizes_are_measured_together(scores) -> None:
    images = [batch(1, 2, height=80, width=128), batch(3, 4)]
    found = numbers(concept(images, masks=[torch.ones(4, 16, 16) * left_half(16, 16)]).report)
    assert len(found["CLIP-I-f"]["values"]) == 4 and len(found["DIV"]["values"]) == 2
    assert found["CLIP-I-f"]["values"][2:] == pytest.approx(
        numbers(concept().report)["CLIP-I-f"]["values"][2:], abs=2e-2
    )


def test_pictures_with_empty_masks_are_left_out_and_told(scores) -> None:
    masks = [torch.stack([left_half(), torch.zeros(96, 96), torch.ones(96, 96), left_half()])]
    result = concept(masks=masks, dino_model="none", lpips_model="none")
    found, values = numbers(result.report)["CLIP-I-f"]["values"], scores["CLIP-I-f"]["values"]
    assert len(found) == 3 and found[::2] == [values[0], values[3]]
    assert "1 pictures without a foreground in their masks were left out" in result.report
    assert "1 pictures without a background in their masks were left out" in result.report


def test_all_in_one_batch_is_the_same_as_a_batch_a_prompt(result) -> None:
    together = concept([batch(1, 2, 3, 4)], ["\n".join(PROMPTS)])
    assert together.report == result.report


def test_a_single_batch_without_prompts_is_of_one_prompt() -> None:
    result = concept([batch(1, 2, 3)], [""])
    assert len(numbers(result.report)["DIV"]["values"]) == 3
    assert "CLIP-T: not measured. `prompts` is empty." in result.report


def test_goals_are_estimated_and_called_an_estimate() -> None:
    result = concept(goals=GOALS, dino_model="none", lpips_model="none")
    texts, vectors, reference = text_vectors(GOALS), clip_vectors(batch(1, 2, 3, 4)), clip_vectors(batch(0))
    expected = []
    for goal, asked, unasked in ((0, vectors[:2], vectors[2:]), (1, vectors[2:], vectors[:2])):
        known = torch.cat([reference, unasked]) @ texts[goal]
        expected += ((asked @ texts[goal]) > known.mean() + known.std(unbiased=False)).float().tolist()
    assert numbers(result.report)["ESR (estimate by CLIP)"]["values"] == expected
    assert "The paper's ESR is judged by people" in result.report


def test_a_prompt_that_is_to_be_followed_as_a_whole_is_its_own_goal(scores) -> None:
    whole = concept(goals=[WHOLE, WHOLE], dino_model="none", lpips_model="none")
    spelt = concept(goals=[without_names(prompt) for prompt in PROMPTS], dino_model="none", lpips_model="none")
    assert whole.report == spelt.report
    silent = concept([batch(1, 2, 3)], [""], goals=[WHOLE], dino_model="none", lpips_model="none")
    assert "not measured. `goals` is empty." in silent.report


def test_the_words_come_first_and_the_chart_shows_each_score(result) -> None:
    assert result.report.startswith("4 pictures of 2 prompts against 1 reference.\n- CLIP-I-f: ")
    assert result.chart.shape[0] == 1 and result.chart.shape[3] == 3
    assert result.chart.shape[1] > concept(clip_model="none", lpips_model="none").chart.shape[1]


def test_none_leaves_scores_out() -> None:
    result = concept(clip_model="none", lpips_model="none")
    assert (
        "CLIP-I-f: not measured. No file was chosen for `clip_model`: put one into models/clip_vision." in result.report
    )
    assert numbers(result.report)["DIV"]["mean"] is None and numbers(result.report)["DINO-f"]["mean"] is not None


def test_half_a_clip_measures_pictures(scores) -> None:
    result = concept(clip_model="small_pictures.safetensors", dino_model="none", lpips_model="none")
    assert numbers(result.report)["CLIP-I-f"] == scores["CLIP-I-f"]
    assert "CLIP-T: not measured. The file of `clip_model` has CLIP's pictures' half alone" in result.report


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clip_model": "gone"}, "`clip_model`: there is no 'gone' in"),
        ({"dino_model": "small_clip"}, "holds a clip model and not a DINOv2 nor a DINO"),
        ({"dino_model": "small_clip.safetensors"}, "is not a DINOv2 nor a DINO checkpoint"),
        ({"reference_mask": torch.zeros(1, 64, 64)}, "`reference_mask` is empty"),
        ({"masks": [torch.ones(3, 96, 96)]}, "`masks` holds 3 masks and `images` 4 pictures"),
        ({"prompts": ["a\nb\nc"]}, "`images` holds 4 pictures and `prompts` 3 prompts"),
        ({"goals": ["snow"]}, "`goals` has 1 lines for 2 prompts"),
        ({"images": [torch.full((4, 96, 96, 3), torch.nan)]}, "`images` holds numbers that are not finite"),
        ({"images": [torch.ones(1, 96, 96, 2)], "masks": [torch.ones(1, 1, 1)]}, "`images` has pictures of 2 channels"),
        ({"images": [torch.zeros(0, 96, 96, 3)], "masks": [torch.ones(1, 1, 1)]}, "`images` holds no picture"),
        ({"images": [batch(1, 2, height=32, width=32)], "prompts": [""]}, "LPIPS needs at least 64 pixels a side"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_one_sentence(changes: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        concept(**changes)


def test_the_hosts_random_numbers_stay() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    concept()
    edit(batch(0), batch(1))
    assert torch.equal(torch.get_rng_state(), before)
