"""The demo's detector: its labels against hand-made ones, its losses against transformers', a step that learns, and the
shipped folder."""

from __future__ import annotations

import copy
import json
import pathlib
import random

import numpy as np
import pytest
import torch

from lab.training import detector, train_detector
from lab.world import grounding, painting, world

pytestmark = pytest.mark.slow  # trains, draws or reads many pictures

FOLDER = pathlib.Path(detector.__file__).resolve().parents[1] / "weights" / "grounding-dino" / "sis_demo_dino"
Batch = tuple[dict[str, torch.Tensor], list[dict[str, torch.Tensor]]]


@pytest.fixture
def batch(data: grounding.Pictures) -> Batch:
    return detector.batch_of(data, [0, 3, 5, 8, 13, 21], random.Random(2), detector.new_tokenizer())


def phrases(*texts: str) -> list[grounding.Phrase]:
    return [grounding.Phrase(text) for text in texts]


def test_the_tokenizer_knows_the_world_and_keeps_berts_places() -> None:
    tokenizer = detector.new_tokenizer()
    ids = tokenizer("A red heart. the dog, star?")["input_ids"]
    pieces = ["[CLS]", "a", "red", "heart", ".", "the", "[UNK]", "[UNK]", "star", "?", "[SEP]"]
    assert tokenizer.convert_ids_to_tokens(ids) == pieces
    assert (ids[0], ids[4], ids[6], ids[9], ids[-1]) == (101, 1012, 100, 1029, 102)
    assert all(tokenizer(word)["input_ids"][1] > 1029 for word in (*world.CLASSES, *world.COLORS))


def test_labels_of_a_prompt() -> None:
    masks = np.zeros((2, 128, 128), np.uint8)
    masks[0, 32:96, 16:48] = 255
    masks[1, 64:80, 64:128] = 255
    label = detector.targets(
        [grounding.Phrase("dog"), grounding.Phrase("star", (1,)), grounding.Phrase("heart", (0,))], masks
    )
    assert label["class_labels"].tolist() == [1, 2]
    assert label["boxes"].tolist() == [[0.75, 0.5625, 0.5, 0.125], [0.25, 0.5, 0.25, 0.5]]
    places = label["places"].view(2, 8, 8)
    assert places[0].nonzero().tolist() == [[4, 4], [4, 5], [4, 6], [4, 7]] and places[1].sum() == 8
    nothing = detector.targets(phrases("dog"), masks)
    assert (
        nothing["boxes"].shape == (0, 4)
        and nothing["places"].shape == (0, 64)
        and nothing["class_labels"].dtype == torch.long
    )


def test_every_target_is_looked_up_among_its_own_pictures_phrases() -> None:
    """transformers mixes them up, which is why `ImageLoss` is there: three pictures, different prompts, each object's
    own words."""
    prompts = [phrases("dog", "red heart"), phrases("star"), phrases("circle", "cross", "a blue star")]
    told = detector.tokens(detector.new_tokenizer(), prompts)
    logits = torch.zeros(3, 4, detector.TEXT_LENGTH)
    found = {"logits": logits, "label_maps": detector.build_label_maps(logits, told["input_ids"])}
    targets = [
        {"class_labels": torch.tensor([1])},
        {"class_labels": torch.tensor([0])},
        {"class_labels": torch.tensor([2, 0])},
    ]
    indices = [
        (torch.tensor([3]), torch.tensor([0])),
        (torch.tensor([1]), torch.tensor([0])),
        (torch.tensor([0, 2]), torch.tensor([1, 0])),
    ]
    one_hot = detector.ImageLoss(None, 0.25, [])._get_target_classes_one_hot(found, targets, indices)
    words = [
        [detector.vocabulary()[told["input_ids"][i, k]] for k in one_hot[i, query].nonzero().flatten()]
        for i, query in ((0, 3), (1, 1), (2, 0), (2, 2))
    ]
    assert words == [["red", "heart"], ["star"], ["circle"], ["a", "blue", "star"]]
    assert one_hot.sum() == 7


def test_the_decoders_losses_are_those_of_transformers(model, batch) -> None:
    """For one picture, where transformers' look-up is right, its own loss less its encoder's part is ours less ours."""
    inputs = {name: value[:1] for name, value in batch[0].items()}
    labels = [
        {
            "class_labels": torch.tensor([0]),
            "boxes": torch.tensor([[0.5, 0.4, 0.3, 0.2]]),
            "places": torch.zeros(1, 64, dtype=torch.bool),
        }
    ]
    labels[0]["places"][0, 27] = True
    with torch.no_grad():
        outputs = model(**inputs, labels=labels)
        weights = {"loss_ce": 2, "loss_bbox": 5, "loss_giou": 2}
        theirs = sum(
            value * weights[name.removesuffix("_0")]
            for name, value in outputs.loss_dict.items()
            if name.removesuffix("_0") in weights
        )
        maps = detector.build_label_maps(outputs.logits, inputs["input_ids"])
        proposals = detector.proposal_loss(
            outputs.enc_outputs_class,
            outputs.enc_outputs_coord_logits.sigmoid(),
            labels,
            maps,
            inputs["attention_mask"],
            model.config,
        )
        ours = detector.detection_loss(model, inputs, labels) - proposals
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)


def test_proposals_are_judged_by_hand_arithmetic(model) -> None:
    logits = torch.full((1, 64, detector.TEXT_LENGTH), -30.0)
    boxes = torch.full((1, 64, 4), 0.5)
    mask = torch.ones(1, 5, dtype=torch.long)
    maps = [torch.zeros(1, detector.TEXT_LENGTH)]
    maps[0][0, 1] = 1
    places = torch.zeros(1, 64, dtype=torch.bool)
    places[0, [10, 11]] = True
    label = [{"class_labels": torch.tensor([0]), "boxes": torch.tensor([[0.5, 0.5, 0.25, 0.5]]), "places": places}]
    boxes[0, 10] = torch.tensor([0.5, 0.5, 0.25, 0.5])  # right; the other is twice as wide
    logits[0, 10, 1] = 30.0
    logits[0, 11, 1] = 0.0  # undecided: alpha · (1 - p)² · -log p
    undecided = detector.NAMED * 0.25 * np.log(2)
    loss = detector.proposal_loss(logits, boxes, label, maps, mask, model.config)
    assert loss.item() == pytest.approx((2 * undecided + 5 * 0.25 + 2 * 0.5) / 2, rel=1e-4)


def test_the_encoder_is_trained_too(model, batch) -> None:
    """With transformers' own loss its scores and boxes have no gradient at all."""
    names = ("enc_output.weight", "encoder_output_bbox_embed.layers.2.weight")
    inputs, labels = batch
    model(**inputs, labels=labels).loss.backward()
    assert all(model.model.get_parameter(name).grad is None for name in names)
    detector.detection_loss(model, inputs, labels).backward()
    assert all(model.model.get_parameter(name).grad.abs().sum() > 0 for name in names)
    assert all(not p.requires_grad for p in model.model.backbone.parameters())


def test_a_prompt_that_names_nothing_still_teaches(model, batch) -> None:
    inputs, labels = batch
    empty = [{name: value[:0] for name, value in label.items()} for label in labels]
    loss = detector.detection_loss(model, inputs, empty)
    loss.backward()
    assert torch.isfinite(loss) and model.model.enc_output.weight.grad.abs().sum() > 0


def test_a_few_steps_lower_the_loss(model, batch) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    losses = []
    for _ in range(12):
        loss = detector.detection_loss(model.train(), *batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_mirrored_pictures_keep_their_masks(data) -> None:
    pictures, masks = grounding.mirrored(data.pictures[:20], data.masks[:20], random.Random(1))
    turned = [not (pictures[i] == data.pictures[i]).all() for i in range(20)]
    assert 3 < sum(turned) < 17
    for i in range(20):
        for mask, before in zip(masks[i], data.masks[i]):
            assert (mask == (before[:, ::-1] if turned[i] else before)).all()


def test_a_folder_is_what_transformers_loads(model, batch, tmp_path: pathlib.Path) -> None:
    import transformers

    detector.save_folder(copy.deepcopy(model).eval(), detector.new_tokenizer(), tmp_path)
    again = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(tmp_path)
    assert type(again) is transformers.GroundingDinoForObjectDetection
    with torch.no_grad():
        assert torch.equal(again(**batch[0]).logits, model.eval()(**batch[0]).logits)
    words = (tmp_path / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert words == detector.vocabulary() and json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))[
        "model"
    ]["vocab"]["heart"] == words.index("heart")


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the detector is being trained: python -m lab.training.train_detector")
def test_the_shipped_folder_finds_by_words_through_transformers_alone() -> None:
    import transformers

    model, report = transformers.GroundingDinoForObjectDetection.from_pretrained(FOLDER, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    processor = transformers.GroundingDinoProcessor(
        transformers.AutoImageProcessor.from_pretrained(FOLDER), transformers.AutoTokenizer.from_pretrained(FOLDER)
    )
    pair = world.Scene(
        (245, 245, 245),
        (
            world.Object("heart", 37, 64, 24, 0.0, "plain", (214, 40, 40), (0, 0, 0), 0.0),
            world.Object("star", 91, 64, 24, 0.0, "plain", (33, 92, 214), (0, 0, 0), 0.0),
        ),
        "",
    )
    picture, masks = painting.render(pair)
    for prompt, mask in (("heart.", masks[0]), ("blue star.", masks[1])):
        inputs = processor(images=picture, text=prompt, return_tensors="pt")
        assert inputs["pixel_values"].shape == (1, 3, 128, 128)
        with torch.no_grad():
            outputs = model(**inputs)
        best = outputs.logits.sigmoid().amax(-1)[0].argmax()
        assert outputs.logits.sigmoid().max() > train_detector.THRESHOLD
        x, y, width, height = (outputs.pred_boxes[0, best] * 128).tolist()
        assert (
            train_detector.box_iou(
                (x - width / 2, y - height / 2, x + width / 2, y + height / 2), grounding.box_of(mask)
            )
            > 0.6
        )
    for absent in ("circle.", "blue heart.", "red star."):
        with torch.no_grad():
            scores = model(**processor(images=picture, text=absent, return_tensors="pt")).logits.sigmoid()
        assert scores.max() < train_detector.THRESHOLD, absent
    assert (FOLDER / "model.safetensors").stat().st_size < 12_000_000
