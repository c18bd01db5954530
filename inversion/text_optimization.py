"""Imagic's text optimisation: the target prompt's embedding, moved until it describes the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..diffusion.process import add_noise
from ..support.errors import InputError
from .prompts import PredictEps, Prompt
from .stepping import NO_ROOM, Backward, Room, per_picture

# The reference scales its loss by 65,536 and never back, which leaves Adam's updates alone but for its eps.
ADAM_EPS = 1e-8 / 65536


@dataclass(frozen=True)
class TextOptimizationSettings:
    """Raises: InputError when a value does not fit."""

    steps: int = 200
    learning_rate: float = 1e-3
    batch_size: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError(f"`steps` is {self.steps}; it must be 0 or more: change `steps`.")
        if self.batch_size < 1:
            raise InputError(f"`batch_size` is {self.batch_size}; it must be 1 or more: change `batch_size`.")
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(f"`learning_rate` is {self.learning_rate}; it must be above 0: change `learning_rate`.")


def optimize_text(
    predict_eps: PredictEps,
    latents: Tensor,
    target: Prompt,
    alpha_bar: Tensor,
    settings: TextOptimizationSettings,
    room: Room = NO_ROOM,
    on_step: Callable[[int, float], None] | None = None,
) -> tuple[Tensor, list[list[float]]]:
    """All numbers of the target's encoding by Adam, on the plain noise-prediction loss; the model stays as it is.

    latents: (B, 4, h, w), clean, VP scale; each picture has its own embedding, as if it were alone. Each step draws its
    timesteps, then its noise, for all pictures alike, from one CPU generator.
    on_step(steps done, mean loss) may raise to cancel.
    Returns the embeddings, (B, n, width), and each picture's loss at every step.
    Raises: InputError when the loss is not finite.
    Source: Kawar et al. 2022, Imagic, arXiv:2210.09276, eq. 2; learning rate and steps of the non-rigid editing paper.
    """
    pictures, batch, backward = len(latents), settings.batch_size, Backward(room)
    generator = torch.Generator().manual_seed(settings.seed)
    leaf = target.context.detach().clone().expand(pictures, -1, -1).clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=settings.learning_rate, eps=ADAM_EPS)
    clean = latents.repeat_interleave(batch, 0)
    history: list[Tensor] = []
    for step in range(settings.steps):
        timesteps = torch.randint(0, len(alpha_bar), (batch,), generator=generator).repeat(pictures).to(clean.device)
        noise = torch.randn((batch, *clean.shape[1:]), generator=generator).repeat(pictures, 1, 1, 1).to(clean.device)
        noisy = add_noise(clean, noise, alpha_bar[timesteps])

        def losses_of(noisy: Tensor = noisy, timesteps: Tensor = timesteps, noise: Tensor = noise) -> Tensor:
            (eps,) = predict_eps(noisy, timesteps, [target.with_context(leaf.repeat_interleave(batch, 0))])
            return per_picture(eps - noise).view(pictures, batch).mean(1)

        history.append(backward(losses_of, leaf))
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, history[-1].mean().item())
    return leaf.detach(), torch.stack(history, 1).tolist() if history else [[] for _ in range(pictures)]
