"""The demo's detector: a small GroundingDINO of transformers' own class, its words, its labels and its losses."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    ResNetConfig,
)
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_for_object_detection import generalized_box_iou
from transformers.loss.loss_grounding_dino import (
    GroundingDinoHungarianMatcher,
    GroundingDinoImageLoss,
    sigmoid_focal_loss,
)
from transformers.models.grounding_dino.modeling_grounding_dino import build_label_maps, build_text_mask

from ..world import grounding, world

WIDTH, HEADS, TEXT_WIDTH = 96, 6, 64
QUERIES, TEXT_LENGTH = 16, 256
STRIDE = 16  # pixels between the places that the encoder sees
PLACES = world.SIZE // STRIDE
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as GroundingDINO's own image processor has them
# transformers splits phrases at fixed ids
BERT_IDS = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
WORDS = ("a", "the", *world.CLASSES, *world.COLORS)
FUSION = 0.1
# The focal loss's share for what is named. At GroundingDINO's 0.25 a name that the net is not sure of scores far below
# its chance, and right colours stay under the threshold.
NAMED = 0.5


def vocabulary() -> list[str]:
    """BERT's special tokens in BERT's own places, and the world's words behind them."""
    places = {place: token for token, place in BERT_IDS.items()}
    return [*(places.get(i, f"[unused{i}]") for i in range(max(places) + 1)), *WORDS]


def new_tokenizer() -> BertTokenizer:
    return BertTokenizer(vocab={token: i for i, token in enumerate(vocabulary())}, do_lower_case=True)


def new_config() -> GroundingDinoConfig:
    """GroundingDINO with 96 channels instead of 256, two layers a part instead of six, and features of stride 16 alone
    (8x8 places)."""
    eyes = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128], depths=[1, 1, 2], layer_type="basic", out_indices=[3]
    )
    ears = BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * TEXT_WIDTH,
        max_position_embeddings=TEXT_LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return GroundingDinoConfig(
        backbone_config=eyes,
        text_config=ears,
        d_model=WIDTH,
        num_queries=QUERIES,
        max_text_len=TEXT_LENGTH,
        num_feature_levels=1,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        dropout=0.0,
        fusion_droppath=0.0,
        auxiliary_loss=True,
        focal_alpha=NAMED,
    )


def new_model() -> GroundingDinoForObjectDetection:
    """With random weights that a small net can start from. Its eyes have to learn to see first (`eyes`).

    transformers draws weights for 256 channels and more: with its standard deviation of 0.02 the picture fades from
    layer to layer here. Text and picture also see each other from the first step on, not at 1e-4; and scores start
    near a half, which dot products of 96 channels would not by themselves. transformers freezes the eyes.
    """
    model = GroundingDinoForObjectDetection(new_config())
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear) and module.weight.abs().sum() > 0 and "sampling_offsets" not in name:
                nn.init.xavier_uniform_(module.weight)
        for layer in model.model.encoder.layers:
            layer.fusion_layer.vision_param.fill_(FUSION)
            layer.fusion_layer.text_param.fill_(FUSION)
        model.model.encoder.layers[-1].text_enhancer_layer.layer_norm_after.weight.mul_(0.1)
    return model


class ImageLoss(GroundingDinoImageLoss):
    """transformers' loss, with the targets of every picture of a batch looked up among its own phrases.

    In transformers (5.24 at least) picture i's labels are moved on by picture i's number of phrases, where the phrases
    of all pictures before it belong: from the third picture of a batch on, and whenever prompts differ, targets are
    mixed up.
    """

    def _get_target_classes_one_hot(
        self, outputs: dict[str, Any], targets: list[dict[str, Tensor]], indices: list[tuple[Tensor, Tensor]]
    ) -> Tensor:
        one_hot = torch.zeros_like(outputs["logits"], dtype=torch.long)
        for i, (target, (queries, chosen)) in enumerate(zip(targets, indices)):
            one_hot[i, queries] = outputs["label_maps"][i][target["class_labels"][chosen]].long()
        return one_hot


def detection_loss(
    model: GroundingDinoForObjectDetection, inputs: dict[str, Tensor], labels: list[dict[str, Tensor]]
) -> Tensor:
    """The sum of transformers' weighted losses over every layer of the decoder, and `proposal_loss` of the encoder.

    transformers gives the encoder's loss proposals that were cut off from the gradient, and scores of learned queries
    that have not seen the picture: with it alone the encoder's proposals are never trained.
    """
    config = model.config
    outputs = model(**inputs)
    matcher = GroundingDinoHungarianMatcher(config.class_cost, config.bbox_cost, config.giou_cost)
    criterion = ImageLoss(matcher, config.focal_alpha, ["labels", "boxes"])
    maps = build_label_maps(outputs.logits, inputs["input_ids"])
    total = proposal_loss(
        outputs.enc_outputs_class,
        outputs.enc_outputs_coord_logits.sigmoid(),
        labels,
        maps,
        inputs["attention_mask"],
        config,
    )
    for logits, boxes in _layers(model, outputs, inputs["attention_mask"]):
        found = {
            "logits": logits,
            "pred_boxes": boxes,
            "label_maps": maps,
            "text_mask": build_text_mask(logits, inputs["attention_mask"]),
        }
        losses = criterion(found, labels)
        total = (
            total
            + 2 * losses["loss_ce"]
            + config.bbox_loss_coefficient * losses["loss_bbox"]
            + config.giou_loss_coefficient * losses["loss_giou"]
        )
    return total


def proposal_loss(
    logits: Tensor,
    boxes: Tensor,
    labels: list[dict[str, Tensor]],
    maps: Sequence[Tensor],
    attention_mask: Tensor,
    config: GroundingDinoConfig,
) -> Tensor:
    """The encoder's scores and boxes at every place of the picture, judged by the object that lies there, if it is
    named.

    One object trains all its places, not only the best one as in the paper: from scratch on two cores that is what
    makes learning fast.

    logits: (B, PLACES², TEXT_LENGTH); boxes: (B, PLACES², 4), relative; maps: a (phrases, TEXT_LENGTH) each.
    """
    wanted, found_boxes, true_boxes = torch.zeros_like(logits), [], []
    for i, label in enumerate(labels):
        for number, box, places in zip(label["class_labels"], label["boxes"], label["places"]):
            wanted[i, places] = maps[i][number].float()
            found_boxes.append(boxes[i, places])
            true_boxes.append(box.expand(int(places.sum()), 4))
    found, true = torch.cat([boxes[:0, 0], *found_boxes]), torch.cat([boxes[:0, 0], *true_boxes])
    count = max(1, len(true))
    told = build_text_mask(logits, attention_mask)
    scores = sigmoid_focal_loss(logits[told], wanted[told], count, config.focal_alpha)
    overlaps = generalized_box_iou(center_to_corners_format(found), center_to_corners_format(true)).diagonal()
    return (
        2 * scores
        + config.bbox_loss_coefficient * (found - true).abs().sum() / count
        + config.giou_loss_coefficient * (1 - overlaps).sum() / count
    )


def _layers(
    model: GroundingDinoForObjectDetection, outputs: Any, attention_mask: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Scores and boxes after each layer of the decoder, as the model's own forward makes them."""
    pairs = []
    for level in range(model.config.decoder_layers):
        before = outputs.init_reference_points if level == 0 else outputs.intermediate_reference_points[:, level - 1]
        hidden = outputs.intermediate_hidden_states[:, level]
        logits = model.class_embed[level](
            vision_hidden_state=hidden,
            text_hidden_state=outputs.encoder_last_hidden_state_text,
            text_token_mask=attention_mask.bool(),
        )
        pairs.append((logits, (model.bbox_embed[level](hidden) + torch.special.logit(before, eps=1e-5)).sigmoid()))
    return pairs


def pixel_values(pictures: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 as the image processor would give them: (B, 3, H, W), normalised."""
    return (torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(
        DEVIATION
    ).view(3, 1, 1)


def relative_box(mask: np.ndarray) -> tuple[float, float, float, float]:
    """A mask's box as DETR has it: centre, width and height in shares of the picture."""
    left, top, right, bottom = (value / world.SIZE for value in grounding.box_of(mask))
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def covered_places(masks: np.ndarray) -> np.ndarray:
    """Which of the encoder's places have their centre in a mask: (…, PLACES, PLACES). masks: (…, H, W) uint8."""
    return masks[..., STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE] > 127


def targets(phrases: Sequence[grounding.Phrase], masks: np.ndarray) -> dict[str, Tensor]:
    """A picture's labels: for every named object, the number of its phrase, its box, and which of the encoder's places
    it covers.

    masks: (objects, H, W) uint8.
    """
    pairs = [(number, i) for number, phrase in enumerate(phrases) for i in phrase.objects]
    boxes = [relative_box(masks[i]) for _, i in pairs]
    covered = covered_places(masks).reshape(len(masks), -1)
    places = [covered[i] for _, i in pairs]
    return {
        "class_labels": torch.tensor([number for number, _ in pairs], dtype=torch.long),
        "boxes": torch.tensor(boxes).reshape(-1, 4),
        "places": torch.from_numpy(np.array(places, bool).reshape(-1, PLACES * PLACES)),
    }


def tokens(tokenizer: BertTokenizer, prompts: Sequence[Sequence[grounding.Phrase]]) -> dict[str, Tensor]:
    found = tokenizer([grounding.prompt_text(phrases) for phrases in prompts], padding=True, return_tensors="pt")
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def batch_of(
    data: grounding.Pictures, which: Sequence[int], rng: random.Random, tokenizer: BertTokenizer
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """The model's inputs and labels for some of the pictures, half of them mirrored, each with a new prompt."""
    pictures, masks = grounding.mirrored(data.pictures[which], data.masks[which], rng)
    prompts = [grounding.sample_prompt(data.scenes[i], rng) for i in which]
    pictures = grounding.roughen(pictures, np.random.default_rng(rng.getrandbits(32)))
    inputs = {"pixel_values": pixel_values(pictures), **tokens(tokenizer, prompts)}
    return inputs, [targets(phrases, mask) for phrases, mask in zip(prompts, masks)]


def save_folder(model: Any, tokenizer: BertTokenizer, folder: pathlib.Path) -> None:
    """Writes what `from_pretrained` needs: the model, its image processor, its tokenizer (vocab.txt too, for older
    versions)."""
    model.save_pretrained(folder)
    side = {"shortest_edge": world.SIZE, "longest_edge": world.SIZE}
    GroundingDinoImageProcessor(size=side, image_mean=list(MEAN), image_std=list(DEVIATION)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
