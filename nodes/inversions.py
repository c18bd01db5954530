"""Nodes that keep inversions."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io

from ..host import folders, saved_files
from ..inversion.data import Inversion
from ..pipelines.inversion_wires import plain_wires
from ..pipelines.keep_inversion import keep_inversion, kept_inversion
from ..support.narrow import PRECISIONS
from .schema import CATEGORY, InversionSocket, Node, schema


class SaveInversion(Node):
    """Writes an inversion to one file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_SaveInversion",
            display_name="Save Inversion",
            category=CATEGORY,
            search_aliases=["save latent", "null-text inversion", "toli"],
            is_output_node=True,
            description=(
                "Saves an inversion in models/single_image_studio/inversions, so that you can edit the picture later"
                " without inverting it again. If the name is taken, a number is added; nothing is overwritten."
            ),
            inputs=[
                InversionSocket.Input("inversion", tooltip="From Null-Text Invert."),
                io.String.Input(
                    "name", default="my_inversion", tooltip="The file's name. Use letters, digits, - and _."
                ),
                io.Conditioning.Input(
                    "optimized",
                    optional=True,
                    tooltip=(
                        "A prompt from Imagic Text Optimize, to keep in the file: with Load Inversion it need not be"
                        " optimised again."
                    ),
                ),
                io.Combo.Input(
                    "precision",
                    optional=True,
                    options=list(PRECISIONS),
                    default="fp32",
                    tooltip=(
                        "Number format of the unconditional embeddings in the file. fp32: exactly what was found. fp16:"
                        " about half the size, with pictures that differ slightly."
                    ),
                ),
            ],
            outputs=[
                InversionSocket.Output(
                    "saved_inversion", display_name="inversion", tooltip="The same inversion, for the next nodes."
                ),
                io.String.Output(
                    "saved_as",
                    display_name="saved_as",
                    tooltip="The name it was saved under, with a number if the name was taken.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        """A file that is gone lets the node run again."""
        return saved_files.times_lost()

    @classmethod
    def execute(cls, inversion: Inversion, name: str, optimized: Any = None, precision: str = "fp32") -> io.NodeOutput:
        inversion, path = keep_inversion(inversion, name, optimized, precision)
        return io.NodeOutput(
            inversion, path.stem, ui={"text": [f"Saved as {path.stem}."], "saved_inversion": [path.stem]}
        )


class LoadInversion(Node):
    """Loads a saved inversion."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_LoadInversion",
            display_name="Load Inversion",
            category=CATEGORY,
            search_aliases=["load latent", "null-text inversion", "toli"],
            description=(
                "Loads a saved inversion, to edit its picture with other prompts. Use the checkpoint it was made with."
            ),
            inputs=[
                io.Combo.Input(
                    "inversion_name",
                    options=folders.INVERSIONS.names(),
                    tooltip="An inversion from models/single_image_studio/inversions.",
                )
            ],
            outputs=[
                InversionSocket.Output(
                    "inversion", display_name="inversion", tooltip="Connect it to Timestep-Aware KSampler or Edit Grid."
                ),
                io.Latent.Output(
                    "noise_latent",
                    display_name="noise_latent",
                    tooltip="The noise found for the picture, for a ComfyUI sampler that adds no noise.",
                ),
                io.Conditioning.Output(
                    "uncond",
                    display_name="uncond",
                    tooltip=(
                        "The unconditional embeddings found, each for its own step. Connect it to a ComfyUI sampler's"
                        " negative."
                    ),
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, inversion_name: str | None = None, input_types: Any = None) -> bool:
        """Leaves the name to `execute`, as Load Concept does."""
        return True

    @classmethod
    def fingerprint_inputs(cls, inversion_name: str | None = None, **_: Any) -> str:
        """An inversion's content decides whether the node runs again."""
        return folders.INVERSIONS.stamp(inversion_name)

    @classmethod
    def execute(cls, inversion_name: str) -> io.NodeOutput:
        inversion = kept_inversion(inversion_name)
        return io.NodeOutput(inversion, *plain_wires(inversion))
