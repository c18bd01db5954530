"""Every layout that artists have loads, and says what is wrong when it cannot."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest
import torch

from lab.measuring import masking_weights
from single_image_studio.masking import original_dino, transformers_api
from single_image_studio.masking.detection_prompt import parse_prompt
from single_image_studio.masking.families import DETECTORS, SEGMENTERS
from single_image_studio.masking.family import Source
from single_image_studio.masking.grounding_dino import OriginalDino, TransformersDino, network
from single_image_studio.masking.interfaces import Thing
from single_image_studio.support.errors import InputError

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures

PROMPT = parse_prompt("a red heart . hat")


def detect(path: pathlib.Path, picture: torch.Tensor) -> list:
    return DETECTORS.load(path).detect(picture, PROMPT, 0.0, 0.0)


def test_a_folder_s_own_sizes_are_honoured(small_models, picture) -> None:
    detector = DETECTORS.load(small_models / "grounding-dino" / "small_dino")
    assert detector.preprocessing.size(60, 90) == (96, 144)
    assert SEGMENTERS.load(small_models / "sams" / "small_sam").preprocessing.size(60, 90) == (43, 64)


def test_the_original_s_limit_on_coordinates_is_used_for_its_weights_alone() -> None:
    """Boxes that each decoder layer pushes towards 0 stop at the limit before the next pushes them."""
    weights = masking_weights.original_dino(masking_weights.SMALL_DINO)
    for name in weights:
        if "bbox_embed" in name and name.endswith("layers.2.bias"):
            weights[name] = torch.full((4,), -5.0)
    model = network(Source("x", original_dino.config_of(weights), original_dino.rename(weights)))
    pixels, ids = (
        torch.randn(1, 3, 96, 144, generator=torch.Generator().manual_seed(1)),
        torch.tensor([[101, 2417, 2540, 1012, 102]]),
    )
    ours, theirs = (net(model)(pixels, ids)[1] for net in (OriginalDino, TransformersDino))
    assert not torch.equal(ours, theirs) and (ours - theirs).abs().max() < 2e-3
    assert ours.median() > 10 * theirs.median()  # the wider limit keeps them further in


def test_folder_and_original_file_differ_by_the_limit_on_coordinates_alone(small_models, picture) -> None:
    folder, file = (DETECTORS.load(small_models / "grounding-dino" / name) for name in ("small_dino", "small_dino.pth"))
    file.preprocessing = folder.preprocessing
    pixels, ids = folder.preprocessing(picture), torch.tensor([[101, 2417, 2540, 1012, 102]])
    (logits, boxes), (other_logits, other_boxes) = (d.net(pixels, ids) for d in (folder, file))
    inside = logits.isfinite()
    assert logits[inside].std() > 0.05 and boxes.std() > 0.05
    assert torch.equal(other_logits.isfinite(), inside)
    assert (logits - other_logits)[inside].abs().max() < 1e-2 and (boxes - other_boxes).abs().max() < 2e-3
    with torch.no_grad():
        same = type(folder.net)(file.net.model)(pixels, ids)  # the file's weights without its limit
    assert torch.equal(same[1], boxes) and torch.equal(same[0], logits)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (37, 53)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_odd_pictures(small_models, size: tuple[int, int], channels: int) -> None:
    picture = torch.rand(*size, channels, generator=torch.Generator().manual_seed(1))
    found = detect(small_models / "grounding-dino" / "small_dino", picture)
    assert found and all(0 <= d.box[0] < d.box[2] <= size[1] and 0 <= d.box[1] < d.box[3] <= size[0] for d in found)
    segmenter = SEGMENTERS.load(small_models / "sams" / "small_sam")
    whole, corner = (0.0, 0.0, float(size[1]), float(size[0])), (0.0, 0.0, True)
    things = [
        Thing(found[0].box),
        Thing(points=(corner,)),
        Thing(whole, (corner,)),
        Thing(whole, mask=torch.ones(size)),
    ]
    logits = segmenter.masks(segmenter.encode(picture), things)
    assert logits.shape == (4, *size) and logits.isfinite().all()


def test_a_picture_of_8k(small_models) -> None:
    picture = (
        torch.rand(45, 80, 3, generator=torch.Generator().manual_seed(1))
        .repeat_interleave(96, 0)
        .repeat_interleave(96, 1)
    )
    assert detect(small_models / "grounding-dino" / "small_dino", picture)
    segmenter = SEGMENTERS.load(small_models / "sams" / "small_sam")
    embedding, rough = segmenter.encode(picture), torch.zeros(4320, 7680)
    rough[100:4000, 100:5000] = 1
    box = (100.0, 100.0, 5000.0, 4000.0)
    for thing in (Thing(points=((7679.0, 4319.0, True),)), Thing(box, mask=rough)):
        assert segmenter.masks(embedding, [thing]).shape == (1, 4320, 7680)


@pytest.mark.parametrize("name", ["small_dino", "small_dino.pth"])
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_of_the_detector(small_models, picture, name: str, half: torch.dtype) -> None:
    detector = DETECTORS.load(small_models / "grounding-dino" / name)
    exact = detector.detect(picture, PROMPT, 0.0, 0.0)
    detector.use_half(half)
    close = detector.detect(picture, PROMPT, 0.0, 0.0)
    assert close and abs(max(d.score for d in close) - max(d.score for d in exact)) < 0.15


def test_the_process_s_random_state_and_the_library_s_log_level_stay(small_models) -> None:
    from transformers.utils import logging

    torch.manual_seed(5)
    before, level, bar = torch.rand(1), logging.get_verbosity(), logging.is_progress_bar_enabled()
    torch.manual_seed(5)
    SEGMENTERS.load(small_models / "sams" / "small_sam.pth")
    assert torch.equal(torch.rand(1), before)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bar)


@pytest.fixture
def folder(small_models, tmp_path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(small_models / "grounding-dino" / "small_dino", tmp_path / "copy"))


def change(folder: pathlib.Path, **values) -> pathlib.Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


@pytest.mark.parametrize(
    "values, words",
    [
        ({"model_type": "sam"}, "holds a sam model"),
        ({"d_model": 48}, "does not fit what its config says"),
        ({"num_queries": 30}, "does not fit what its config says|lacks"),
        ({"encoder_layers": 3}, "lacks .* weights"),
        ({"encoder_attention_heads": 5}, "does not fit what its config says"),
        ({"backbone_config": {"model_type": "nonsense"}}, "does not fit what its config says"),
    ],
)
def test_a_config_that_does_not_fit(folder, values, words: str) -> None:
    with pytest.raises(InputError, match=words):
        DETECTORS.load(change(folder, **values))


def test_files_that_are_something_else(small_models, folder, tmp_path) -> None:
    dino, sam = small_models / "grounding-dino" / "small_dino.pth", small_models / "sams" / "small_sam.pth"
    with pytest.raises(InputError, match=r"`segmenter`: small_dino\.pth is not a SAM"):
        SEGMENTERS.load(dino)
    with pytest.raises(InputError, match=r"`detector`: small_sam\.pth is not a GroundingDINO"):
        DETECTORS.load(sam)
    with pytest.raises(InputError, match="of no published size"):
        DETECTORS.load(small_models / "grounding-dino" / "small_dino" / "model.safetensors")
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match="config.json cannot be read"):
        DETECTORS.load(folder)
    weights = masking_weights.original_sam(masking_weights.SMALL_SAM)
    torch.save({k: v for k, v in weights.items() if "iou_token" not in k}, tmp_path / "part.pth")
    with pytest.raises(InputError, match=r"part\.pth lacks 1 of the model's weights \(mask_decoder\.iou_token"):
        SEGMENTERS.load(tmp_path / "part.pth")


def test_the_packages_are_asked_for_by_name_and_say_when_they_are_not_there(small_models, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "segment_anything.modeling", None)
    with pytest.raises(InputError, match="segment-anything is not there .*`pip install segment-anything`"):
        SEGMENTERS.load(small_models / "sams" / "small_sam.pth", "segment-anything")
    with pytest.raises(InputError, match="has no model of the size"):
        DETECTORS.load(small_models / "grounding-dino" / "small_dino.pth", "groundingdino-py")
    with pytest.raises(InputError, match="Hugging Face's format, which segment-anything cannot read"):
        SEGMENTERS.load(small_models / "sams" / "small_sam", "segment-anything")


def test_groundingdino_py_that_does_not_import_is_one_sentence(monkeypatch) -> None:
    from single_image_studio.masking import packages
    from single_image_studio.masking.detection_prompt import load_tokenizer

    monkeypatch.setitem(__import__("sys").modules, "groundingdino", None)
    weights = {
        name: torch.empty(shape, device="meta")
        for name, shape in masking_weights.dino_shapes(masking_weights.DinoSize()).items()
    }
    with pytest.raises(
        InputError,
        match=r"groundingdino-py cannot be used here .*choose swint\.pth without .*requirements-groundingdino\.txt",
    ):
        packages.build_groundingdino(weights, load_tokenizer(), "swint.pth")


def test_a_transformers_that_is_too_old_is_told(monkeypatch, small_models) -> None:
    import transformers

    monkeypatch.setattr(transformers, "__version__", "4.49.0")
    with pytest.raises(InputError, match="transformers 4.49.0 is too old"):
        transformers_api.build("SamConfig", "SamModel", Source("x", {}, {}))
