"""Noise masks: what lies outside the mask stays on the inversion's own path, as in a stock KSampler.

The host shows its model the noised picture outside the mask, and puts the picture in place of the prediction there. An
inversion knows better than fresh noise what lies there at every noise level: its own trajectory. A mask between 0 and 1
mixes both, in the model's input and in its prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..diffusion.process import eps_from_x0, x0_from_eps
from ..support.errors import InputError
from ..support.finite import NOT_FINITE, are_finite
from .model import EpsModel

MaskAt = Callable[[Tensor], Tensor]
"""The mask at timesteps (B,): (1 or B, 1, h, w) in [0, 1], 1 where the picture may change. Some change with noise."""

SAME_LEVEL = 1e-4  # two noise levels this close, in shares, are one


class KnownPath:
    """An inversion's trajectory as a path through all noise levels, straight between two levels.

    Scale: x = latents / sqrt(alpha_bar), at which the host's samplers work; sigma is the noise level there.
    trajectory: (steps + 1, B, 4, h, w), VP scale, noisiest first. levels: alpha_bar at its entries, (steps + 1,).
    """

    def __init__(self, trajectory: Tensor, levels: Tensor) -> None:
        self.points = trajectory / levels.sqrt().view(-1, 1, 1, 1, 1)
        self.sigmas = ((1 - levels) / levels).sqrt().tolist()

    def at(self, sigma: float) -> tuple[Tensor, Tensor]:
        """The picture at a noise level, and the clean picture that its way down heads for: (B, 4, h, w) each."""
        begun = [i for i, level in enumerate(self.sigmas[:-1]) if level >= sigma * (1 - SAME_LEVEL)]
        first = begun[-1] if begun else 0
        start, end = self.points[first], self.points[first + 1]
        high, low = self.sigmas[first], self.sigmas[first + 1]
        noise = torch.zeros_like(start) if high == low else (start - end) / (high - low)
        return start + (sigma - high) * noise, start - high * noise


@dataclass(frozen=True)
class Outside:
    """What an inversion keeps of a picture with a noise mask.

    mask: (B, 1, h, w) in [0, 1], 1 where the picture may change. trajectory: (steps + 1, B, 4, h, w), VP scale,
    noisiest first. levels: alpha_bar at its entries, (steps + 1,).
    """

    mask: Tensor
    trajectory: Tensor
    levels: Tensor

    def path(self, device: torch.device | str = "cpu") -> KnownPath:
        return KnownPath(self.trajectory.to(device), self.levels.to(device))

    def check(self, steps: int, shape: tuple[int, ...]) -> None:
        """Raises: InputError unless it belongs to latents of this shape, (B, 4, h, w), and this number of steps."""
        parts = (self.mask, self.trajectory, self.levels)
        if not all(isinstance(part, Tensor) and part.dtype == torch.float32 and are_finite(part) for part in parts):
            raise InputError(f"the inversion's noise mask holds {NOT_FINITE}, or no numbers in float32: invert again.")
        expected = {"mask": (shape[0], 1, *shape[2:]), "trajectory": (steps + 1, *shape), "levels": (steps + 1,)}
        if any(tuple(getattr(self, name).shape) != fitting for name, fitting in expected.items()):
            raise InputError("the inversion's noise mask belongs to another picture or number of steps: invert again.")
        if not (float(self.levels.min()) > 0 and float(self.levels.max()) <= 1):
            raise InputError("the inversion's noise levels are no alpha_bar in (0, 1]: invert again.")


def mixed(inside: Tensor, outside: Tensor, mask: Tensor) -> Tensor:
    """`inside` where the mask is 1, `outside` where it is 0."""
    return inside * mask + outside * (1 - mask)


class MaskedModel:
    """A noise predictor whose predictions lead what is outside a mask along a known path. It is an `EpsModel`.

    Guidance mixes predictions with weights that add up to 1, so masking each prediction is masking the guided one.
    """

    def __init__(self, model: EpsModel, mask_at: MaskAt, path: KnownPath) -> None:
        self._model, self._mask_at, self._path = model, mask_at, path

    @property
    def alpha_bar(self) -> Tensor:
        return self._model.alpha_bar

    @property
    def sides_differ(self) -> bool:
        return self._model.sides_differ

    @property
    def out_of_memory(self) -> tuple[type[BaseException], ...]:
        return self._model.out_of_memory

    def make_room(self, error: BaseException) -> bool:
        return self._model.make_room(error)

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[Any]) -> list[Tensor]:
        """See `EpsModel`; all pictures are at one timestep."""
        alpha_bar, mask = self.alpha_bar[timesteps[0]], self._mask_at(timesteps)
        x, x0 = self._path.at(float(((1 - alpha_bar) / alpha_bar).sqrt()))
        seen = mixed(latents, x * alpha_bar.sqrt(), mask)
        predictions = self._model.predict_eps(seen, timesteps, prompts)
        clean = [mixed(x0_from_eps(seen, eps, alpha_bar), x0, mask) for eps in predictions]
        return [eps_from_x0(latents, one, alpha_bar) for one in clean]
