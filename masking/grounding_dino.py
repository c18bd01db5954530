"""GroundingDINO (Liu et al. 2023, arXiv:2303.05499) as a Detector, whichever program runs the network."""

from __future__ import annotations

import contextlib
from typing import Any, cast

import torch
from torch import Tensor, nn

from .boxes import corners, suppress
from .interfaces import Box, Detection
from .pictures import DETECTOR, Preparation
from .prompt import Prompt, Tokens, tokenize

SAME_THING = 0.8  # two boxes of one phrase that overlap by more are the same thing


class TransformersDino(nn.Module):
    """transformers' GroundingDinoForObjectDetection: (pixels, ids) -> (logits, boxes)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """pixels: (1, 3, h, w). ids: (1, T). Returns logits (1, Q, 256), -inf where no token is, and boxes (1, Q, 4),
        relative cx, cy, w, h."""
        out = self.model(
            pixel_values=pixels,
            input_ids=ids,
            token_type_ids=torch.zeros_like(ids),
            attention_mask=torch.ones_like(ids),
        )
        return out.logits, out.pred_boxes


class GroundingDino:
    """Pictures and phrases in, boxes out.

    net: (pixels, ids) -> (logits, boxes), as TransformersDino. half: on a GPU, what its layers compute in; weights and
        coordinates stay float32.
    """

    def __init__(self, net: nn.Module, tokenizer: Any, preparation: Preparation = DETECTOR) -> None:
        self.net = net
        self.tokenizer = tokenizer
        self.preparation = preparation
        self.half: torch.dtype | None = None
        self._best = 0.0

    def detect(self, picture: Tensor, prompt: Prompt, box_threshold: float, text_threshold: float) -> list[Detection]:
        """Everything with a score above box_threshold, best first; of boxes that are the same thing the best alone.

        Raises: InputError when the prompt is too long.
        """
        tokens = tokenize(prompt, self.tokenizer)
        logits, boxes = self._run(self.preparation(picture), torch.tensor([tokens.ids]))
        probabilities = logits[0].float().sigmoid().cpu()
        scores = probabilities.amax(-1)
        self._best = float(scores.max())
        height, width = picture.shape[:2]
        places = corners(boxes[0].float().cpu()) * torch.tensor([width, height, width, height])
        places = torch.stack([places[:, 0::2].clamp(0, width), places[:, 1::2].clamp(0, height)], -1).flatten(1)
        found = [
            _detection(places[i], float(scores[i]), probabilities[i], prompt, tokens, text_threshold)
            for i in scores.argsort(descending=True).tolist()
            if scores[i] > box_threshold
        ]
        return [d for phrase in prompt.phrases for d in suppress([f for f in found if f.phrase == phrase], SAME_THING)]

    def best_score(self) -> float:
        """The highest score of the last `detect`, above the threshold or not."""
        return self._best

    def _run(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.net.parameters()).device
        half = torch.autocast(device.type, self.half) if self.half is not None else contextlib.nullcontext()
        with torch.no_grad(), half:
            return cast("tuple[Tensor, Tensor]", self.net(pixels.to(device), ids.to(device)))


def _detection(
    place: Tensor, score: float, probabilities: Tensor, prompt: Prompt, tokens: Tokens, text_threshold: float
) -> Detection:
    """The phrase is the one of the most probable word; the label its words above the threshold, in order."""
    words = [i for i, phrase in enumerate(tokens.phrase) if phrase >= 0]
    index = tokens.phrase[max(words, key=lambda i: float(probabilities[i]))] if words else 0
    text, label, end = prompt.text, "", -1
    for i in words:
        if tokens.phrase[i] == index and probabilities[i] > text_threshold:
            begin, until = tokens.span[i]
            label += ("" if begin == end or not label else " ") + text[begin:until]
            end = until
    return Detection(cast(Box, tuple(place.tolist())), score, prompt.phrases[index], label)
