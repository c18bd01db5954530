"""The shipped workflows with few steps, on what the demo's host can give them."""

from __future__ import annotations

from typing import Any

from lab.drawing import shipped, stand_ins
from lab.hosting.client import Client

FEW = {"Sampler*": {"steps": 2}}
FEW_LEARNING = {"Stage I": {"steps": 2, "batch_size": 2}, "Stage II": {"steps": 2, "batch_size": 2}}
INVERSION_STEPS = 10
FEW_INVERTING = {"Inversion": {"steps": INVERSION_STEPS, "inner_steps": 1}, "Text optimisation": {"steps": 2}}
# What is made quicker, and how many pictures of which size each workflow saves.
RUNS: dict[str, tuple[dict[str, Any], list[tuple[int, int]]]] = {
    "learn_a_concept": (FEW | FEW_LEARNING | {"Save Concept": {"name": "my_shipped"}}, [(128, 128)] * 16),
    "use_a_concept": (FEW, [(128, 128)] * 4),
    "compose_three_concepts": (FEW, [(128, 128)] * 4),
    "compose_in_two_passes": (FEW, [(128, 128)] * 4),
    "views_and_editing_prompts": (FEW, [(128, 128)] * 13),
    # two words in two pictures, and two pictures of each of three prompts
    "judge_a_concept": (FEW | {"Where words look": {"steps": 2}}, [(128, 128)] * 10),
    "edit_a_photo": (
        FEW_INVERTING
        | {"Edit Grid": {"alphas": "0, 1", "source_ratios": "0.2"}, "Save Inversion": {"name": "my_shipped_photo"}},
        [(128, 128)],
    ),
    "edit_grid": (
        {"Text optimisation": {"steps": 2}, "Edit Grid": {"alphas": "0, 1", "source_ratios": "0.2"}},
        [(128, 128)] * 3,
    ),
    "concept_controlnet_upscale": (FEW, [(128, 128), (256, 256)]),
    "edit_on_anime_checkpoint": (
        FEW_INVERTING
        | {
            "Sampler": {"steps": INVERSION_STEPS, "end_at_step": INVERSION_STEPS},
            "Edit": {"alpha": 0.6, "steps": INVERSION_STEPS},
        },
        [(128, 128)],
    ),
    "mask_by_boxes": ({}, [(128, 128)]),
    "mask_by_points": ({}, [(128, 128)]),
    "mask_by_negative_words": ({}, [(128, 128)]),
    "mask_by_rough_mask": ({}, [(128, 128)]),
    "mask_by_picking": ({}, [(128, 128)]),
    "learn_from_sam3_mask": (FEW | FEW_LEARNING | {"Save Concept": {"name": "my_shipped"}}, [(128, 128)] * 4),
}


def prepare(server: Client) -> Client:
    """Gives the host the concepts, the inversion, and the ControlNet and upscaler that the workflows want."""
    assert server.base is not None
    stand_ins.furnish(server.base, noise=0.05)
    shipped.prepare(server, FEW_LEARNING, FEW_INVERTING)
    return server
