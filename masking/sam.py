"""SAM (Kirillov et al. 2023, arXiv:2304.02643) as a Segmenter, whichever program runs the network."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .interfaces import Box, Embedding
from .pictures import SEGMENTER, Preparation

AT_ONCE = 16  # boxes decoded together


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

    def encode(self, pixels: Tensor) -> Tensor:
        """(1, 3, side, side) to (1, C, h, w)."""
        return cast(Tensor, self.encoder(pixels)[0])

    def decode(self, features: Tensor, boxes: Tensor) -> Tensor:
        """boxes: (N, 4) in the square's pixels. Returns (N, 1, h, w) logits."""
        return cast(
            Tensor, self.model(image_embeddings=features, input_boxes=boxes[None], multimask_output=False).pred_masks[0]
        )


class Sam:
    """Boxes in, masks out.

    net: has encoder, side, encode and decode as TransformersSam. half: what the encoder's weights are kept in; the
    decoder stays in float32, since boxes' places are rounded away otherwise.
    """

    def __init__(self, net: Any, preparation: Preparation = SEGMENTER) -> None:
        self.net = net
        self.preparation = preparation

    def use_half(self, half: torch.dtype | None) -> None:
        """Keeps the encoder in this type; None is float32."""
        self.net.encoder.to(half or torch.float32)

    def encode(self, picture: Tensor) -> Embedding:
        side = self.net.side
        size = self.preparation.size(*picture.shape[:2])
        if max(size) > side:  # a folder whose two configs disagree
            size = Preparation(None, side).size(*picture.shape[:2])
        pixels = F.pad(self.preparation(picture, size), (0, side - size[1], 0, side - size[0]))
        weight = next(self.net.encoder.parameters())
        with torch.no_grad():
            features = self.net.encode(pixels.to(weight.device, weight.dtype))
        return Embedding(features.float().cpu(), (picture.shape[0], picture.shape[1]), size)

    def masks(self, embedding: Embedding, boxes: list[Box]) -> Tensor:
        """(N, H, W) logits on the CPU, at the picture's size. Ask for few at once when the picture is large."""
        height, width = embedding.size
        if not boxes:
            return torch.zeros(0, height, width)
        scale = torch.tensor([embedding.resized[1] / width, embedding.resized[0] / height] * 2)
        places = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) * scale
        device = next(p for p in self.net.parameters() if p.dtype == torch.float32).device
        with torch.no_grad():
            features = embedding.features.to(device)
            low = [self.net.decode(features, part.to(device)).float() for part in places.split(AT_ONCE)]
            return torch.cat([self._enlarge(part, embedding).cpu() for part in low])

    def _enlarge(self, low: Tensor, embedding: Embedding) -> Tensor:
        """From the decoder's grid over the padded square to the picture, in the original's two steps."""
        side, (height, width) = self.net.side, embedding.resized
        square = F.interpolate(low, (side, side), mode="bilinear", align_corners=False)[..., :height, :width]
        return F.interpolate(square, embedding.size, mode="bilinear", align_corners=False)[:, 0]
