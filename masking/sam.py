"""SAM (Kirillov et al. 2023, arXiv:2304.02643) as a Segmenter, whichever program runs the network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import original_sam, packages, transformers_api
from .family import Config, Family, OriginalFormat, Source
from .interfaces import Embedding, Segmenter, Thing
from .preprocessing import Preprocessing, folder_preprocessing
from .sam_prompts import SamPrompts, alike, best_of, in_square
from .weights import Weights

POSITIONS = "vision_encoder.pos_embed"


class TransformersSam(nn.Module):
    """transformers' SamModel."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @property
    def encoder(self) -> nn.Module:
        """Nearly all of the weights and of the time; may be kept in half precision."""
        return cast(nn.Module, self.model.vision_encoder)

    @property
    def side(self) -> int:
        """The square that pictures are padded to, in pixels."""
        size = self.model.config.vision_config.image_size
        return int(size if isinstance(size, int) else size[0])

    def encode(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(1, 3, side, side) to (1, C, h, w); with what else `decode` needs, all in a tuple."""
        return cast(Tensor, self.encoder(pixels)[0])

    def decode(self, features: Tensor, prompts: SamPrompts, *finer: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (N, M, h, w) logits, M 3 where the prompts are ambiguous and else 1, and how good SAM thinks each,
        (N, M)."""
        return self._answer(prompts, image_embeddings=features)

    def _answer(self, prompts: SamPrompts, **embeddings: Any) -> tuple[Tensor, Tensor]:
        out = self.model(
            **embeddings,
            input_boxes=_with_batch(prompts.boxes),
            input_points=_with_batch(prompts.points),
            input_labels=_with_batch(prompts.labels),
            input_masks=prompts.masks,
            multimask_output=prompts.ambiguous,
        )
        return out.pred_masks[0], out.iou_scores[0]


def _with_batch(prompts: Tensor | None) -> Tensor | None:
    """With an axis for pictures, of which there is one."""
    return None if prompts is None else prompts[None]


class Sam:
    """Boxes and points in, masks out.

    net: has encoder, side, encode and decode as TransformersSam. preprocessing: by default to the net's square.
    """

    def __init__(self, net: Any, preprocessing: Preprocessing | None = None) -> None:
        self.net = net
        self.preprocessing = preprocessing or Preprocessing(None, net.side)

    def use_half(self, half: torch.dtype | None) -> None:
        """Keeps the encoder in this type; the decoder stays in float32, which alone holds boxes' coordinates."""
        self.net.encoder.to(half or torch.float32)

    def encode(self, picture: Tensor) -> Embedding:
        side = self.net.side
        height, width = self.preprocessing.size(*picture.shape[:2])
        if max(height, width) > side:  # a folder whose two configs disagree
            height, width = replace(self.preprocessing, short=None, long=side).size(*picture.shape[:2])
        pixels = F.pad(self.preprocessing(picture, (height, width)), (0, side - width, 0, side - height))
        weight = next(self.net.encoder.parameters())
        with torch.no_grad():
            encoded = self.net.encode(pixels.to(weight.device, weight.dtype))
        parts = encoded if isinstance(encoded, tuple) else (encoded,)
        features, *finer = (part.float().cpu() for part in parts)
        return Embedding(features, (picture.shape[0], picture.shape[1]), (height, width), tuple(finer))

    def masks(self, embedding: Embedding, things: list[Thing]) -> Tensor:
        """(N, H, W) logits on the CPU, at the picture's size. Ask for few at once when the picture is large."""
        masks = torch.zeros(len(things), *embedding.size)
        device = next(p for p in self.net.parameters() if p.dtype == torch.float32).device
        with torch.no_grad():
            features, *finer = (part.to(device) for part in (embedding.features, *embedding.finer))
            for numbers in alike(things):
                prompts = in_square([things[i] for i in numbers], embedding, self.net.side).to(device)
                answers, scores = self.net.decode(features, prompts, *finer)
                masks[numbers] = self._enlarge(best_of(answers.float(), scores), embedding).cpu()
        return masks

    def _enlarge(self, low: Tensor, embedding: Embedding) -> Tensor:
        """From the decoder's grid over the padded square to the picture, in the original's two steps."""
        side, (height, width) = self.net.side, embedding.resized
        square = F.interpolate(low, (side, side), mode="bilinear", align_corners=False)[..., :height, :width]
        return F.interpolate(square, embedding.size, mode="bilinear", align_corners=False)[:, 0]


def network(source: Source) -> TransformersSam:
    """transformers' SAM. Raises: InputError when the weights do not fit the config."""
    return TransformersSam(transformers_api.build("SamConfig", "SamModel", source))


def original_network(weights: Weights, name: str) -> TransformersSam:
    """The same of an original checkpoint's weights."""
    return network(Source(name, original_sam.config_of(weights), original_sam.rename(weights)))


def _build(source: Source) -> Sam:
    net = network(source)
    return Sam(net, folder_preprocessing(source.folder, Preprocessing(None, net.side)))


def _load_original(weights: Weights, name: str) -> Sam:
    return Sam(original_network(weights, name))


def _load_in_package(weights: Weights, name: str) -> Sam:
    return Sam(packages.build_segment_anything(weights, name))


def published_config(weights: Weights) -> Config | None:
    """The config of the published model of this width; all but the picture encoder are the class's own defaults."""
    width = weights[POSITIONS].shape[-1]
    if width == 768:  # ViT-B
        return _config(width, layers=12, heads=12, attend_globally=(2, 5, 8, 11))
    if width == 1024:  # ViT-L
        return _config(width, layers=24, heads=16, attend_globally=(5, 11, 17, 23))
    if width == 1280:  # ViT-H
        return _config(width, layers=32, heads=16, attend_globally=(7, 15, 23, 31))
    return None


def _config(width: int, layers: int, heads: int, attend_globally: tuple[int, ...]) -> Config:
    return {
        "model_type": "sam",
        "vision_config": {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "global_attn_indexes": list(attend_globally),
            "mlp_dim": 4 * width,
        },
    }


SAM: Family[Segmenter] = Family(
    name="a SAM (version 1)",
    model_type="sam",
    key_weight=POSITIONS,
    published_config=published_config,
    build=_build,
    original=OriginalFormat(original_sam.is_original, _load_original, packages.SEGMENT_ANYTHING, _load_in_package),
)
