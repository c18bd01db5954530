"""OWLv2 (Minderer et al. 2023, arXiv:2306.09683) and OWL-ViT (Minderer et al. 2022, arXiv:2205.06230) as Detectors:
each phrase is compared with every patch of the picture."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..support.errors import InputError
from . import transformers_api
from .boxes import to_pixels, without_doubles
from .clip_prompt import load_clip_tokenizer, tokenize_phrases
from .detection_prompt import DetectionPrompt
from .family import Family, Source, in_folders
from .interfaces import Box, Detection, Detector
from .preprocessing import Preprocessing, folder_preprocessing
from .square_pictures import CLIP_MEAN, CLIP_STD, SquarePictures

USUAL_THRESHOLD = 0.1  # transformers' default for these networks


class TransformersOwl(nn.Module):
    """transformers' Owlv2ForObjectDetection and OwlViTForObjectDetection: (pixels, ids) -> (logits, boxes)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.autocast_to: torch.dtype | None = None  # the layers; the heads, which place boxes, stay in float32

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """pixels: (1, 3, side, side). ids: (P, T), a row a phrase. Returns logits (1, Q, P), one a patch and phrase,
        and boxes (1, Q, 4), relative cx, cy, w, h of the square."""
        with self._cast(pixels.device.type):
            texts, features, _ = self.model.image_text_embedder(
                input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids)
            )
        texts, features = texts.float(), features.float()
        patches = features.flatten(1, 2)
        logits, _ = self.model.class_predictor(patches, texts[None])
        return logits, self.model.box_predictor(patches, features)

    def _cast(self, device: str) -> contextlib.AbstractContextManager[object]:
        return torch.autocast(device, self.autocast_to) if self.autocast_to else contextlib.nullcontext()


class Owl:
    """Pictures and phrases in, boxes out. net: as TransformersOwl."""

    usual_threshold = USUAL_THRESHOLD

    def __init__(self, net: Any, tokenizer: Any, pictures: SquarePictures) -> None:
        self.net = net
        self.tokenizer = tokenizer
        self.pictures = pictures
        self._best = 0.0

    def use_half(self, half: torch.dtype | None) -> None:
        """Layers compute in this type, by autocast; weights and boxes stay in float32."""
        self.net.autocast_to = half

    def detect(
        self, picture: Tensor, prompt: DetectionPrompt, box_threshold: float, text_threshold: float
    ) -> list[Detection]:
        """Everything with a score above box_threshold, of each phrase the best first; of boxes that are the same thing
        the best alone. Phrases are read whole, so text_threshold has nothing to act on, and a label is its phrase.

        Raises: InputError when a phrase is too long.
        """
        text = self.net.model.config.text_config
        ids = tokenize_phrases(prompt, self.tokenizer, text.max_position_embeddings, text.vocab_size)
        logits, relative = self._run(self.pictures(picture), ids)
        boxes = self._in_picture(relative[0], *picture.shape[:2])
        scores, numbers = logits[0].sigmoid().max(-1)
        scores = scores * (boxes[:, 2:] > boxes[:, :2]).all(-1)  # none of what lies beside the picture
        self._best = float(scores.max())
        detections = []
        for i in scores.argsort(descending=True).tolist():
            if scores[i] > box_threshold:
                phrase = prompt.phrases[int(numbers[i])]
                detections.append(Detection(cast(Box, tuple(boxes[i].tolist())), float(scores[i]), phrase, phrase))
        return without_doubles(detections, prompt.phrases)

    def best_score(self) -> float:
        """The highest score of the last `detect`, even if it was below the threshold."""
        return self._best

    def _run(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.net.parameters()).device
        with torch.no_grad():
            logits, boxes = self.net(pixels.to(device), ids.to(device))
        return logits.cpu(), boxes.cpu()

    def _in_picture(self, relative: Tensor, height: int, width: int) -> Tensor:
        boxes = to_pixels(relative, *self.pictures.extent(height, width))
        return boxes.minimum(torch.tensor([width, height, width, height]))


def network(source: Source, kind: str = "Owlv2") -> TransformersOwl:
    """transformers' OWLv2. kind: the beginning of its classes' names.

    Raises: InputError when the weights do not fit the config.
    """
    return TransformersOwl(transformers_api.build(f"{kind}Config", f"{kind}ForObjectDetection", source))


def _build(source: Source, kind: str) -> Owl:
    if source.folder is None:
        raise InputError(f"`detector`: {source.name} needs its folder: download all its files into one.")
    tokenizer = load_clip_tokenizer(source.folder)
    net = network(source, kind)
    side = int(net.model.config.vision_config.image_size)
    usual = Preprocessing(None, side, CLIP_MEAN, CLIP_STD, square=True)
    said = folder_preprocessing(source.folder, usual)
    return Owl(net, tokenizer, SquarePictures(side, kind == "Owlv2", said.mean, said.std))


OWLV2: Family[Detector] = in_folders("an OWLv2", "owlv2", functools.partial(_build, kind="Owlv2"))
OWL_VIT: Family[Detector] = in_folders("an OWL-ViT", "owlvit", functools.partial(_build, kind="OwlViT"))
