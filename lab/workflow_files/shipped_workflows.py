"""The workflows that ship with the pack, by name: what an artist opens, and its API twin."""

from __future__ import annotations

from collections.abc import Callable

from .composing_workflows import compose_in_two_passes, compose_three_concepts
from .concept_workflows import concept_controlnet_upscale, learn_a_concept, use_a_concept, views_and_editing_prompts
from .editing_workflows import edit_a_photo, edit_grid, edit_on_anime_checkpoint
from .judging_workflows import judge_a_concept
from .masking_workflows import (
    learn_from_sam3_mask,
    mask_by_boxes,
    mask_by_negative_words,
    mask_by_picking,
    mask_by_points,
    mask_by_rough_mask,
)
from .sheet import Sheet

WORKFLOWS: dict[str, Callable[[Sheet], None]] = {
    describe.__name__: describe
    for describe in (
        learn_a_concept,
        use_a_concept,
        compose_three_concepts,
        compose_in_two_passes,
        views_and_editing_prompts,
        judge_a_concept,
        edit_a_photo,
        edit_grid,
        concept_controlnet_upscale,
        edit_on_anime_checkpoint,
        mask_by_boxes,
        mask_by_points,
        mask_by_negative_words,
        mask_by_rough_mask,
        mask_by_picking,
    )
}
# with nodes that the oldest host has not got (newer_nodes.py)
ON_NEWER_HOSTS: dict[str, Callable[[Sheet], None]] = {"learn_from_sam3_mask": learn_from_sam3_mask}
