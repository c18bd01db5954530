"""The node that makes a mask from words."""

from __future__ import annotations

import json
from typing import Any

from comfy_api.v0_0_2 import io, ui

from ..host.progress import courtesy
from ..masking.hints import HintWires
from ..pipelines.mask_from_prompt import MaskSettings, mask_from_prompt
from ..pipelines.mask_models import DETECTORS, SEGMENTERS
from ..pipelines.reporter import Reporter
from .schema import CATEGORY, Node, address, schema

BoundingBoxSocket = io.Custom("BOUNDING_BOX")
"""Newer hosts' own type: {"x", "y", "width", "height"} in pixels, a list of these, or such a list for each picture."""

SegsSocket = io.Custom("SEGS")
"""The Impact Pack's: (height, width) and a list of things; see masking/segs.py."""


class MaskFromPrompt(Node):
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
                "Write what to find and get its mask: GroundingDINO finds it, SAM cuts it out. Every picture of a batch"
                " gets its own mask. The model files belong in models/grounding-dino and models/sams; nothing is"
                " downloaded automatically."
            ),
            inputs=[
                io.Image.Input("image", tooltip="One picture or a batch."),
                io.String.Input(
                    "prompt",
                    default="face",
                    tooltip=(
                        "What to find, in a few words. Separate several things with full stops, as in face . hair;"
                        " their masks are joined."
                    ),
                ),
                io.Combo.Input(
                    "detector",
                    options=DETECTORS.names(),
                    tooltip=(
                        "A GroundingDINO file or folder, or an OWLv2 folder, in models/grounding-dino. Entries marked"
                        " [groundingdino-py] use that package, if it is installed."
                    ),
                ),
                io.Combo.Input(
                    "segmenter",
                    options=SEGMENTERS.names(),
                    tooltip=(
                        "A SAM, SAM-HQ or SAM 2 file or folder in models/sams. vit_b is the fastest, vit_h the best."
                        " Entries marked [segment-anything] use that package, if it is installed."
                    ),
                ),
                io.Float.Input(
                    "box_threshold",
                    default=0.3,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "How sure the detector must be. Lower it if nothing is found; raise it if wrong things are"
                        " found: about 0.3 for GroundingDINO, 0.1 for OWLv2. The overlay shows the scores."
                    ),
                ),
                io.Float.Input(
                    "text_threshold",
                    default=0.25,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "How sure the detector must be of a word to show it in the overlay's labels. It does not change"
                        " the mask, and OWLv2 has no use for it."
                    ),
                ),
                io.Combo.Input(
                    "select",
                    options=["best", "all", "largest"],
                    default="best",
                    tooltip=(
                        "Which one to use when a thing in the prompt is found several times: the best score, all of"
                        " them, or the largest box."
                    ),
                ),
                io.Combo.Input(
                    "on_missing",
                    options=["error", "empty", "full"],
                    default="error",
                    tooltip=(
                        "If nothing is found in a picture: stop with an error, give an empty mask, or give a mask of"
                        " the whole picture."
                    ),
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-512,
                    max=512,
                    tooltip="Grows the mask by this many pixels in every direction; a negative number shrinks it.",
                ),
                io.Int.Input(
                    "feather", default=0, min=0, max=512, tooltip="Softens the mask's edge over about this many pixels."
                ),
                io.Boolean.Input(
                    "keep_loaded",
                    default=False,
                    tooltip=(
                        "Keeps the detector and segmenter in memory for the next run; ComfyUI may still move them off"
                        " the GPU. Off: each is freed as soon as it is done."
                    ),
                ),
                io.MultiType.Input(
                    "boxes",
                    [BoundingBoxSocket, io.String],
                    optional=True,
                    tooltip=(
                        "Boxes to cut out as well, from another node: bounding boxes, or detections of another Mask"
                        " from Prompt. For boxes alone, leave prompt empty."
                    ),
                ),
                io.String.Input(
                    "points",
                    optional=True,
                    default="",
                    tooltip=(
                        "Points on the thing: the JSON of a point picker, or x and y as in [[120, 80]]. Points in a box"
                        " belong to it; the others show one more thing together. For points alone, leave prompt empty."
                    ),
                ),
                io.String.Input(
                    "negative_points",
                    optional=True,
                    default="",
                    tooltip="Points that are not on the thing, in the same form: [[300, 40]].",
                ),
                io.String.Input(
                    "negative",
                    optional=True,
                    default="",
                    tooltip=(
                        "What to cut out of the mask, in words as in prompt. For a face without its hair: face in"
                        " prompt, hair here."
                    ),
                ),
                io.Mask.Input(
                    "mask_hint",
                    optional=True,
                    tooltip=(
                        "A rough mask of the thing, which the segmenter makes exact: painted by hand, or from another"
                        " node. One for all pictures, or one for each."
                    ),
                ),
                io.String.Input(
                    "picked",
                    optional=True,
                    default="",
                    tooltip=(
                        "Which finds the mask is of, by number, in place of select. A click on a find in the node's"
                        " picture writes it; empty it to let select decide."
                    ),
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "mask",
                    display_name="mask",
                    tooltip="One mask per picture, in the picture's size. White is what was found.",
                ),
                io.Image.Output(
                    "overlay",
                    display_name="overlay",
                    tooltip=(
                        "The pictures with the mask in colour, boxes, labels and scores. Grey boxes were not selected."
                    ),
                ),
                io.String.Output(
                    "detections",
                    display_name="detections",
                    tooltip="Everything that was found, as JSON: box, score, label, and whether it was selected.",
                ),
                BoundingBoxSocket.Output(
                    "mask_boxes", display_name="boxes", tooltip="The boxes of what the mask is of, for each picture."
                ),
                SegsSocket.Output(
                    "segs",
                    display_name="segs",
                    is_output_list=True,
                    tooltip=(
                        "What the mask is of, each thing alone, for the Impact Pack's detailers: one SEGS for each"
                        " picture. grow and feather do not act on it."
                    ),
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
    def execute(
        cls,
        image: Any,
        boxes: Any = None,
        points: str = "",
        negative_points: str = "",
        mask_hint: Any = None,
        **widgets: Any,
    ) -> io.NodeOutput:
        """widgets: as MaskSettings has them."""
        hints = HintWires(boxes, points, negative_points, mask_hint)
        reporter = Reporter(address=address(cls), text=True)
        result = mask_from_prompt(image, MaskSettings(**widgets), reporter, hints)
        shown = None
        with courtesy("The overlay"):
            preview = ui.PreviewImage(result.overlays, cls=cls).as_dict()
            finds = [json.dumps(find | {"picture": image}) for find, image in zip(result.finds, preview["images"])]
            shown = {**preview, "finds": finds}
        return io.NodeOutput(result.masks, result.overlays, result.report, result.boxes, result.segs, ui=shown)
