"""Null-text inversion's cheaper solver: a few steps whose length is worked out, in place of Adam's many small ones."""

from __future__ import annotations

import torch
from torch import Tensor

from .backward import Backward, per_picture
from .landing import Landing, Solved

FURTHEST = 4.0
"""In trials: how far along a direction a step may go. Further out, the trial tells little."""
TINY = 1e-30


def line_search(
    landing: Landing, start: Tensor, rounds: int, reach: float, enough: float, backward: Backward
) -> Solved:
    """One step's embeddings, by at most `rounds` steps along the sign of the gradient.

    A round is a forward with its backward, and a trial without a graph, which tells the best length (`best_length`).
    The loss is looked at before anything is differentiated, and the last forward is the landing: where the start is
    good enough, one evaluation is all.

    start: (B, n, width). A picture whose loss is below `enough` keeps its embedding, so that pictures together get
        what each would get alone.
    reach: the most that a trial moves a number.
    """
    embeds, updates = start.detach().clone(), torch.zeros(len(start), dtype=torch.int64, device=start.device)
    for _ in range(rounds):
        latents, losses, gradient = _look(landing, embeds, enough, backward)
        going = ~(losses < enough)
        if not (going.any() and backward.acts):
            return Solved(embeds, latents, updates)
        move = -gradient.sign() * _per_token(_trial_length(losses, gradient).clamp(max=reach))
        change = landing.at(embeds + move) - latents
        length = best_length(latents - landing.pivot, change).clamp(0, FURTHEST)
        embeds = torch.where(_per_token(going), embeds + _per_token(length) * move, embeds)
        updates = updates + going
    return Solved(embeds, landing.at(embeds), updates)


def best_length(error: Tensor, change: Tensor) -> Tensor:
    """How many times `change` must be added to each picture's error to make its square least: (B,).

    error, change: (B, …). The unconditional prediction enters a guided DDIM step linearly, so that its landing moves
    as the prediction does, along a line whose two points are known.
    """
    along, square = (error * change).flatten(1).sum(1), change.square().flatten(1).sum(1)
    return -along / square.clamp(min=TINY)


def _look(landing: Landing, embeds: Tensor, enough: float, backward: Backward) -> tuple[Tensor, Tensor, Tensor]:
    """Where embeddings land, each picture's loss there, and its gradient; 0 where every loss is below `enough`."""
    leaf, landed = embeds.clone().requires_grad_(), [landing.pivot]

    def losses_of(some: Tensor) -> Tensor:
        latents = landing.at(some)
        landed[:] = [latents.detach()]
        return per_picture(latents - landing.pivot)

    losses = backward(losses_of, leaf, enough)
    assert leaf.grad is not None
    return landed[0], losses, leaf.grad


def _trial_length(losses: Tensor, gradient: Tensor) -> Tensor:
    """By how much each number must move against its gradient's sign to bring the loss to 0, were the error linear:
    (B,). Along a line to where it is 0, a square falls at first by twice itself a length."""
    return 2 * losses / gradient.abs().flatten(1).sum(1).clamp(min=TINY)


def _per_token(values: Tensor) -> Tensor:
    """(B,) to (B, 1, 1)."""
    return values[:, None, None]
