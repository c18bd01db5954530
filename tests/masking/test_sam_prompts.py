"""Boxes, points and rough masks as SAM reads them: against the original program's predictor and transformers' own
processor and model."""

from __future__ import annotations

import pytest
import torch

from single_image_studio.masking.families import SEGMENTERS
from single_image_studio.masking.interfaces import Embedding, Thing
from single_image_studio.masking.sam_prompts import AT_ONCE, alike, best_of, in_square

BOX = (10.0, 5.0, 60.0, 50.0)
ROUGH = torch.zeros(60, 90)
ROUGH[10:40, 20:50] = 1
THINGS = {
    "box": Thing(BOX),
    "box and points": Thing(BOX, ((20.0, 20.0, True), (55.0, 45.0, False))),
    "a click": Thing(points=((70.0, 30.0, True),)),
    "points": Thing(points=((70.0, 30.0, True), (80.5, 10.25, True), (5.0, 5.0, False))),
    "box and mask": Thing(BOX, mask=ROUGH),
    "points and mask": Thing(points=((30.0, 30.0, True),), mask=ROUGH),
}


@pytest.mark.parametrize("name", THINGS)
def test_as_the_original_program_s_predictor(small_models, picture, name: str) -> None:
    """segment-anything's SamPredictor with our encoding: its own scaling, prompt encoder, decoder and enlarging."""
    predictor_module = pytest.importorskip("segment_anything.predictor")
    thing = THINGS[name]
    segmenter = SEGMENTERS.load(small_models / "sams" / "small_sam.pth", "segment-anything")
    embedding = segmenter.encode(picture)
    predictor = predictor_module.SamPredictor(segmenter.net.model)
    predictor.features, predictor.is_image_set = embedding.features, True
    predictor.original_size, predictor.input_size = embedding.size, embedding.resized
    rough = in_square([thing], embedding, segmenter.net.side).masks
    masks, scores, _ = predictor.predict(
        point_coords=torch.tensor([p[:2] for p in thing.points]).numpy() if thing.points else None,
        point_labels=torch.tensor([int(p[2]) for p in thing.points]).numpy() if thing.points else None,
        box=torch.tensor(thing.box).numpy() if thing.box else None,
        mask_input=None if rough is None else rough[0].numpy(),
        multimask_output=name == "a click",
        return_logits=True,
    )
    wanted = torch.from_numpy(masks[scores.argmax()])
    assert wanted.std() > 0.01
    ours = SEGMENTERS.load(small_models / "sams" / "small_sam.pth")
    for route in (segmenter, ours):
        assert (route.masks(embedding, [thing])[0] - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("name", THINGS)
def test_as_transformers_own_processor_and_model(small_models, picture, name: str) -> None:
    from transformers import SamImageProcessor, SamModel, SamProcessor

    thing, folder = THINGS[name], small_models / "sams" / "small_sam"
    segmenter = SEGMENTERS.load(folder)
    embedding = segmenter.encode(picture)
    sizes = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    processor = SamProcessor(SamImageProcessor(**sizes))
    inputs = processor(
        (picture * 255).byte().numpy(),
        input_points=[[list(p[:2]) for p in thing.points]] if thing.points else None,
        input_labels=[[int(p[2]) for p in thing.points]] if thing.points else None,
        input_boxes=[[list(thing.box)]] if thing.box else None,
        return_tensors="pt",
    )
    shapes = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
    del inputs["pixel_values"]  # version 5 resizes by another library: the encoding is ours
    rough = in_square([thing], embedding, 64).masks
    prompts = {key: value.float() if value.is_floating_point() else value for key, value in inputs.items()}
    with torch.no_grad():
        out = SamModel.from_pretrained(folder)(
            image_embeddings=embedding.features, input_masks=rough, multimask_output=name == "a click", **prompts
        )
    masks = (
        processor.post_process_masks(out.pred_masks, *shapes, binarize=False)
        if hasattr(processor, "post_process_masks")
        else processor.image_processor.post_process_masks(out.pred_masks, *shapes, binarize=False)
    )
    wanted = masks[0][0, int(out.iou_scores[0, 0].argmax())]
    assert (segmenter.masks(embedding, [thing])[0] - wanted).abs().max() <= 1e-5


def test_things_of_all_kinds_together_are_as_each_alone(small_models, picture) -> None:
    segmenter = SEGMENTERS.load(small_models / "sams" / "small_sam")
    embedding = segmenter.encode(picture)
    things = list(THINGS.values()) * 3
    for thing, together in zip(things, segmenter.masks(embedding, things)):
        assert torch.allclose(segmenter.masks(embedding, [thing])[0], together, atol=1e-5)
    groups = alike([Thing(BOX)] * (AT_ONCE + 1) + things)
    assert sorted(i for group in groups for i in group) == list(range(AT_ONCE + 1 + len(things)))
    assert max(map(len, groups)) == AT_ONCE


def test_coordinates_and_rough_masks_by_hand() -> None:
    """A picture of 8×32 fills 4×16 of a square of 16; a rough mask of its left half fills 4×8 of that."""
    embedding = Embedding(torch.zeros(1, 1, 4, 4), (8, 32), (4, 16))
    mask = torch.zeros(8, 32)
    mask[:, :16] = 1
    prompts = in_square([Thing((2.0, 4.0, 16.0, 8.0), ((32.0, 2.0, True), (0.0, 8.0, False)), mask)], embedding, 16)
    assert prompts.boxes.tolist() == [[1, 2, 8, 4]] and prompts.points.tolist() == [[[16, 1], [0, 4]]]
    assert prompts.labels.tolist() == [[1, 0]] and prompts.masks.shape == (1, 1, 16, 16)
    sure = torch.tensor(0.999).logit()
    assert torch.allclose(prompts.masks[0, 0, :3, :7], sure) and torch.allclose(prompts.masks[0, 0, :, 9:], -sure)
    assert torch.allclose(prompts.masks[0, 0, 5:], -sure)  # below the picture
    answers = torch.arange(12.0).reshape(2, 3, 1, 2)
    assert best_of(answers, torch.tensor([[0.1, 0.9, 0.2], [0.5, 0.1, 0.4]])).flatten().tolist() == [2, 3, 6, 7]
