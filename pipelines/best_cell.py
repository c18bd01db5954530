"""Edit Grid's proposal: the cell that the model itself finds best, by `inversion.best_cell`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..diffusion.report import result_of
from ..host.latents import latents_from
from ..host.progress import CANCELLED
from ..host.session import UnetSession
from ..host.unet import Unet
from ..inversion.best_cell import TIMESTEPS, judge
from ..inversion.data import Inversion
from .edit_picture import EditConditioning

log = logging.getLogger("single_image_studio")


@dataclass(frozen=True)
class Proposal:
    """cells: for each picture of the batch the number of its best cell, row by row; none when they could not be told.
    instead: why there are none."""

    cells: tuple[int, ...] = ()
    instead: str = ""


def propose_cells(
    model: Any, inversion: Inversion, prompts: EditConditioning, edits: Sequence[dict[str, Tensor]]
) -> Proposal:
    """The best of a grid's cells, for each picture of the batch. A courtesy: what goes wrong costs the proposal alone.

    edits: a LATENT for each cell.
    Raises: the host's InterruptProcessingException when the user has pressed cancel.
    """
    if len(edits) < 2:
        return Proposal(instead="there is only one")
    if inversion.picture is None:
        return Proposal(instead="the inversion was saved without its picture; invert it again")
    try:
        return Proposal(tuple(_judged(model, inversion, prompts, [latents_from(edit) for edit in edits])))
    except CANCELLED:
        raise
    except Exception as error:  # other packs' code runs inside the model, and the grid is there already
        log.info("Edit Grid: no cell is proposed, since judging them failed.", exc_info=error)
        return Proposal(instead=f"judging them failed ({type(error).__name__})")


def _judged(model: Any, inversion: Inversion, prompts: EditConditioning, edits: Sequence[Tensor]) -> list[int]:
    picture = inversion.picture
    assert picture is not None

    def work(unet: Unet) -> list[int]:
        cells = torch.stack(list(edits)).to(unet.device)
        here = picture.to(unet.device)
        return result_of(judge(unet, cells, here, unet.prompts["source"], unet.prompts["target"])).best()

    session = UnetSession(
        model=model,
        shape=picture.shape,
        timesteps=TIMESTEPS,
        positive={"source": prompts.source, "target": prompts.target},
    )
    return session.run(work)
