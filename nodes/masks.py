"""The node that makes a mask from words."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..pipelines.mask_from_prompt import MaskSettings, mask_from_prompt
from ..pipelines.mask_models import DETECTORS, SEGMENTERS
from ..pipelines.reporter import Reporter
from .schema import CATEGORY, place, schema


class MaskFromPrompt(io.ComfyNode):
    """Finds what the prompt names, and cuts it out."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="SIS_MaskFromPrompt",
            display_name="Mask from Prompt (DINO + SAM)",
            category=CATEGORY,
            search_aliases=[
                "grounding dino",
                "segment anything",
                "sam",
                "detect",
                "segment",
                "text to mask",
                "automatic mask",
            ],
            has_intermediate_output=True,  # hosts that know it send the overlay again when the result is reused
            description=(
                "Write what to find, get its mask: GroundingDINO finds it, SAM cuts it out. Every picture of a batch"
                " gets its own mask. Files: models/grounding-dino and models/sams; nothing is downloaded by itself."
            ),
            inputs=[
                io.Image.Input("image", tooltip="One picture or a batch."),
                io.String.Input(
                    "prompt",
                    default="face",
                    tooltip=(
                        "What to find, in a few words. Several things: full stops between them, as in face . hair;"
                        " their masks are joined."
                    ),
                ),
                io.Combo.Input(
                    "detector",
                    options=DETECTORS.names(),
                    tooltip=(
                        "GroundingDINO: a file or folder in models/grounding-dino. Those with [groundingdino-py] run"
                        " through that package, if you have it."
                    ),
                ),
                io.Combo.Input(
                    "segmenter",
                    options=SEGMENTERS.names(),
                    tooltip=(
                        "SAM: a file or folder in models/sams. vit_b is quick, vit_h the best. "
                        "Those with [segment-anything] run through that package, if you have it."
                    ),
                ),
                io.Float.Input(
                    "box_threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "How sure the detector must be. Lower it if nothing is found, raise it if wrong things are; the"
                        " overlay shows the scores."
                    ),
                ),
                io.Float.Input(
                    "text_threshold",
                    default=0.25,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "How sure a word must be to appear in the overlay's labels. The mask does not depend on it."
                    ),
                ),
                io.Combo.Input(
                    "select",
                    options=["best", "all", "largest"],
                    default="best",
                    tooltip=(
                        "Which of several finds to take, for each thing in the prompt: the surest, the one with the"
                        " largest box, or all of them."
                    ),
                ),
                io.Combo.Input(
                    "on_missing",
                    options=["error", "empty", "full"],
                    default="error",
                    tooltip=(
                        "For a picture in which nothing is found: stop and say so, an empty mask, or a mask of the"
                        " whole picture."
                    ),
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-512,
                    max=512,
                    tooltip="Grows the mask by this many pixels in every direction; negative shrinks it.",
                ),
                io.Int.Input(
                    "feather", default=0, min=0, max=512, tooltip="Softens the mask's edge over about this many pixels."
                ),
                io.Boolean.Input(
                    "keep_loaded",
                    default=False,
                    tooltip=(
                        "Keep detector and segmenter in memory for the next run; the host may still take them off its"
                        " device. Off: both are freed as soon as they are done."
                    ),
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "mask", display_name="mask", tooltip="One for each picture, at its size; 1 is what was found."
                ),
                io.Image.Output(
                    "overlay",
                    display_name="overlay",
                    tooltip="The pictures with the mask tinted, boxes, labels and scores; grey ones were not selected.",
                ),
                io.String.Output(
                    "detections",
                    display_name="detections",
                    tooltip="Everything that was found, as JSON: box, score, label, and whether it was selected.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(
        cls, detector: str | None = None, segmenter: str | None = None, input_types: Any = None
    ) -> bool:
        """Leaves the files to `execute`, which says how to get one that is missing; the host would say it once for each
        of these arguments."""
        return True

    @classmethod
    def fingerprint_inputs(cls, detector: str | None = None, segmenter: str | None = None, **_: Any) -> str:
        """The files' content decides too whether the node runs again."""
        return f"{DETECTORS.stamp(detector)} {SEGMENTERS.stamp(segmenter)}"

    @classmethod
    def execute(cls, image: Any, **widgets: Any) -> io.NodeOutput:
        """widgets: as MaskSettings has them."""
        result = mask_from_prompt(image, MaskSettings(**widgets), Reporter(place=place(cls), text=True))
        return io.NodeOutput(result.masks, result.overlays, result.report, ui=ui.PreviewImage(result.overlays, cls=cls))
