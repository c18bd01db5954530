"""What the demo's detector and segmenter learn from: pictures of the world, where their objects are, and what to call
them.

A prompt is one or more phrases ("heart . red star"); each has the objects that it names, none for a phrase that names
nothing in the picture. The world knows both exactly, save for colours between two names: those are not asked for.
"""

from __future__ import annotations

import multiprocessing
import pathlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import painting, random_scenes, world

# `world.distance` to a named colour: nearer is called so, farther is not; named ones are 150 apart
SAME, OTHER = 60.0, 110.0
# of the pictures: two objects, and the colours that concepts have; the rest are the world's own
PAIRS, CONCEPTS = 0.45, 0.2
STRANGERS = ("face", "dog", "car", "hair", "oval")  # words for what the world has not
ARTICLES = ("", "", "", "a ", "the ")
ALL_CLASSES, ALL_COLORS = 0.25, 0.5  # of the prompts: the list of all classes, or of a present class in all colours
COLORED = 0.75  # of the other prompts' phrases: by colour and class
CHUNK = 200
MOST_OBJECTS = 2


@dataclass(frozen=True)
class Phrase:
    """A part of a prompt, and the places in `Scene.objects` of all that it names."""

    text: str
    objects: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pictures:
    """Scenes, rendered. pictures: (N, 128, 128, 3) uint8; masks: (N, 2, 128, 128) uint8, what is seen of each object,
    255 = whole."""

    scenes: list[world.Scene]
    pictures: np.ndarray
    masks: np.ndarray


def sample_scene(rng: random.Random) -> world.Scene:
    """A scene of the world, with more pairs than it has of itself: words choose only where there is a choice."""
    kind = rng.random()
    if kind < CONCEPTS:
        return random_scenes.sample_concept(rng)
    while True:
        scene = random_scenes.sample_scene(rng)
        if kind > CONCEPTS + PAIRS or len(scene.objects) == 2:
            return scene


def visible(masks: np.ndarray) -> np.ndarray:
    """What is seen of each object. masks: `painting.render`'s (objects, H, W), of which later ones are painted over
    earlier ones."""
    seen = masks.copy()
    for i in range(len(masks)):
        for above in masks[i + 1 :]:
            seen[i] *= 1 - above
    return seen


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels of where a mask (H, W), 0…1 or 0…255, is more than half covered."""
    inside = mask > mask.max() / 2
    columns, rows = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def is_called(obj: world.Object, name: str) -> bool | None:
    """Whether one of the object's colours has this name; None where a person could say either.

    A patterned object may be called by either of its two colours, as `oracle.has_color` has it.
    """
    shown = [obj.color] if obj.pattern == "plain" else [obj.color, obj.second]
    distances = [float(world.distance(color, world.COLORS[name])) for color in shown]
    if min(distances) < SAME:
        return True
    return False if min(distances) > OTHER else None


def named(scene: world.Scene, cls: str, color: str | None = None) -> tuple[int, ...] | None:
    """The objects that "color cls" names, or None where that cannot be said for sure."""
    found = []
    for i, obj in enumerate(scene.objects):
        if obj.cls == cls:
            called = True if color is None else is_called(obj, color)
            if called is None:
                return None
            if called:
                found.append(i)
    return tuple(found)


def true_phrases(scene: world.Scene, colored: bool) -> list[Phrase]:
    """Every phrase, by class or by colour and class, that names something in the scene."""
    classes = sorted({obj.cls for obj in scene.objects})
    colors: Sequence[str | None] = list(world.COLORS) if colored else [None]
    pairs = [(_text(cls, color), named(scene, cls, color)) for cls in classes for color in colors]
    return [Phrase(text, objects) for text, objects in pairs if objects]


def false_phrases(scene: world.Scene, colored: bool) -> list[Phrase]:
    """Every phrase that certainly names nothing in the scene.

    By class: the absent ones. By colour and class: a present class in a colour that it does not have there.
    """
    present = sorted({obj.cls for obj in scene.objects})
    if not colored:
        return [Phrase(cls) for cls in world.CLASSES if cls not in present]
    return [Phrase(_text(cls, color)) for cls in present for color in world.COLORS if named(scene, cls, color) == ()]


def _text(cls: str, color: str | None) -> str:
    return cls if color is None else f"{color} {cls}"


def sample_phrase(scene: world.Scene, rng: random.Random) -> Phrase:
    """A phrase to train on: half of them name something, the others are wrong in class, in colour, in both, or are no
    word of the world's."""
    colored = rng.random() < COLORED
    kind = rng.random()
    if kind < 0.03:
        return Phrase(rng.choice(STRANGERS))
    if kind < 0.5 and (true := true_phrases(scene, colored)):
        return rng.choice(true)
    if colored and rng.random() < 0.4:  # an absent class in a present colour: the other way to be half right
        cls = rng.choice([cls for cls in world.CLASSES if all(obj.cls != cls for obj in scene.objects)])
        present = [name for name in world.COLORS if any(is_called(obj, name) for obj in scene.objects)]
        return Phrase(_text(cls, rng.choice(present or list(world.COLORS))))
    return rng.choice(false_phrases(scene, colored))


def sample_prompt(scene: world.Scene, rng: random.Random) -> list[Phrase]:
    """One to six phrases, or as many as there are colours, no object named twice: a query can learn only one name for
    what it sees.

    Most are lists, as detectors are trained with all the classes of a data set: every word learns from every picture,
    and a colour beside all others, which tells right from wrong where everything else is the same.
    """
    phrases, kind = [], rng.random()
    if kind < ALL_CLASSES:
        phrases = [Phrase(cls, named(scene, cls) or ()) for cls in rng.sample(world.CLASSES, len(world.CLASSES))]
    elif kind < ALL_CLASSES + ALL_COLORS:
        phrases = _in_all_colors(scene, rng)
    wanted = rng.choice((1, 1, 1, 2, 3, 4, 5, 6))
    while len(phrases) < wanted:
        phrase = sample_phrase(scene, rng)
        taken = {i for other in phrases for i in other.objects}
        if not taken & set(phrase.objects) and phrase.text not in {other.text for other in phrases}:
            phrases.append(phrase)
    return [Phrase(rng.choice(ARTICLES) + phrase.text, phrase.objects) for phrase in phrases]


def _in_all_colors(scene: world.Scene, rng: random.Random) -> list[Phrase]:
    """One of the scene's classes in every colour, but for those that a person could call it or not, and for further
    names of an object that has one."""
    cls = rng.choice(sorted({obj.cls for obj in scene.objects}))
    phrases: list[Phrase] = []
    for color in rng.sample(list(world.COLORS), len(world.COLORS)):
        objects = named(scene, cls, color)
        taken = {i for other in phrases for i in other.objects}
        if objects is not None and not taken & set(objects):
            phrases.append(Phrase(_text(cls, color), objects))
    return phrases


def prompt_text(phrases: Sequence[Phrase]) -> str:
    """As GroundingDINO wants it: phrases in small letters, each ended by a full stop."""
    return " . ".join(phrase.text for phrase in phrases) + " ."


def mirrored(pictures: np.ndarray, masks: np.ndarray, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Copies of pictures (B, H, W, 3) and their masks (B, objects, H, W), half of them with left and right changed
    over."""
    pictures, masks = pictures.copy(), masks.copy()
    for i in range(len(pictures)):
        if rng.random() < 0.5:
            pictures[i], masks[i] = pictures[i, :, ::-1].copy(), masks[i, :, :, ::-1].copy()
    return pictures, masks


def roughen(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise over half the pictures and a soft edge in a third, as drawn pictures have them. (B, H, W, 3) uint8 both."""
    rough = pictures.astype(np.float32)
    for i in range(len(rough)):
        if rng.random() < 0.33:
            rough[i, 1:-1, 1:-1] = (
                rough[i, :-2, 1:-1]
                + rough[i, 2:, 1:-1]
                + rough[i, 1:-1, :-2]
                + rough[i, 1:-1, 2:]
                + rough[i, 1:-1, 1:-1]
            ) / 5
        if rng.random() < 0.5:
            rough[i] += rng.normal(0, rng.uniform(0, 8), rough[i].shape)
    return rough.round().clip(0, 255).astype(np.uint8)


def scenes(count: int, seed: int) -> list[world.Scene]:
    """Scenes number 0 to count - 1 of a seed."""
    return [scene for chunk in range(-(-count // CHUNK)) for scene in _scenes_of((seed, chunk))][:count]


def _scenes_of(job: tuple[int, int]) -> list[world.Scene]:
    seed, chunk = job
    rng = random.Random(seed * 1_000_003 + chunk)
    return [sample_scene(rng) for _ in range(CHUNK)]


def _render_chunk(job: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return render_all(_scenes_of(job))


def render_all(some: Sequence[world.Scene]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and masks of scenes, as `Pictures` has them."""
    pictures = np.empty((len(some), world.SIZE, world.SIZE, 3), np.uint8)
    masks = np.zeros((len(some), MOST_OBJECTS, world.SIZE, world.SIZE), np.uint8)
    for i, scene in enumerate(some):
        pictures[i], whole = painting.render(scene)
        masks[i, : len(whole)] = (visible(whole) * 255).round()
    return pictures, masks


def data_set(count: int, seed: int, folder: pathlib.Path, processes: int = 1) -> Pictures:
    """The first `count` scenes of a seed, rendered once and kept in `folder`; count is a multiple of CHUNK."""
    names = [folder / f"grounding_{seed}_{count}_{part}.npy" for part in ("pictures", "masks")]
    done = folder / f"grounding_{seed}_{count}.done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shapes = ((count, world.SIZE, world.SIZE, 3), (count, MOST_OBJECTS, world.SIZE, world.SIZE))
        stores = [
            np.lib.format.open_memmap(name, mode="w+", dtype=np.uint8, shape=shape)
            for name, shape in zip(names, shapes)
        ]
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            for i, parts in enumerate(pool.imap(_render_chunk, [(seed, chunk) for chunk in range(count // CHUNK)])):
                for store, part in zip(stores, parts):
                    store[i * CHUNK : (i + 1) * CHUNK] = part
        for store in stores:
            store.flush()
        done.touch()
    return Pictures(scenes(count, seed), *(np.load(name, mmap_mode="r") for name in names))
