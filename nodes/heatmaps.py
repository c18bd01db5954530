"""The node that shows where a prompt's words look."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..host.stock_sampling import SAMPLERS, SCHEDULERS, Sampling
from ..pipelines.word_heatmaps import HeatmapWires, word_heatmaps
from .schema import CATEGORY, Node, schema, seed_input


class WordHeatmaps(Node):
    """A KSampler that shows where the words of its prompt are attended to."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_WordHeatmaps",
            display_name="Word Heat Maps",
            category=CATEGORY,
            search_aliases=[
                "attention map",
                "daam",
                "cross attention",
                "heat map",
                "token attention",
                "segment by word",
            ],
            has_intermediate_output=True,
            description=(
                "Draws a picture exactly as KSampler does, and shows for each word of the prompt where in the picture"
                " the model looks for it: as heat maps, as masks and in numbers. It tells why a concept colours its"
                " background."
            ),
            inputs=[
                io.Model.Input("model", tooltip="SD 1.5, with whatever concepts and LoRAs are on it."),
                io.Clip.Input("clip", tooltip="The CLIP that goes with it, from Load Concept for example."),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="What to draw. The node encodes it itself, as CLIP Text Encode does.",
                ),
                io.Conditioning.Input("negative", tooltip="The negative prompt, from CLIP Text Encode."),
                io.Latent.Input("latent_image", tooltip="Where to start, from Empty Latent Image or VAE Encode."),
                io.String.Input(
                    "words",
                    default="",
                    tooltip=(
                        "Words or phrases of the prompt to look for, apart by commas, such as <my_concept>, face."
                        " If empty: each concept's phrase and its class word; without concepts, every word that can be"
                        " something in a picture."
                    ),
                ),
                seed_input("The same seed gives the same picture as in KSampler.", moves_on=True),
                io.Int.Input("steps", default=20, min=1, max=10000, tooltip="Sampling steps, as in KSampler."),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How strongly the prompt is followed, as in KSampler.",
                ),
                io.Combo.Input("sampler_name", options=list(SAMPLERS), tooltip="As in KSampler."),
                io.Combo.Input("scheduler", options=list(SCHEDULERS), tooltip="As in KSampler."),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of the latent is drawn anew, as in KSampler.",
                ),
                io.Vae.Input(
                    "vae", optional=True, tooltip="To show the heat maps over the pictures; without it, over black."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="If connected, the report tells how much of each word's attention falls into it.",
                ),
            ],
            outputs=[
                io.Latent.Output("latent", display_name="latent", tooltip="The picture, for VAE Decode."),
                io.Image.Output(
                    "overlays",
                    display_name="overlays",
                    tooltip="Each word's heat map over each picture; all words of the first picture come first.",
                ),
                io.Mask.Output(
                    "heatmaps",
                    display_name="heatmaps",
                    tooltip="The same maps as soft masks, each from 0 at its lowest place to 1 at its highest.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Where each word looks, in words, and after an empty line as JSON.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        clip: Any,
        prompt: str,
        negative: Any,
        latent_image: Any,
        words: str,
        vae: Any = None,
        mask: Any = None,
        **widgets: Any,
    ) -> io.NodeOutput:
        """widgets: as Sampling has them."""
        wires = HeatmapWires(model=model, clip=clip, negative=negative, latent=latent_image, vae=vae, mask=mask)
        found = word_heatmaps(wires, prompt, words, Sampling(**widgets))
        shown = ui.PreviewImage(found.overlays, cls=cls)
        return io.NodeOutput(found.latent, found.overlays, found.heatmaps, found.report, ui=shown)
