"""Pictures as networks read them."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.masking.grounding_dino import PREPROCESSING
from single_image_studio.masking.preprocessing import Preprocessing, parse_preprocessing
from single_image_studio.support.errors import InputError

SAM_PREPROCESSING = Preprocessing(None, 1024)


@pytest.mark.parametrize(
    "size, expected",
    [
        ((480, 640), (800, 1066)),  # int(800 · 640 / 480)
        ((640, 480), (1066, 800)),
        ((500, 1000), (666, 1332)),  # the longer side would pass 1333: round(1333 / 2)
        ((1, 1), (800, 800)),
        ((8192, 8192), (800, 800)),
        ((1, 4000), (200, 1333)),  # too narrow for the detector's queries: stretched
        ((4000, 1), (1333, 200)),
    ],
)
def test_the_detector_s_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert PREPROCESSING.size(*size) == expected


@pytest.mark.parametrize(
    "size, expected",
    [((480, 640), (768, 1024)), ((1500, 1000), (1024, 683)), ((1, 1), (1024, 1024)), ((1, 4000), (1, 1024))],
)
def test_the_segmenter_s_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert SAM_PREPROCESSING.size(*size) == expected


def test_normalised_by_hand() -> None:
    picture = torch.tensor([0.2, 0.4, 0.6]).expand(10, 10, 3)
    out = Preprocessing(None, 20, (0.5, 0.5, 0.5), (0.5, 0.25, 0.1))(picture)
    assert out.shape == (1, 3, 20, 20)
    assert torch.allclose(out[0, :, 5, 5], torch.tensor([-0.6, -0.4, 1.0]), atol=1e-5)


@pytest.mark.parametrize(
    "config, short, long",
    [
        ({"size": {"shortest_edge": 128, "longest_edge": 128}}, 128, 128),
        ({"size": {"shortest_edge": 320}, "max_size": 640}, 320, 640),
        ({"size": 400, "max_size": 500}, 400, 500),
        ({"size": {"height": 256, "width": 256}}, 256, 256),
        ({"size": {"longest_edge": 96}}, None, 96),
        ({}, 800, 1333),
    ],
)
def test_preprocessor_configs_of_detectors(config, short, long) -> None:
    found = parse_preprocessing(config, PREPROCESSING, "x")
    assert (found.short, found.long, found.mean) == (short, long, PREPROCESSING.mean)


def test_a_config_s_own_mean_is_used_and_nonsense_refused() -> None:
    own = parse_preprocessing({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}, SAM_PREPROCESSING, "x")
    assert own.mean == own.std == (0.5, 0.5, 0.5)
    assert parse_preprocessing({"do_normalize": False}, SAM_PREPROCESSING, "x").std == (1.0, 1.0, 1.0)
    for bad in (
        {"size": {"depth": 3}},
        {"size": "large"},
        {"image_mean": [1, 2]},
        {"image_std": [0, 1, 1]},
        {"size": {"shortest_edge": 900, "longest_edge": 100}},
    ):
        with pytest.raises(InputError, match="x: preprocessor_config.json cannot be understood"):
            parse_preprocessing(bad, PREPROCESSING, "x")


def test_some_networks_stretch_every_picture_to_their_square() -> None:
    square = Preprocessing(None, 64, square=True)
    assert square.size(60, 90) == square.size(1, 5000) == (64, 64)
    read = parse_preprocessing({"size": {"height": 32, "width": 32}, "do_normalize": False}, square, "x")
    assert read.size(60, 90) == (32, 32) and read.std == (1.0, 1.0, 1.0)
