"""Non-rigid editing: edits of an inverted picture, one or a grid of them."""

from __future__ import annotations

import json
import logging
from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..host.progress import courtesy
from ..inversion.data import Inversion
from ..inversion.grid import LARGEST_ALPHA, Cell
from ..pipelines.edit_grid import LARGEST_BATCH, GridAxes, SampledGrid, edit_grid
from ..pipelines.edit_picture import EditConditioning, edit_picture, timestep_aware_conditioning
from ..pipelines.reporter import Reporter
from .schema import CATEGORY, InversionSocket, Node, address, schema

log = logging.getLogger("single_image_studio")


def _alpha() -> io.Input:
    return io.Float.Input(
        "alpha",
        default=0.3,
        min=-float(LARGEST_ALPHA),  # a click in Edit Grid sends any alpha that a grid can have
        max=float(LARGEST_ALPHA),
        step=0.01,
        tooltip=(
            "How far to go towards the target prompt. 0 keeps the picture, 0.1 to 0.5 edits it, 1 follows only the"
            " target prompt, and more than 1 exaggerates."
        ),
    )


def _source_ratio() -> io.Input:
    return io.Float.Input(
        "source_ratio",
        default=0.2,
        min=0.0,
        max=1.0,
        step=0.01,
        tooltip=(
            "The share of steps, from the start, that use the source prompt. 0.1 lets the structure change a lot, 0.4"
            " keeps most of it."
        ),
    )


def _optimized() -> io.Input:
    return io.Conditioning.Input(
        "optimized",
        optional=True,
        tooltip=(
            "The optimised prompt from Imagic Text Optimize: the edit starts from it (alpha 0). If not connected, the"
            " edit starts from the source prompt."
        ),
    )


def _prompts() -> list[io.Input]:
    return [
        io.Conditioning.Input(
            "source", tooltip="The prompt the picture was inverted with: what it shows now, or an empty prompt."
        ),
        io.Conditioning.Input(
            "target", tooltip="What the picture should become, described in full: a dog jumping, not just jumping."
        ),
    ]


class TimestepAwareKSampler(Node):
    """Samples an edit of an inverted picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_TimestepAwareKSampler",
            display_name="Timestep-Aware KSampler",
            category=CATEGORY,
            search_aliases=["non-rigid edit", "toli", "imagic", "timestep-aware sampling"],
            description=(
                "Samples the edit: in the first steps the source prompt keeps the picture's layout, then the target"
                " prompt changes it. Steps and cfg come with the inversion."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The MODEL the picture was inverted with."),
                InversionSocket.Input("inversion", tooltip="From Null-Text Invert or Load Inversion."),
                *_prompts(),
                _alpha(),
                _source_ratio(),
                _optimized(),
            ],
            outputs=[io.Latent.Output("latent", display_name="latent", tooltip="The edited picture, for VAE Decode.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        inversion: Inversion,
        source: Any,
        target: Any,
        alpha: float,
        source_ratio: float,
        optimized: Any = None,
    ) -> io.NodeOutput:
        prompts = EditConditioning(source=source, target=target, optimized=optimized)
        with Reporter(address=address(cls), text=True) as reporter:
            return io.NodeOutput(edit_picture(model, inversion, prompts, Cell(alpha, source_ratio), reporter))


class TimestepAwareConditioning(Node):
    """The edit's prompts as one ordinary conditioning."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_TimestepAwareConditioning",
            display_name="Timestep-Aware Conditioning",
            category=CATEGORY,
            search_aliases=["non-rigid edit", "toli", "prompt scheduling", "timestep range"],
            description=(
                "The source prompt for the first steps and the edited prompt for the rest, as one ordinary conditioning"
                " for any ComfyUI sampler. With noise_latent and uncond from Null-Text Invert the sampler makes the"
                " edit, and you can add ControlNets."
            ),
            inputs=[
                *_prompts(),
                _alpha(),
                _source_ratio(),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=999,
                    tooltip="The number of steps of the inversion. The sampler must use the same number.",
                ),
                _optimized(),
            ],
            outputs=[
                io.Conditioning.Output(
                    "positive",
                    display_name="positive",
                    tooltip="Connect it to a ComfyUI sampler's positive, or first to Apply ControlNet.",
                )
            ],
        )

    @classmethod
    def execute(
        cls, source: Any, target: Any, alpha: float, source_ratio: float, steps: int, optimized: Any = None
    ) -> io.NodeOutput:
        prompts = EditConditioning(source=source, target=target, optimized=optimized)
        return io.NodeOutput(timestep_aware_conditioning(prompts, Cell(alpha, source_ratio), steps))


class EditGrid(Node):
    """Every alpha with every source ratio in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_EditGrid",
            display_name="Edit Grid (alpha x source ratio)",
            category=CATEGORY,
            search_aliases=["xy plot", "grid", "non-rigid edit", "toli"],
            is_output_node=True,  # it shows its grid, so it runs with nothing connected to it
            description=(
                "Samples the edit with every alpha and every source ratio, so that you can choose: alphas from left to"
                " right, source ratios from top to bottom. First steps in common are computed once. Click a picture to"
                " send its values to the timestep-aware node."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The MODEL the picture was inverted with."),
                io.Vae.Input("vae", tooltip="The checkpoint's VAE, to decode the pictures."),
                InversionSocket.Input("inversion", tooltip="From Null-Text Invert or Load Inversion."),
                *_prompts(),
                io.String.Input(
                    "alphas", default="0.1, 0.2, 0.3, 0.4, 0.5", tooltip="The alphas to try, separated by commas."
                ),
                io.String.Input(
                    "source_ratios",
                    default="0.1, 0.2, 0.3, 0.4",
                    tooltip="The source ratios to try, separated by commas.",
                ),
                _optimized(),
                io.Boolean.Input(
                    "mark_best",
                    optional=True,
                    default=False,
                    tooltip="Also frames the proposed edit in the grid picture. The node marks it in any case.",
                ),
                io.Int.Input(
                    "edits_at_once",
                    optional=True,
                    default=1,
                    min=0,
                    max=LARGEST_BATCH,
                    tooltip=(
                        "How many edits of a row are sampled together: faster, needs more memory, and the same edits up"
                        " to rounding. 0: as many as fit. 1: each by itself. Batches of pictures, and a MODEL with"
                        " other packs' patches, are always sampled one edit at a time."
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(
                    "grid",
                    display_name="grid",
                    tooltip="All edits in one labelled picture. For a batch, one grid per picture.",
                ),
                io.Image.Output("images", display_name="images", tooltip="The edits as separate pictures, row by row."),
                io.String.Output(
                    "labels", display_name="labels", tooltip="One line per picture: its alpha and source ratio."
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip=(
                        "The edit that the model itself finds best: the target prompt fits it, and it keeps the"
                        " picture."
                    ),
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        vae: Any,
        inversion: Inversion,
        source: Any,
        target: Any,
        alphas: str,
        source_ratios: str,
        optimized: Any = None,
        mark_best: bool = False,
        edits_at_once: int = 1,
    ) -> io.NodeOutput:
        axes = GridAxes.from_texts(alphas=alphas, source_ratios=source_ratios)
        prompts = EditConditioning(source=source, target=target, optimized=optimized)
        reporter = Reporter()  # shows no text: it would stay under the grid
        grid = edit_grid(model, vae, inversion, prompts, axes, reporter, edits_at_once)
        report = grid.report()
        log.info("Edit Grid: %s", report.replace("\n", " "))
        shown = _grid_on_the_node(cls, grid)
        return io.NodeOutput(grid.drawn(mark_best), grid.images(), grid.labels(), report, ui=shown)


def _grid_on_the_node(cls: Any, grid: SampledGrid) -> dict[str, list[Any]]:
    """What web/edit_grid.js draws: each cell's values, and for each picture of the batch a sheet of all its cells in
    the host's temp folder. `best`: for each picture the number of the proposed cell; empty if there is none."""
    with courtesy("The grid"):
        return _cells_and_sheets(cls, grid)
    return {}


def _cells_and_sheets(cls: Any, grid: SampledGrid) -> dict[str, list[Any]]:
    return {
        "cells": [json.dumps({"alpha": cell.alpha, "source_ratio": cell.source_ratio}) for cell in grid.axes.cells()],
        "sheets": [ui.PreviewImage(sheet, cls=cls).as_dict()["images"][0] for sheet in grid.sheets()],
        "layout": [grid.layout()],
        "best": list(grid.proposal.cells),
    }
