"""The help pictures of inverting a picture and editing it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from ..measuring import editing_tasks, sampling
from ..measuring.learning import pack_module
from .rows import Row, blank, sheet
from .studio import Studio, grid_cells

SHOWN = 2  # of the studio's tasks, where there is room for one
ALPHA, RATIO = 0.6, 0.2
INVERSIONS = {  # and the prompt that each is with
    "null-text": ("null_text", "source"),
    "negative-prompt": ("negative_prompt", "source"),
    "direct": ("direct", "source"),
    "DDIM": ("ddim", "source"),
}


def _by_task(studio: Studio, columns: Sequence[tuple[str, np.ndarray]]) -> Image.Image:
    """A row a task: its picture, then one picture a column."""
    rows = []
    for i, (task, picture) in enumerate(zip(studio.tasks, studio.inputs())):
        wishes = {
            "move": f"move it to the {task.told.get('place')}",
            "resize": f"make it {task.told.get('size')}",
            "class": f"make it a {task.told['classes'][0]}",  # type: ignore[index]
        }
        rows.append([(picture, wishes[task.kind]), *[(pictures[i], label) for label, pictures in columns]])
    return sheet(rows)


def _cells(studio: Studio, label: str, values: Sequence[float], cells: Sequence[tuple[float, float]]) -> Image.Image:
    """A column a value, drawn at its (alpha, source_ratio)."""
    drawn = studio.edits(cells, studio.optimized)
    return _by_task(studio, [(f"{label} {value:g}", pictures) for value, pictures in zip(values, drawn)])


def alpha(studio: Studio) -> Image.Image:
    """alpha at one source_ratio."""
    values = (0.0, 0.3, 0.6, 1.0, 1.5)
    return _cells(studio, "alpha", values, [(value, RATIO) for value in values])


def ratio(studio: Studio) -> Image.Image:
    """source_ratio at one alpha."""
    values = (0.0, 0.1, 0.2, 0.4, 0.7)
    return _cells(studio, "source_ratio", values, [(ALPHA, value) for value in values])


def inversion(studio: Studio) -> Image.Image:
    """The inversions: what each gives back, and below it an edit of the same picture."""
    back = {
        name: studio.bench.decode(studio.inverted(*pair).reconstruction.latents) for name, pair in INVERSIONS.items()
    }
    edited = {name: studio.edits([(ALPHA, RATIO)], studio.optimized, *pair)[0] for name, pair in INVERSIONS.items()}
    picture = studio.inputs()[SHOWN]
    first = [(picture, "the picture"), *[(pictures[SHOWN], f"{name}: given back") for name, pictures in back.items()]]
    second = [(blank(picture), ""), *[(pictures[SHOWN], f"{name}: edited") for name, pictures in edited.items()]]
    return sheet([first, second])


def text_steps(studio: Studio) -> Image.Image:
    """Imagic Text Optimize's steps, at the alpha that begins there and at an edit's."""
    usual, shares, alphas = studio.bench.text_steps, (0.0, 0.5, 1.0, 4.0), (0.0, ALPHA)
    rows: list[Row] = [[(studio.inputs()[SHOWN], f"alpha {a:g}")] for a in alphas]
    for share in shares:
        studio.bench.text_steps = round(usual * share)
        optimized = studio.optimized if share == 1.0 else studio.bench.optimize()[0]
        for row, pictures in zip(rows, studio.edits([(a, 0.0) for a in alphas], optimized)):
            row.append((pictures[SHOWN], f"{studio.bench.text_steps} steps"))
    studio.bench.text_steps = usual
    return sheet(rows, lines=1)


def reuse(studio: Studio) -> Image.Image:
    """One saved inversion, several target prompts."""
    scene, tail = studio.tasks[0].scene, studio.tasks[0].source
    name = studio.tasks[0].told["classes"][0]  # type: ignore[index]
    wishes = {
        "at the left": tail.replace(str(name), f"{name} at the left"),
        "large": tail.replace("a ", "a large ", 1),
        "small": tail.replace("a ", "a small ", 1),
        "tilted": tail.replace("a ", "a tilted ", 1),
    }
    tasks = [editing_tasks.Task(scene, "move", tail, target, {"classes": (name,)}) for target in wishes.values()]
    bench = studio.new_bench(tasks)
    inverted = bench.invert("null_text", "source")[0]
    (edited,) = bench.edit(inverted, "null_text", bench.optimize()[0], grid_cells([(ALPHA, RATIO)]))
    row: Row = [
        (bench.decode(bench.latents)[0], "the picture"),
        (bench.decode(inverted.reconstruction.latents)[0], "given back"),
        *zip(edited, wishes),
    ]
    return sheet([row])


def grid(studio: Studio) -> Image.Image:
    """Edit Grid's own picture."""
    alphas, ratios = (0.2, 0.4, 0.6, 0.8), (0.1, 0.2, 0.4)
    cells = studio.edits([(a, r) for r in ratios for a in alphas], studio.optimized)
    stack = torch.stack([torch.from_numpy(pictures[SHOWN]).float() / 255 for pictures in cells])
    columns, rows = [f"alpha {a:g}" for a in alphas], [f"ratio {r:g}" for r in ratios]
    return Image.fromarray(sampling.levels(pack_module("pictures.grid").grid_picture(stack, columns, rows))[0])
