"""Nodes of newer hosts that a shipped workflow uses, as their /object_info tells of them: the files are made on the
oldest host, which has not got them."""

from __future__ import annotations

from .object_info import Info

# of ComfyUI 0.33.0; the node came with 0.20
SAM3_DETECT = {
    "input": {
        "required": {
            "model": ["MODEL", {}],
            "image": ["IMAGE", {}],
            "threshold": ["FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}],
            "refine_iterations": ["INT", {"default": 2, "min": 0, "max": 5}],
            "individual_masks": ["BOOLEAN", {"default": False}],
        },
        "optional": {
            "conditioning": ["CONDITIONING", {}],
            "bboxes": ["BOUNDING_BOX", {"forceInput": True}],
            "positive_coords": ["STRING", {"forceInput": True}],
            "negative_coords": ["STRING", {"forceInput": True}],
        },
    },
    "input_order": {
        "required": ["model", "image", "threshold", "refine_iterations", "individual_masks"],
        "optional": ["conditioning", "bboxes", "positive_coords", "negative_coords"],
    },
    "output": ["MASK", "BOUNDING_BOX"],
    "output_name": ["masks", "bboxes"],
    "display_name": "SAM3 Detect",
}
NEWER: Info = {"SAM3_Detect": SAM3_DETECT}


def with_newer(info: Info) -> Info:
    """A host's own description of its nodes, and of those that it lacks."""
    return NEWER | info
