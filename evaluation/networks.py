"""CLIP and DINO as measures: what a picture or a text is to them, as one vector. The networks are handed in, made and
placed by others.

Sources: Radford et al. 2021, arXiv:2103.00020 (CLIP); Caron et al. 2021, arXiv:2104.14294 (DINO).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .preprocessing import SquareInput, clip_input, dino_input


class InFloat32:
    """What measures share with other models that are loaded and placed: see `masking.interfaces.MaskingModel`."""

    net: nn.Module

    def use_half(self, half: torch.dtype | None) -> None:
        """Does nothing: scores are always computed in float32, so that they are the same on every device."""

    def device(self) -> torch.device:
        return next(self.net.parameters()).device


class Clip(InFloat32):
    """CLIP's picture half and, where the file has it, its text half: transformers' …ModelWithProjection.

    net: holds both, as `vision` and `text`.
    """

    def __init__(self, vision: Any, text: Any = None) -> None:
        self.net = nn.ModuleDict({"vision": vision} | ({} if text is None else {"text": text}))
        self._vision, self._text = vision, text
        self.input: SquareInput = clip_input(int(vision.config.image_size))

    @property
    def reads_texts(self) -> bool:
        return self._text is not None

    @property
    def width(self) -> int:
        """Of the space that pictures and texts share."""
        return int(self._vision.visual_projection.weight.shape[0])

    @torch.no_grad()
    def of_picture(self, picture: Tensor) -> Tensor:
        """picture: (H, W, C) in [0, 1]. Returns (width,) float32 of length 1, on the CPU."""
        embeds = self._vision(pixel_values=self.input(picture).to(self.device())).image_embeds
        return unit(embeds[0])

    @torch.no_grad()
    def of_text(self, tokens: Sequence[int]) -> Tensor:
        """tokens: ids with start and end, at most 77. Returns (width,) float32 of length 1, on the CPU."""
        embeds = self._text(input_ids=torch.tensor([list(tokens)], device=self.device())).text_embeds
        return unit(embeds[0])


class Dino(InFloat32):
    """DINO or DINOv2: transformers' ViTModel or Dinov2Model. A picture is its class token after the last norm."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self.input: SquareInput = dino_input(224)

    @torch.no_grad()
    def of_picture(self, picture: Tensor) -> Tensor:
        """picture: (H, W, C) in [0, 1]. Returns (width,) float32 of length 1, on the CPU."""
        return unit(self.net(pixel_values=self.input(picture).to(self.device())).last_hidden_state[0, 0])


def unit(vector: Tensor) -> Tensor:
    """A vector brought to length 1, as float32 on the CPU."""
    vector = vector.detach().float().cpu()
    return vector / vector.norm()
