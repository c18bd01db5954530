"""Edit Grid: every alpha with every source ratio, sampled, decoded and drawn in one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from ..host.checks import require_vae
from ..host.latents import decode, try_decoder
from ..inversion.data import Inversion
from ..inversion.grid import Cell, cells_of
from ..pictures.contact_sheet import contact_sheet
from ..pictures.grid import Framed, grid_picture
from ..support import checks
from ..support.errors import InputError, brief
from .best_cell import Proposal, propose_cells
from .edit_picture import EditConditioning, sample_cells
from .reporter import Reporter

LARGEST_GRID = 400
LARGEST_BATCH = 64
BEST = "Best of these by the model's own eyes"


def numbers(text: str, name: str) -> list[float]:
    """Numbers from a line such as "0.1, 0.2 0.3"; what is told twice counts once.

    Raises: InputError for what is no number, or when there is none.
    """
    checks.text(name, text)
    parts = text.replace(",", " ").replace(";", " ").split()
    try:
        values = list(dict.fromkeys(float(part) for part in parts))
    except ValueError as error:
        raise InputError(
            f"`{name}` is {brief(text)}; expected numbers with commas between them, as in 0.1, 0.2: change `{name}`."
        ) from error
    if not values or not all(math.isfinite(value) for value in values):
        raise InputError(f"`{name}` is {brief(text)}; expected at least one number, as in 0.1, 0.2: change `{name}`.")
    return values


@dataclass(frozen=True)
class GridAxes:
    """alphas: across. source_ratios: down."""

    alphas: list[float]
    source_ratios: list[float]

    @classmethod
    def from_texts(cls, *, alphas: str, source_ratios: str) -> GridAxes:
        """Raises: InputError when a text holds no numbers, a ratio is none, or they are too many."""
        axes = cls(numbers(alphas, "alphas"), numbers(source_ratios, "source_ratios"))
        count = len(axes.alphas) * len(axes.source_ratios)
        if count > LARGEST_GRID:
            raise InputError(
                f"`alphas` and `source_ratios` make {count} pictures and a grid holds {LARGEST_GRID}: give fewer."
            )
        axes.cells()  # which checks the values
        return axes

    def cells(self) -> list[Cell]:
        """Row by row."""
        return cells_of(self.alphas, self.source_ratios)


@dataclass(frozen=True)
class SampledGrid:
    """pictures: for each picture of the batch all its cells, (cells, H, W, 3) in [0, 1], row by row. proposal: the best
    of them."""

    axes: GridAxes
    pictures: list[Tensor]
    proposal: Proposal

    def drawn(self, mark_best: bool = False) -> Tensor:
        """One labelled grid for each picture of the batch: (B, H', W', 3). mark_best: the proposed cells are framed."""
        across = [f"alpha {alpha:g}" for alpha in self.axes.alphas]
        down = [f"ratio {ratio:g}" for ratio in self.axes.source_ratios]
        frames: list[Framed | None] = [None] * len(self.pictures)
        if mark_best and self.proposal.cells:
            frames = [Framed(cell, BEST) for cell in self.proposal.cells]
        return torch.cat([grid_picture(*each) for each in zip(self.pictures, repeat(across), repeat(down), frames)])

    def report(self) -> str:
        """The proposal in words, a line for each picture of the batch."""
        cells = self.axes.cells()
        best = [f"alpha {cells[i].alpha:g}, ratio {cells[i].source_ratio:g}." for i in self.proposal.cells]
        if len(best) == 1:
            return f"{BEST}: {best[0]}"
        lines = [f"Picture {number}: {BEST.lower()}: {words}" for number, words in enumerate(best, start=1)]
        return "\n".join(lines) or f"No cell is proposed: {self.proposal.instead}."

    def images(self) -> Tensor:
        """The pictures alone: (B · cells, H, W, 3)."""
        return torch.cat(self.pictures)

    def labels(self) -> str:
        """A line for each of `images`; the two spaces at its end keep it one where a page reads Markdown."""
        lines = [f"alpha {cell.alpha:g}, source ratio {cell.source_ratio:g}" for cell in self.axes.cells()]
        return "  \n".join(lines * len(self.pictures))

    def sheets(self) -> list[Tensor]:
        """For each picture of the batch a small sheet of all its cells, which a page cuts apart again: (1, H', W', 3)
        each."""
        return [contact_sheet(cells, len(self.axes.alphas)) for cells in self.pictures]

    def layout(self) -> dict[str, int]:
        """How many cells a sheet has, and each cell's full size."""
        height, width = self.pictures[0].shape[1:3]
        return {
            "columns": len(self.axes.alphas),
            "rows": len(self.axes.source_ratios),
            "width": width,
            "height": height,
        }


def edit_grid(
    model: Any,
    vae: Any,
    inversion: Inversion,
    prompts: EditConditioning,
    axes: GridAxes,
    reporter: Reporter,
    at_once: int = 1,
) -> SampledGrid:
    """Samples every cell, without previews: the page would keep the last one under the finished grid.

    at_once: how many cells of a row share an evaluation, for one picture; 0: as many as fit, up to 16.
    Raises: InputError when the inputs do not fit together, or one gives numbers that are not finite.
    """
    checks.whole("edits_at_once", at_once, 0, LARGEST_BATCH)
    require_vae(vae)
    try_decoder(vae)
    latents = sample_cells(model, inversion, prompts, axes.cells(), reporter, at_once=at_once)
    proposal = propose_cells(model, inversion, prompts, latents)
    decoded = [decode(vae, latent) for latent in latents]
    return SampledGrid(axes, [torch.stack(cells) for cells in zip(*decoded, strict=True)], proposal)
