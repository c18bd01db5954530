"""The reproduction's contact sheets, of the pictures that the parts have kept."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ...figures.sheets import contact_sheet, save_jpeg
from ..concepts import concept_scene
from ..editing_tasks import make_task
from .asked import prompts
from .concept_part import SEED
from .edit_part import BATCH, VARIANTS
from .edit_part import SEED as EDIT_SEED
from .rows import PRIOR, ROWS

SIDE, MOST = 96, 200_000  # pixels of a picture, bytes of a sheet


def _small(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _save(pictures: Sequence[np.ndarray], captions: Sequence[str], columns: int, path: pathlib.Path) -> None:
    save_jpeg(contact_sheet([*map(_small, pictures)], captions, columns, lines=2), path, MOST)


def _label(key: str) -> str:
    """As the small print's font can write it."""
    return ROWS[key].label.replace("γ", "gamma").replace("η", "eta")


def kept_file(folder: pathlib.Path, index: int, key: str) -> pathlib.Path:
    """Where `concept_part` keeps a row's pictures of a concept."""
    return folder / f"{index:03} {key}.npz".replace(" ", "_")


def of_rows(folder: pathlib.Path, keys: Sequence[str], index: int, path: pathlib.Path) -> bool:
    """A line a row: the concept's picture, then one of each prompt. Returns whether there was something to show."""
    shown = [key for key in keys if kept_file(folder, index, key).is_file()]
    templates = [asked.template.format("…") for asked in prompts(concept_scene(SEED, index))]
    pictures, captions = [], []
    for key in shown:
        with np.load(kept_file(folder, index, key)) as kept:
            pictures += [kept["source"], *kept["pictures"]]
        captions += [f"{_label(key)} >", *templates]
    if shown:
        _save(pictures, captions, 1 + len(templates), path)
    return bool(shown)


def of_heat(folder: pathlib.Path, indices: Sequence[int], path: pathlib.Path) -> bool:
    """A line a concept, two pictures a row of the losses: where * and where the class word looks."""
    keys = [key for key, row in ROWS.items() if row.heat and key != PRIOR]
    pictures, captions = [], []
    for index in indices:
        files = [kept_file(folder, index, key) for key in keys]
        if not all(file.is_file() for file in files):
            continue  # a run that has not come so far
        for key, file in zip(keys, files):
            with np.load(file) as kept:
                pictures += [*kept["heat"]]
            cls = concept_scene(SEED, index).objects[0].cls
            captions += [f"*: {_label(key)}", cls]
    if pictures:
        _save(pictures, captions, 2 * len(keys), path)
    return bool(pictures)


def of_edits(folder: pathlib.Path, best: dict[str, int], path: pathlib.Path) -> bool:
    """A line a picture of the first four: the picture, then every variant's. best: which cell of each is shown."""
    file = folder / "edits.npz"
    if not file.is_file():
        return False
    tasks = [make_task(EDIT_SEED, i) for i in range(BATCH)]
    pictures, captions = [], []
    with np.load(file) as kept:
        for i, task in enumerate(tasks):
            pictures += [kept["source"][i], *(kept[name][best[name]][i] for name in VARIANTS)]
            captions += [task.target, *VARIANTS]
    _save(pictures, captions, 1 + len(VARIANTS), path)
    return True
