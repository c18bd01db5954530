"""GroundingDINO (Liu et al. 2023, arXiv:2303.05499) as a Detector, whichever program runs the network."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, cast

import torch
from torch import Tensor, nn

from . import original_dino, packages, transformers_api
from .boxes import to_pixels, without_doubles
from .detection_prompt import DetectionPrompt, PromptTokens, load_tokenizer, tokenize
from .family import Config, Family, OriginalFormat, Source, in_folders
from .interfaces import Box, Detection, Detector
from .preprocessing import Preprocessing, folder_preprocessing
from .weights import Weights

PREPROCESSING = Preprocessing(800, 1333)
SWIN_PATCHES = "model.backbone.conv_encoder.model.embeddings.patch_embeddings.projection.weight"


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


class OriginalDino(TransformersDino):
    """transformers' model with the weights of an original checkpoint, and so with the original's limit on
    coordinates."""

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        with original_dino.OriginalAnchors():
            return super().forward(pixels, ids)


class GroundingDino:
    """Pictures and phrases in, boxes out.

    net: (pixels, ids) -> (logits, boxes), as TransformersDino.
    """

    usual_threshold = 0.3  # of its authors, and the node's default

    def __init__(self, net: nn.Module, tokenizer: Any, preprocessing: Preprocessing = PREPROCESSING) -> None:
        self.net = net
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
        self._half: torch.dtype | None = None
        self._best = 0.0

    def use_half(self, half: torch.dtype | None) -> None:
        """Layers compute in this type, by autocast; weights and coordinates stay in float32."""
        self._half = half

    def detect(
        self, picture: Tensor, prompt: DetectionPrompt, box_threshold: float, text_threshold: float
    ) -> list[Detection]:
        """Everything with a score above box_threshold, of each phrase the best first; of boxes that are the same thing
        the best alone.

        Raises: InputError when the prompt is too long.
        """
        tokens = tokenize(prompt, self.tokenizer)
        logits, relative = self._run(self.preprocessing(picture), torch.tensor([tokens.ids]))
        probabilities = logits[0].float().sigmoid().cpu()
        scores = probabilities.amax(-1)
        self._best = float(scores.max())
        boxes = to_pixels(relative[0].float().cpu(), *picture.shape[:2])
        detections = []
        for i in scores.argsort(descending=True).tolist():
            if scores[i] > box_threshold:
                phrase, label = _words(probabilities[i], prompt, tokens, text_threshold)
                detections.append(Detection(cast(Box, tuple(boxes[i].tolist())), float(scores[i]), phrase, label))
        return without_doubles(detections, prompt.phrases)

    def best_score(self) -> float:
        """The highest score of the last `detect`, even if it was below the threshold."""
        return self._best

    def _run(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.net.parameters()).device
        half = torch.autocast(device.type, self._half) if self._half is not None else contextlib.nullcontext()
        with torch.no_grad(), half:
            return cast("tuple[Tensor, Tensor]", self.net(pixels.to(device), ids.to(device)))


def _words(
    probabilities: Tensor, prompt: DetectionPrompt, tokens: PromptTokens, text_threshold: float
) -> tuple[str, str]:
    """(phrase, label) of one box: the phrase of its most probable word, and that phrase's words above the threshold.

    probabilities: (256,), one a token.
    """
    words = [i for i, phrase in enumerate(tokens.phrase) if phrase >= 0]
    index = tokens.phrase[max(words, key=lambda i: float(probabilities[i]))] if words else 0
    label, last = "", -1
    for i in words:
        if tokens.phrase[i] == index and probabilities[i] > text_threshold:
            begin, end = tokens.span[i]
            label += ("" if begin == last or not label else " ") + prompt.text[begin:end]
            last = end
    return prompt.phrases[index], label


def network(source: Source, kind: str = "GroundingDino") -> nn.Module:
    """transformers' GroundingDINO. kind: the beginning of its classes' names.

    Raises: InputError when the weights do not fit the config.
    """
    # version 5 would fetch compiled kernels from a hub
    config = {**source.config, "disable_custom_kernels": True}
    source = Source(source.name, config, source.weights)
    return transformers_api.build(f"{kind}Config", f"{kind}ForObjectDetection", source)


def original_network(weights: Weights, name: str) -> nn.Module:
    """The same of an original checkpoint's weights."""
    return OriginalDino(network(Source(name, original_dino.config_of(weights), original_dino.rename(weights))))


def _build(source: Source, kind: str = "GroundingDino") -> GroundingDino:
    net = TransformersDino(network(source, kind))
    return GroundingDino(net, load_tokenizer(source.folder), folder_preprocessing(source.folder, PREPROCESSING))


def _load_original(weights: Weights, name: str) -> GroundingDino:
    return GroundingDino(original_network(weights, name), load_tokenizer())


def _load_in_package(weights: Weights, name: str) -> GroundingDino:
    tokenizer = load_tokenizer()
    return GroundingDino(packages.build_groundingdino(weights, tokenizer, name), tokenizer)


def published_config(weights: Weights) -> Config | None:
    """The config of the published model with this width of Swin; all but the backbone are the class's own defaults."""
    width = weights[SWIN_PATCHES].shape[0]
    if width == 96:  # Swin-T: grounding-dino-tiny
        return _config(width, (2, 2, 6, 2), (3, 6, 12, 24), window=7, image_size=224)
    if width == 128:  # Swin-B: grounding-dino-base
        return _config(width, (2, 2, 18, 2), (4, 8, 16, 32), window=12, image_size=384)
    return None


def _config(width: int, depths: tuple[int, ...], heads: tuple[int, ...], window: int, image_size: int) -> Config:
    return {
        "model_type": "grounding-dino",
        "backbone_config": {
            "model_type": "swin",
            "embed_dim": width,
            "depths": list(depths),
            "num_heads": list(heads),
            "window_size": window,
            "image_size": image_size,
            "out_indices": [2, 3, 4],
        },
        "text_config": {"model_type": "bert"},
    }


GROUNDING_DINO: Family[Detector] = Family(
    name="a GroundingDINO",
    model_type="grounding-dino",
    key_weight=SWIN_PATCHES,
    published_config=published_config,
    build=_build,
    original=OriginalFormat(original_dino.is_original, _load_original, packages.GROUNDINGDINO, _load_in_package),
)

# Zhao et al. 2024, arXiv:2401.02361: the same network, trained anew on more, with a bias at its words' scores
MM_GROUNDING_DINO: Family[Detector] = in_folders(
    "an MM-Grounding-DINO", "mm-grounding-dino", functools.partial(_build, kind="MMGroundingDino")
)
