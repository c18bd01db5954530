"""OWLv2 and OWL-ViT on small random weights, against transformers' own tokenizer, processor and model."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from single_image_studio.masking.clip_prompt import load_clip_tokenizer, tokenize_phrases
from single_image_studio.masking.detection_prompt import parse_prompt
from single_image_studio.masking.families import DETECTORS
from single_image_studio.masking.square_pictures import SquarePictures, resized_rows
from single_image_studio.support.errors import InputError

from ..helpers.masking_networks import OWL_SIDE, clip_words, need, owl

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers")

KINDS = ("Owlv2", "OwlViT")
PROMPT = parse_prompt("a red heart . hat . the heart's edge")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: owl(kind, root / kind.lower()) for kind in KINDS}


def test_phrases_are_read_as_clip_s_own_tokenizer_reads_them(folders) -> None:
    folder = folders["Owlv2"]
    theirs = need("CLIPTokenizerFast").from_pretrained(folder, pad_token="!")
    texts = "Red HEART . hat, the heart's  edge? . 3 red-hats (café) . 心 . it’s"
    prompt = parse_prompt(texts)
    words, _ = clip_words()
    ours = tokenize_phrases(prompt, load_clip_tokenizer(folder), 99, len(words))
    wanted = theirs(list(prompt.phrases))["input_ids"]
    assert [row[: len(ids)].tolist() for row, ids in zip(ours, wanted)] == wanted
    assert all(not row[len(ids) :].any() for row, ids in zip(ours, wanted)) and ours.shape[1] == max(map(len, wanted))


def test_a_tokenizer_json_gives_the_same(folders, tmp_path) -> None:
    ours = load_clip_tokenizer(folders["Owlv2"])
    ours.save(str(tmp_path / "tokenizer.json"))
    again = load_clip_tokenizer(tmp_path)
    assert again.encode("a red heart").ids == ours.encode("a red heart").ids


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(60, 90), (200, 130), (96, 96)])
def test_the_answers_are_those_of_the_library(folders, kind: str, size: tuple[int, int]) -> None:
    """Its tokenizer, its model, its boxes in pixels; of the same picture, which another library has resized."""
    picture = torch.rand(*size, 3, generator=torch.Generator().manual_seed(1))
    detector = DETECTORS.load(folders[kind])
    tokenizer = need("CLIPTokenizerFast").from_pretrained(folders[kind], pad_token="!")
    text = tokenizer(list(PROMPT.phrases), padding="max_length", max_length=16, return_tensors="pt")
    model = need(f"{kind}ForObjectDetection").from_pretrained(folders[kind]).eval()
    with torch.no_grad():
        wanted = model(**text, pixel_values=detector.pictures(picture))
        ids = tokenize_phrases(PROMPT, detector.tokenizer, 16, 10**6)
        logits, boxes = detector.net(detector.pictures(picture), ids)
    assert wanted.logits.std() > 0.05 and wanted.pred_boxes.std() > 0.05
    assert (logits - wanted.logits).abs().max() <= 1e-5 and (boxes - wanted.pred_boxes).abs().max() <= 1e-5
    scores = wanted.logits.sigmoid().amax(-1)[0].sort().values
    processor, middle = need(f"{kind}ImageProcessor")(), float(scores[17:19].mean())  # between two of the 36
    (result,) = processor.post_process_object_detection(wanted, middle, [size])
    within = result["boxes"].clamp(torch.zeros(4), torch.tensor([size[1], size[0]] * 2))
    found = detector.detect(picture, PROMPT, middle, 0.99)
    assert len(found) > 1
    for detection in found:
        same = (within - torch.tensor(detection.box)).abs().amax(-1) <= 1e-3
        same &= (result["scores"] - detection.score).abs() <= 1e-5
        assert PROMPT.phrases.index(detection.phrase) in result["labels"][same].tolist()
        assert detection.label == detection.phrase and detection.score <= detector.best_score()


@pytest.mark.parametrize("size", [(300, 200), (60, 90), (200, 301), (1, 1), (1, 40), (96, 96)])
def test_owlv2_s_picture_is_the_library_s(size: tuple[int, int]) -> None:
    picture = torch.rand(*size, 3, generator=torch.Generator().manual_seed(1))
    image = Image.fromarray((picture * 255).round().byte().numpy())
    if transformers.__version__ < "5" and size != (96, 96):
        pytest.skip("it pads with grey, which the original program never did, and refuses a picture of 1×1")
    processor = need("Owlv2ImageProcessor")(size={"height": 64, "width": 64})
    wanted = processor(image, return_tensors="pt")["pixel_values"]
    found = SquarePictures(64, padded=True)(picture)
    # 4.x resizes with SciPy, whose Gaussian reaches to 4 sigma
    assert found.shape == (1, 3, 64, 64) and (found - wanted).abs().max() <= (
        1e-5 if transformers.__version__ >= "5" else 0.05
    )


def test_rows_are_blurred_before_they_are_shortened() -> None:
    """A spike keeps weight and place: half as many numbers are means of blurred pairs, more lie between."""
    spike = torch.zeros(1, 40)
    spike[0, 20] = 1
    half = resized_rows(spike, 20)
    assert half.sum() == pytest.approx(0.5, abs=1e-6) and half.argmax() == 10
    gauss = np.exp(-((np.arange(-2, 3) / 0.5) ** 2) / 2)
    gauss /= gauss.sum()
    assert half[0, 10] == pytest.approx((gauss[2] + gauss[3]) / 2, abs=1e-6)
    assert resized_rows(torch.tensor([[0.0, 4.0]]), 4).tolist() == [[0, 1, 3, 4]]


def test_a_picture_is_padded_or_stretched(folders) -> None:
    white = torch.ones(50, 100, 3)
    padded, stretched = (SquarePictures(20, padded, (0.0,) * 3, (1.0,) * 3) for padded in (True, False))
    assert padded(white)[0, :, :9].min() > 0.99 and padded(white)[0, :, 11:].max() < 0.01
    assert stretched(white).min() > 0.99
    assert padded.extent(50, 100) == (100, 100) and stretched.extent(50, 100) == (50, 100)
    assert DETECTORS.load(folders["Owlv2"]).pictures == SquarePictures(OWL_SIDE, True, (0.4, 0.5, 0.6))


def fixed(detector: Any, boxes: list[tuple[float, ...]], scores: list[list[float]]) -> Any:
    """The detector with a network that always answers so."""
    detector._run = lambda *_: (torch.tensor([scores]).logit(), torch.tensor([boxes]))
    return detector


def test_boxes_are_turned_back_to_pixels_and_what_lies_beside_the_picture_is_none(folders) -> None:
    """A picture of 100×50 in a square of 100×100: relative heights above 0.5 are padding."""
    boxes = [(0.25, 0.25, 0.5, 0.5), (0.5, 0.8, 0.4, 0.2), (0.9, 0.45, 0.4, 0.3), (0.25, 0.26, 0.5, 0.5)]
    scores = [[0.3, 0.1], [0.9, 0.1], [0.05, 0.2], [0.2, 0.1]]
    detector = fixed(DETECTORS.load(folders["Owlv2"]), boxes, scores)
    found = detector.detect(torch.rand(50, 100, 3), parse_prompt("heart . hat"), 0.1, 0.25)
    assert [(d.phrase, *map(round, d.box)) for d in found] == [("heart", 0, 0, 50, 50), ("hat", 70, 30, 100, 50)]
    assert [d.score for d in found] == pytest.approx([0.3, 0.2]) and detector.best_score() == pytest.approx(0.3)
    assert detector.detect(torch.rand(50, 100, 3), parse_prompt("heart . hat"), 0.95, 0.25) == []


def test_half_precision_leaves_boxes_in_place(folders, picture) -> None:
    detector = DETECTORS.load(folders["Owlv2"])
    pixels, ids = detector.pictures(picture), tokenize_phrases(PROMPT, detector.tokenizer, 16, 10**6)
    logits, boxes = detector._run(pixels, ids)
    detector.use_half(torch.bfloat16)
    close_logits, close_boxes = detector._run(pixels, ids)
    assert close_logits.dtype == close_boxes.dtype == torch.float32
    assert 0 < (close_boxes - boxes).abs().max() < 0.1 and (close_logits - logits).abs().max() < 0.5


def test_too_long_and_foreign_tokenizers_are_one_sentence(folders, tmp_path, picture) -> None:
    detector = DETECTORS.load(folders["Owlv2"])
    with pytest.raises(InputError, match=r"^`prompt`: 'a{20}' is 22 tokens long, and this detector reads at most 16"):
        detector.detect(picture, parse_prompt("hat . " + "a" * 20), 0.1, 0.1)
    (tmp_path / "small").mkdir()
    words, _ = clip_words()
    with pytest.raises(InputError, match="^`detector`: its tokenizer belongs to another model"):
        tokenize_phrases(PROMPT, detector.tokenizer, 16, len(words) - 1)
    with pytest.raises(InputError, match="^`detector`: small lacks its tokenizer: download tokenizer.json, or vocab"):
        load_clip_tokenizer(tmp_path / "small")
