"""What comes before an edit: the target prompt optimised for a picture, and the picture inverted."""

from __future__ import annotations

import logging
from typing import Any

from comfy_api.v0_0_2 import io

from ..diffusion.ddim import DDIMSchedule
from ..diffusion.pace import RATE_SCHEDULES
from ..inversion.data import Inversion
from ..inversion.methods import METHODS, InversionSettings, method_notes
from ..inversion.null_text import SOLVERS, NullTextSettings
from ..inversion.text_optimization import DRAWN, TextOptimizationSettings
from ..pipelines.inversion_wires import plain_wires
from ..pipelines.invert_pictures import SourcePrompts, invert_pictures, report_text
from ..pipelines.optimize_prompt import optimize_prompt
from ..pipelines.reporter import Reporter
from .schema import (
    CATEGORY,
    RESUMABLE,
    InversionSocket,
    LossSocket,
    Node,
    address,
    advanced,
    made_by_wires,
    precision_input,
    resume_input,
    schema,
    seed_input,
)

log = logging.getLogger("single_image_studio")


def _precision() -> io.Input:
    return precision_input("fp32 reconstructs best and helps against NaN.")


def _resume() -> io.Input:
    return resume_input(
        "For batches: pictures that were finished before a cancel or a crash are not made again; the result is the same"
        " to the bit. Off: makes all anew and keeps none."
    )


class ImagicTextOptimize(Node):
    """Moves the target prompt's embedding until it describes the picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_ImagicTextOptimize",
            display_name="Imagic Text Optimize",
            category=CATEGORY,
            search_aliases=["imagic", "text optimization", "non-rigid edit", "toli"],
            description=(
                "Optimises the embedding of your target prompt until it describes the subject of this picture. The edit"
                " then goes from this embedding (alpha 0) towards the target prompt (alpha 1)."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint to edit with: SD 1.4 or 1.5, or any finetune of one."),
                io.Conditioning.Input(
                    "target",
                    tooltip="What the picture should become, described in full: a dog jumping, not just jumping.",
                ),
                io.Latent.Input(
                    "latent", tooltip="The picture from VAE Encode. Each picture of a batch gets its own result."
                ),
                io.Int.Input(
                    "steps",
                    default=200,
                    min=0,
                    max=10000,
                    tooltip="Number of optimisation steps. Paper: 200. More steps stay closer to the picture.",
                ),
                io.Float.Input(
                    "learning_rate",
                    default=1e-3,
                    min=0.0,
                    max=1.0,
                    step=1e-6,
                    round=False,
                    tooltip="How large each step is. Paper: 0.001.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=1,
                    min=1,
                    max=64,
                    tooltip="Noise levels per step. Paper: 1. More is smoother and slower.",
                ),
                seed_input("The same seed gives the same result."),
                _precision(),
                io.Combo.Input(
                    "rate_schedule",
                    optional=True,
                    options=list(RATE_SCHEDULES),
                    default="constant",
                    tooltip=(
                        "How the learning rate goes on. constant: the paper's. cosine: falls to zero, for fewer steps"
                        " with a higher learning_rate (50 steps with 0.008)."
                    ),
                ),
                io.Combo.Input(
                    "timesteps",
                    optional=True,
                    options=list(DRAWN),
                    default="uniform",
                    tooltip=(
                        "How noise levels are drawn. uniform: the paper's. golden_ratio: spread evenly, however few"
                        " steps there are."
                    ),
                ),
                InversionSocket.Input(
                    "inversion",
                    optional=True,
                    tooltip=(
                        "From Load Inversion: if this prompt was saved with it, optimised with the same settings, it is"
                        " used at once."
                    ),
                ),
                _resume(),
            ],
            outputs=[
                io.Conditioning.Output(
                    "optimized",
                    display_name="optimized",
                    tooltip="Connect it to the `optimized` input of the timestep-aware nodes and Edit Grid.",
                ),
                LossSocket.Output("loss", display_name="loss", tooltip="The loss at each step, for Plot Loss Graph."),
            ],
            hidden=RESUMABLE,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        target: Any,
        latent: Any,
        steps: int,
        learning_rate: float,
        batch_size: int,
        seed: int,
        precision: str,
        rate_schedule: str = "constant",
        timesteps: str = "uniform",
        inversion: Inversion | None = None,
        resume: bool = True,
    ) -> io.NodeOutput:
        settings = TextOptimizationSettings(
            steps=steps,
            learning_rate=learning_rate,
            batch_size=batch_size,
            seed=seed,
            precision=precision,
            rate_schedule=rate_schedule,
            timesteps=timesteps,
        )
        with Reporter("text", address(cls)) as reporter:
            optimized, losses = optimize_prompt(
                model, target, latent, settings, reporter, inversion, made_by_wires(cls, resume, "model")
            )
        return io.NodeOutput(optimized, losses, ui=reporter.ui())


class NullTextInvert(Node):
    """Finds the noise that a picture comes from, and what guides it back."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_NullTextInvert",
            display_name="Null-Text Invert",
            category=CATEGORY,
            search_aliases=[
                "ddim inversion",
                "null-text inversion",
                "negative prompt inversion",
                "direct inversion",
                "fixed-point inversion",
                "edit-friendly ddpm inversion",
                "unsampler",
                "toli",
            ],
            description=(
                "Finds the noise from which sampling reconstructs your picture, so that prompts can change it."
                " noise_latent and uncond also work with ComfyUI's own samplers: no added noise, ddim, ddim_uniform,"
                " the same steps and cfg."
            ),
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint to edit with: SD 1.4 or 1.5, or any finetune of one."),
                io.Latent.Input(
                    "latent", tooltip="The picture from VAE Encode. Each picture of a batch is inverted separately."
                ),
                io.Conditioning.Input(
                    "source", tooltip="What the picture shows now. An empty prompt often keeps the structure better."
                ),
                io.Conditioning.Input("uncond", tooltip="The unconditional prompt: an empty prompt."),
                io.Combo.Input("method", options=list(METHODS), default="null_text", tooltip=method_notes()),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=999,
                    tooltip=(
                        "Number of DDIM steps. Papers: 50. For ComfyUI's own samplers a divisor of 1000 is best (20,"
                        " 25, 40, 50)."
                    ),
                ),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="The guidance scale for sampling the edit. Papers: 7.5.",
                ),
                io.Int.Input(
                    "inner_steps",
                    default=10,
                    min=1,
                    max=100,
                    tooltip=(
                        "null_text only: the most updates per step with solver adam; line_search makes a quarter as"
                        " many, rounded up. Paper: 10."
                    ),
                ),
                io.Float.Input(
                    "learning_rate",
                    default=1e-2,
                    min=0.0,
                    max=1.0,
                    step=1e-5,
                    round=False,
                    tooltip=(
                        "null_text only: how large adam's first updates are; for line_search, how far one trial may go."
                        " Paper: 0.01."
                    ),
                ),
                io.Float.Input(
                    "tolerance",
                    default=1e-5,
                    min=0.0,
                    max=1.0,
                    step=1e-7,
                    round=False,
                    tooltip=(
                        "null_text only: a step's updates stop when its error falls below this. Paper: 0.00001. 0"
                        " always makes all updates."
                    ),
                ),
                _precision(),
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="Only for the report: with it, the reconstruction is also measured in pixels.",
                ),
                advanced(
                    io.Int.Input(
                        "steps_offset",
                        optional=True,
                        default=1,
                        min=0,
                        max=1,
                        tooltip=(
                            "The first timestep. Stable Diffusion uses 1; use 0 only to compare with code that starts"
                            " at 0."
                        ),
                    )
                ),
                io.Combo.Input(
                    "solver",
                    optional=True,
                    options=list(SOLVERS),
                    default="adam",
                    tooltip=(
                        "null_text only: how the embeddings are optimised. adam: the paper's. line_search: nearly as"
                        " close in half the computing."
                    ),
                ),
                seed_input(
                    "edit_friendly only: fixes the noise it draws. Another seed gives another edit.", optional=True
                ),
                _resume(),
            ],
            outputs=[
                InversionSocket.Output(
                    "inversion",
                    display_name="inversion",
                    tooltip="Connect it to Timestep-Aware KSampler, Edit Grid or Save Inversion.",
                ),
                io.Latent.Output(
                    "noise_latent",
                    display_name="noise_latent",
                    tooltip="The noise found for the picture, for a ComfyUI sampler that adds no noise.",
                ),
                io.Conditioning.Output(
                    "uncond_out",
                    display_name="uncond",
                    tooltip=(
                        "The unconditional embeddings found, each for its own step. Connect it to a ComfyUI sampler's"
                        " negative."
                    ),
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="How closely the picture is reconstructed, and how much computing it took.",
                ),
            ],
            hidden=RESUMABLE,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        latent: Any,
        source: Any,
        uncond: Any,
        method: str,
        steps: int,
        cfg: float,
        inner_steps: int,
        learning_rate: float,
        tolerance: float,
        precision: str,
        vae: Any = None,
        steps_offset: int = 1,
        solver: str = "adam",
        seed: int = 0,
        resume: bool = True,
    ) -> io.NodeOutput:
        updates: dict[str, Any] = {"inner_steps": inner_steps, "learning_rate": learning_rate, "tolerance": tolerance}
        updates["solver"] = solver
        settings = InversionSettings(
            method=method,
            schedule=DDIMSchedule(steps, steps_offset),
            guidance_scale=cfg,
            null_text=_null_text_settings(method, updates),
            precision=precision,
            seed=seed,
        )
        prompts = SourcePrompts(source=source, uncond=uncond)
        with Reporter("inversion", address(cls)) as reporter:
            inversion = invert_pictures(
                model, latent, prompts, settings, reporter, vae, made_by_wires(cls, resume, "model")
            )
        text = report_text(inversion.report)
        log.info("Null-Text Invert: %s", text.replace("\n", "; "))
        return io.NodeOutput(inversion, *plain_wires(inversion), text, ui={"text": [text], **reporter.ui()})


def _null_text_settings(method: str, updates: dict[str, Any]) -> NullTextSettings:
    """Of the node's inputs, which other methods do not read: there they may hold anything."""
    return NullTextSettings(**updates) if method == "null_text" else NullTextSettings()
