"""The demo's segmenter: its boxes and masks against the pictures, its losses by hand, a step that learns, and the
shipped folder."""

from __future__ import annotations

import copy
import pathlib
import random

import numpy as np
import pytest
import torch

from lab.training import train_segmenter as segmenter
from lab.training.detector import pixel_values
from lab.training.train_detector import box_iou
from lab.world import grounding, painting

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures

FOLDER = pathlib.Path(segmenter.__file__).resolve().parents[1] / "weights" / "sams" / "sis_demo_sam"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> grounding.Pictures:
    return grounding.data_set(grounding.CHUNK, 9, tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def model() -> segmenter.SamModel:
    torch.manual_seed(0)
    return segmenter.new_model()


def test_a_batch_holds_each_objects_box_and_mask(data) -> None:
    which = [0, 1, 2, 3, 4, 5, 6, 7]
    assert {len(data.scenes[i].objects) for i in which} == {1, 2}
    inputs, wanted = segmenter.batch_of(data, which, random.Random(0))
    assert (
        inputs["pixel_values"].shape == (8, 3, 128, 128)
        and inputs["input_boxes"].shape == (8, 2, 4)
        and wanted.shape == (8, 2, 64, 64)
    )
    for both, masks, i in zip(inputs["input_boxes"].tolist(), wanted.numpy(), which):
        for box, mask in zip(both, masks):
            assert box_iou(box, [2 * edge for edge in grounding.box_of(mask)]) > 0.6
        same = np.abs(masks[0] - masks[1]).max() < 0.01
        assert same == (len(data.scenes[i].objects) == 1)
        area = data.masks[i].sum((1, 2)) / 255 / 4
        assert masks[0].sum() == pytest.approx(area[0], rel=0.01)


def test_shaken_boxes_stay_near_and_inside() -> None:
    rng = random.Random(3)
    boxes = np.array([segmenter.shaken((2.0, 40.0, 62.0, 127.0), rng) for _ in range(500)])
    assert boxes.min() >= 0 and boxes.max() <= 128
    assert boxes[:, 1].mean() == pytest.approx(40, abs=0.7) and boxes[:, 1].std() == pytest.approx(
        1 + 0.05 * 87, rel=0.15
    )


def test_losses_by_hand() -> None:
    wanted = torch.zeros(1, 4, 4)
    wanted[0, :2] = 1
    right, wrong = 40 * (wanted - 0.5), -40 * (wanted - 0.5)
    assert segmenter.mask_loss(right, wanted).item() == pytest.approx(0, abs=1e-6)
    # Dice of nothing shared: (0 + 1) / (8 + 8 + 1)
    assert segmenter.mask_loss(wrong, wanted).item() == pytest.approx(5 * 20 + 1 - 1 / 17, rel=1e-4)
    half = wanted.clone()
    half[0, 1] = 0
    assert (
        segmenter.overlap(half - 0.5, wanted).item() == 0.5
        and segmenter.overlap(torch.full((1, 4, 4), -1.0), torch.zeros(1, 4, 4)).item() == 0
    )


@pytest.mark.parametrize("several", [False, True])
def test_a_few_steps_lower_the_loss(model, data, several: bool) -> None:
    inputs, wanted = segmenter.batch_of(data, range(6), random.Random(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    losses = []
    for _ in range(15):
        loss = segmenter.segmentation_loss(model.train(), inputs, wanted, several)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.2
    trained = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    # the one mask's, which `multimask_output=False` gives
    token = "mask_decoder.output_hypernetworks_mlps.0.proj_out.weight"
    assert (token in trained) == (not several)
    assert {
        "vision_encoder.patch_embed.projection.weight",
        "prompt_encoder.point_embed.2.weight",
        "mask_decoder.iou_prediction_head.proj_out.weight",
    } <= trained


def test_a_folder_is_what_transformers_loads(model, data, tmp_path: pathlib.Path) -> None:
    import transformers

    segmenter.save_folder(copy.deepcopy(model).eval(), tmp_path)
    again = transformers.AutoModel.from_pretrained(tmp_path)
    assert type(again) is transformers.SamModel
    inputs, _ = segmenter.batch_of(data, [0, 1], random.Random(0))
    with torch.no_grad():
        assert torch.equal(again(**inputs).pred_masks, model.eval()(**inputs).pred_masks)


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the segmenter is being trained: python -m lab.training.train_segmenter"
)
def test_the_shipped_folder_cuts_out_through_transformers_alone() -> None:
    import transformers

    model, report = transformers.SamModel.from_pretrained(FOLDER, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    processor = transformers.SamProcessor(transformers.AutoImageProcessor.from_pretrained(FOLDER))
    overlaps = []
    for scene in grounding.scenes(20, 78):
        picture, masks = painting.render(scene)
        mask = grounding.visible(masks)[0]
        inputs = processor(images=picture, input_boxes=[[list(grounding.box_of(mask))]], return_tensors="pt")
        assert torch.allclose(inputs["pixel_values"], pixel_values(picture[None]), atol=0.02)
        with torch.no_grad():
            outputs = model(**inputs, multimask_output=False)
        found = processor.post_process_masks(
            outputs.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )[0][0, 0].numpy()
        overlaps.append(np.minimum(mask, found).sum() / np.maximum(mask, found).sum())
    assert np.mean(overlaps) > 0.85
    assert (FOLDER / "model.safetensors").stat().st_size < 12_000_000
