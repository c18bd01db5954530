"""Pictures, masks and prompts as they come to a metrics node, one batch or a list of them, sorted by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..evaluation.editing_prompts import goals_in
from ..support import checks
from ..support.errors import InputError
from ..support.wires import require_masks, require_pictures


@dataclass(frozen=True)
class Masked:
    """A picture (H, W, C) in [0, 1] and its mask (h, w), 1 = subject."""

    picture: Tensor
    mask: Tensor


@dataclass(frozen=True)
class PromptSet:
    """The pictures of one prompt. prompt: "" where there is none. goals: what they should show."""

    pictures: tuple[Masked, ...]
    prompt: str = ""
    goals: tuple[str, ...] = ()


def pictures_of(name: str, batches: Sequence[Tensor]) -> list[Tensor]:
    """All pictures of a wire, (H, W, C) float32 each.

    Raises: InputError as `require_pictures`.
    """
    for batch in batches:
        require_pictures(name, batch)
    return [picture for batch in batches for picture in batch.float()]


def masked(name: str, pictures: Sequence[Tensor], masks_name: str, batches: Sequence[Tensor]) -> list[Masked]:
    """Each picture with its mask; a single mask is of all.

    Raises: InputError as `require_masks`, and when there are more or fewer masks than pictures.
    """
    for batch in batches:
        require_masks(masks_name, batch)
    masks = [mask for batch in batches for mask in batch.reshape(-1, *batch.shape[-2:])]
    if len(masks) not in (1, len(pictures)):
        raise InputError(
            f"`{masks_name}` holds {len(masks)} masks and `{name}` {len(pictures)} pictures: give each picture its own"
            " mask, or one mask for all."
        )
    return [Masked(picture, masks[i % len(masks)]) for i, picture in enumerate(pictures)]


def unmasked(pictures: Sequence[Tensor]) -> list[Masked]:
    """Pictures of which all counts."""
    return [Masked(picture, picture.new_ones(1, 1)) for picture in pictures]


def by_prompt(
    pictures: Sequence[Masked], batches: Sequence[int], prompts: Sequence[str], goals: Sequence[str]
) -> list[PromptSet]:
    """The pictures of each prompt, in order.

    batches: how many pictures came in each batch. prompts: one text a batch, or all in one; each line is a prompt.
    goals: likewise, a line a prompt; none will do.
    Raises: InputError when pictures and prompts, or prompts and goals, cannot be told apart so.
    """
    lines = [_lines(checks.text("prompts", text)) for text in prompts]
    flat = [line for text in lines for line in text]
    if not flat:
        counts, flat = list(batches), [""] * len(batches)
    elif len(prompts) == len(batches) and all(lines):
        counts = [n for batch, text in zip(batches, lines) for n in _shares(batch, len(text))]
    else:
        counts = _shares(sum(batches), len(flat))
    wanted = _goals(goals, len(flat))
    ends = [sum(counts[: i + 1]) for i in range(len(counts))]
    return [
        PromptSet(tuple(pictures[end - count : end]), prompt, told)
        for end, count, prompt, told in zip(ends, counts, flat, wanted)
    ]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _shares(pictures: int, prompts: int) -> list[int]:
    """Raises: InputError unless every prompt gets as many."""
    if pictures % prompts:
        raise InputError(
            f"`images` holds {pictures} pictures and `prompts` {prompts} prompts: give each prompt as many pictures as"
            " the others, in the prompts' order."
        )
    return [pictures // prompts] * prompts


def _goals(texts: Sequence[str], prompts: int) -> list[tuple[str, ...]]:
    lines = [line for text in texts for line in _lines(checks.text("goals", text))]
    if lines and len(lines) != prompts:
        raise InputError(
            f"`goals` has {len(lines)} lines for {prompts} prompts: write a line for each prompt, with semicolons"
            " between its goals."
        )
    return [goals_in(line) for line in lines] or [()] * prompts
