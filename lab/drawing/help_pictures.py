"""Draws the pictures of the help pages and the tuning guide: `python -m lab.drawing.help_pictures`, or with names, `… gamma
alpha`.

Every picture varies one input of the pack's nodes on the demo model and leaves the rest alone: the same concept, the
same edits, the same starting noise. They show which way a value pulls, not how good the method is on a real checkpoint.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import pathlib
import random
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..figures.sheets import contact_sheet, save_jpeg
from ..hosting.in_process import PACKAGE
from ..measuring import editing, sampling
from ..measuring.learning import Learner, Training, Variant, load_pack, pixels_and_mask
from ..world import random_scenes, world

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "web" / "docs" / "pictures"
LARGEST = 60_000  # bytes: the page loads them while an artist waits
CONCEPT, SECOND = ("heart", 3), ("star", 15)  # class and seed, as in lab/world/make_concepts.py
EDITED = (
    0,
    1,
    3,
)  # the tasks of lab/measuring/editing.py that are shown: one to move, one to resize, one to change class
SHOWN = 2  # of these, where there is room for one
ALPHA, RATIO = 0.6, 0.2
PROMPTS = ("{0}", "{0} on a green background", "{0} at the left on a yellow background")
SAMPLE_SEED = 11
Row = list[tuple[np.ndarray, str]]


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is computed; less is for trying the script."""

    sampling_steps: int = 20
    cfg: float = 5.0
    inversion_steps: int = 50
    inner_steps: int = 10
    text_steps: int = 200
    training: float = 1.0  # share of the demo's training steps


QUICK = Effort(sampling_steps=4, inversion_steps=5, inner_steps=2, text_steps=5, training=0.1)


def blank(pictures: np.ndarray) -> np.ndarray:
    return np.full_like(pictures, 255)


def sheet(rows: Sequence[Row], lines: int = 2, title: str = "") -> Image.Image:
    """Rows of (picture, caption), the shorter ones filled up with nothing."""
    columns = max(map(len, rows))
    cells = [cell for row in rows for cell in [*row, *[(blank(row[0][0]), "")] * (columns - len(row))]]
    return contact_sheet([cell[0] for cell in cells], [cell[1] for cell in cells], columns, lines, title=title)


class Studio:
    """The demo model, and what has been learned and inverted on it."""

    def __init__(self, checkpoint: pathlib.Path, effort: Effort) -> None:
        self.checkpoint, self.effort = checkpoint, effort
        self._concepts: dict[tuple[Any, ...], Any] = {}
        self._inverted: dict[tuple[str, str], Any] = {}

    @cached_property
    def learner(self) -> Learner:
        return Learner(*sampling.load(self.checkpoint), Training(), self.effort.sampling_steps, self.effort.cfg)

    @cached_property
    def tasks(self) -> list[editing.Task]:
        return [editing.make_task(editing.SEED, index) for index in EDITED]

    @cached_property
    def bench(self) -> editing.Bench:
        effort = self.effort
        return editing.Bench(
            self.checkpoint, self.tasks, effort.inversion_steps, effort.cfg, effort.inner_steps, effort.text_steps
        )

    def concept(
        self,
        stage: int = 2,
        which: tuple[str, int] = CONCEPT,
        background: float = 1.0,
        semantic: float = 1.0,
        **training: Any,
    ) -> Any:
        """A concept with Stage I's or both stages' training; `training` replaces fields of `learning.Training`."""
        key = (stage, which, background, semantic, *sorted(training.items()))
        if key not in self._concepts:
            start = self.concept(1, which, background, 1.0, **training) if stage == 2 else None
            wanted = dataclasses.replace(Training(), **training)
            share = self.effort.training
            self.learner.training = dataclasses.replace(
                wanted, steps1=max(1, round(wanted.steps1 * share)), steps2=max(1, round(wanted.steps2 * share))
            )
            self._concepts[key] = self.learner.learn(
                self.scene(which), Variant("", stage, False, background, semantic), 0, start
            )[0]
        return self._concepts[key]

    def scene(self, which: tuple[str, int] = CONCEPT) -> world.Scene:
        return random_scenes.sample_concept(random.Random(which[1]), which[0])

    def draw(self, concepts: Sequence[Any], prompts: Sequence[str], strength: float = 1.0) -> list[np.ndarray]:
        return list(self.learner.draw(concepts, prompts, [SAMPLE_SEED + i for i in range(len(prompts))], strength))

    def inverted(self, method: str = "null_text", source: str = "source") -> Any:
        if (method, source) not in self._inverted:
            self._inverted[method, source] = self.bench.invert(method, source)[0]
        return self._inverted[method, source]

    @cached_property
    def optimized(self) -> torch.Tensor:
        return self.bench.optimize()[0]

    def inputs(self) -> list[np.ndarray]:
        return list(self.bench.decode(self.bench.latents))

    def edits(
        self,
        cells: Sequence[tuple[float, float]],
        optimized: torch.Tensor | None,
        method: str = "null_text",
        source: str = "source",
    ) -> list[np.ndarray]:
        """Each (alpha, ratio)'s pictures, one a task."""
        grid = importlib.import_module(f"{PACKAGE}.inversion.grid")
        return self.bench.edit(
            self.inverted(method, source), method, optimized, [grid.Cell(alpha, ratio) for alpha, ratio in cells]
        )


def _columns(
    studio: Studio,
    variants: Sequence[tuple[str, Any]],
    prompts: Sequence[str],
    strengths: Sequence[float] | None = None,
) -> Image.Image:
    """A column a concept, a row a prompt; the first row's captions tell the variant."""
    drawn = [
        studio.draw([concept], prompts, 1.0 if strengths is None else strengths[i])
        for i, (_, concept) in enumerate(variants)
    ]
    phrase = f"<w> {CONCEPT[0]}"
    rows = [
        [
            (drawn[c][r], variants[c][0] if r == 0 else prompts[r].format(phrase) if c == 0 else "")
            for c in range(len(variants))
        ]
        for r in range(len(prompts))
    ]
    return sheet(rows)


def _by_task(studio: Studio, columns: Sequence[tuple[str, np.ndarray]]) -> Image.Image:
    """A row a task: its picture, then one picture a column."""
    rows = []
    for i, (task, picture) in enumerate(zip(studio.tasks, studio.inputs())):
        wanted = {
            "move": "move it",
            "resize": f"make it {task.told.get('size')}",
            "class": f"make it a {task.told['classes'][0]}",  # type: ignore[index]
        }
        if "place" in task.told:
            wanted["move"] = f"move it to the {task.told['place']}"
        rows.append([(picture, wanted[task.kind]), *[(pictures[i], label) for label, pictures in columns]])
    return sheet(rows)


def stage1(studio: Studio) -> Image.Image:
    """The picture, its mask, and what Stage I's word gives."""
    image, mask = pixels_and_mask(studio.scene())
    picture, white = sampling.levels(image)[0], sampling.levels(mask[..., None].expand(-1, -1, -1, 3))[0]
    drawn = studio.draw([studio.concept(1)], PROMPTS)
    return sheet(
        [
            [
                (picture, "the picture"),
                (white, "its mask"),
                *[(one, prompt.format("<w> heart")) for one, prompt in zip(drawn, PROMPTS)],
            ]
        ],
        lines=3,
    )


def stage2(studio: Studio) -> Image.Image:
    """The class word, Stage I and Stage II with the same noise."""
    words = [prompt.format("heart") for prompt in PROMPTS]
    rows = [[(one, word) for one, word in zip(studio.draw([], words), words)]]
    for stage, name in ((1, "Stage I"), (2, "Stage II")):
        rows.append(
            [
                (one, f"{name}: {prompt.format('<w> heart')}")
                for one, prompt in zip(studio.draw([studio.concept(stage)], PROMPTS), PROMPTS)
            ]
        )
    return sheet(rows, lines=3)


def gamma(studio: Studio) -> Image.Image:
    """background_weight in both stages."""
    return _columns(
        studio, [(f"background_weight {g:g}", studio.concept(background=g)) for g in (0.0, 0.5, 1.0, 3.0)], PROMPTS
    )


def eta(studio: Studio) -> Image.Image:
    """semantic_weight in Stage II: the subject, and below it the class word without the concept's name."""
    prompts = (
        "{0} on a green background",
        f"a {CONCEPT[0]} on a green background",
        f"a {CONCEPT[0]} on a white background",
    )
    return _columns(
        studio, [(f"semantic_weight {e:g}", studio.concept(semantic=e)) for e in (0.0, 1.0, 3.0, 10.0)], prompts
    )


def steps(studio: Studio) -> Image.Image:
    """Stage I's steps."""
    return _columns(studio, [(f"{n} steps", studio.concept(1, steps1=n)) for n in (5, 20, 40, 80, 160)], PROMPTS)


def steps2(studio: Studio) -> Image.Image:
    """Stage II's steps."""
    return _columns(studio, [(f"{n} steps", studio.concept(steps2=n)) for n in (10, 40, 120)], PROMPTS)


def rate(studio: Studio) -> Image.Image:
    """Stage I's learning rate, as shares of the demo's own."""
    usual = Training().rate1
    return _columns(
        studio,
        [(f"learning_rate {r:g}", studio.concept(1, rate1=r)) for r in (usual / 20, usual / 5, usual, usual * 5)],
        PROMPTS,
    )


def encoder(studio: Studio) -> Image.Image:
    """What finds the word: each with the learning rate that suits it."""
    rates = {"vit_b32": 1e-4, "cnn": 1e-4, "none": Training().rate1}
    return _columns(studio, [(name, studio.concept(1, encoder=name, rate1=r)) for name, r in rates.items()], PROMPTS)


def strength(studio: Studio) -> Image.Image:
    """strength_model and strength_clip of Load Concept and Apply Concept."""
    strengths = (0.0, 0.5, 1.0, 1.5)
    return _columns(studio, [(f"strength {s:g}", studio.concept()) for s in strengths], PROMPTS, strengths)


def compose(studio: Studio) -> Image.Image:
    """Two concepts, learned apart, alone and in one prompt."""
    both = [studio.concept(1), studio.concept(1, SECOND)]
    prompts = [
        "{0} on a white background",
        "{1} on a white background",
        "{0} and {1} on a white background",
        "{0} and {1} on a black background",
    ]
    drawn = studio.draw(both, prompts)
    return sheet([[(one, prompt.format("<w> heart", "<v> star")) for one, prompt in zip(drawn, prompts)]], lines=3)


def prompts(studio: Studio) -> Image.Image:
    """What a concept should follow, in the demo world's words."""
    wanted = (
        "{0} on a pink background",
        "{0} at the right",
        "a small {0}",
        "a large {0}",
        "a tilted {0}",
        "{0} and a blue star",
    )
    drawn = studio.draw([studio.concept()], wanted)
    return sheet([[(one, prompt.format("<w> heart")) for one, prompt in zip(drawn, wanted)]])


def mask(studio: Studio) -> Image.Image:
    """Mask from Prompt's outputs, by the demo's own detector and segmenter, which lie beside its checkpoint."""
    import folder_paths

    for kind in ("grounding-dino", "sams"):
        folder_paths.add_model_folder_path(kind, str((studio.checkpoint.parent / kind).resolve()))
    pipeline = importlib.import_module(f"{PACKAGE}.pipelines.mask_from_prompt")
    image, _ = pixels_and_mask(studio.scene())
    settings = pipeline.MaskSettings(prompt=CONCEPT[0], detector="sis_demo_dino", segmenter="sis_demo_sam")
    with torch.inference_mode():
        result = pipeline.mask_from_prompt(image, settings)
    white = result.masks[..., None].expand(-1, -1, -1, 3)
    return sheet(
        [
            [
                (sampling.levels(pixels)[0], name)
                for pixels, name in ((image, "image"), (result.overlays, "overlay"), (white, "mask"))
            ]
        ],
        lines=1,
    )


def alpha(studio: Studio) -> Image.Image:
    """alpha at one source_ratio."""
    values = (0.0, 0.3, 0.6, 1.0, 1.5)
    return _by_task(
        studio,
        [
            (f"alpha {a:g}", pictures)
            for a, pictures in zip(values, studio.edits([(a, RATIO) for a in values], studio.optimized))
        ],
    )


def ratio(studio: Studio) -> Image.Image:
    """source_ratio at one alpha."""
    values = (0.0, 0.1, 0.2, 0.4, 0.7)
    return _by_task(
        studio,
        [
            (f"source_ratio {r:g}", pictures)
            for r, pictures in zip(values, studio.edits([(ALPHA, r) for r in values], studio.optimized))
        ],
    )


def inversion(studio: Studio) -> Image.Image:
    """The inversions: what each gives back, and below it an edit of the same picture."""
    columns = {name: pair for name, pair in editing.INVERSIONS.items() if name != "null-text, no source"}
    back = {name: studio.bench.decode(studio.inverted(*pair).reconstruction.latents) for name, pair in columns.items()}
    edited = {name: studio.edits([(ALPHA, RATIO)], studio.optimized, *pair)[0] for name, pair in columns.items()}
    picture = studio.inputs()[SHOWN]
    first = [(picture, "the picture"), *[(pictures[SHOWN], f"{name}: given back") for name, pictures in back.items()]]
    second = [(blank(picture), ""), *[(pictures[SHOWN], f"{name}: edited") for name, pictures in edited.items()]]
    return sheet([first, second])


def text_steps(studio: Studio) -> Image.Image:
    """Imagic Text Optimize's steps, at the alpha that begins there and at an edit's."""
    usual, shares, alphas = studio.bench.text_steps, (0.0, 0.25, 1.0, 2.5), (0.0, ALPHA)
    rows: list[Row] = [[(studio.inputs()[SHOWN], f"alpha {a:g}")] for a in alphas]
    for share in shares:
        studio.bench.text_steps = round(usual * share)
        found = studio.optimized if share == 1.0 else studio.bench.optimize()[0]
        for row, pictures in zip(rows, studio.edits([(a, 0.0) for a in alphas], found)):
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
    tasks = [editing.Task(scene, "move", tail, target, {"classes": (name,)}) for target in wishes.values()]
    effort = studio.effort
    bench = editing.Bench(
        studio.checkpoint, tasks, effort.inversion_steps, effort.cfg, effort.inner_steps, effort.text_steps
    )
    grid = importlib.import_module(f"{PACKAGE}.inversion.grid")
    inverted = bench.invert("null_text", "source")[0]
    (edited,) = bench.edit(inverted, "null_text", bench.optimize()[0], [grid.Cell(ALPHA, RATIO)])
    cells = [
        (bench.decode(bench.latents)[0], "the picture"),
        (bench.decode(inverted.reconstruction.latents)[0], "given back"),
        *zip(edited, wishes),
    ]
    return sheet([cells])


def grid(studio: Studio) -> Image.Image:
    """Edit Grid's own picture."""
    draw = importlib.import_module(f"{PACKAGE}.pictures.grid").grid_picture
    alphas, ratios = (0.2, 0.4, 0.6, 0.8), (0.1, 0.2, 0.4)
    pictures = studio.edits([(a, r) for r in ratios for a in alphas], studio.optimized)
    stack = torch.stack([torch.from_numpy(one[SHOWN]).float() / 255 for one in pictures])
    return Image.fromarray(
        sampling.levels(draw(stack, [f"alpha {a:g}" for a in alphas], [f"ratio {r:g}" for r in ratios]))[0]
    )


FIGURES: dict[str, Callable[[Studio], Image.Image]] = {
    figure.__name__: figure
    for figure in (
        stage1,
        stage2,
        gamma,
        eta,
        steps,
        steps2,
        rate,
        encoder,
        strength,
        compose,
        prompts,
        mask,
        alpha,
        ratio,
        inversion,
        text_steps,
        reuse,
        grid,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which pictures, all by default: {', '.join(FIGURES)}"
    )
    parser.add_argument(
        "--checkpoint", type=pathlib.Path, default=pathlib.Path("lab/weights/sis_demo_sd15.safetensors")
    )
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument(
        "--quick", action="store_true", help="hardly any steps, to try the script; give another --folder"
    )
    args = parser.parse_args()
    unknown = set(args.names) - set(FIGURES)
    if unknown:
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    load_pack()
    studio = Studio(args.checkpoint, QUICK if args.quick else Effort())
    for name in args.names or FIGURES:
        began = time.monotonic()
        size = save_jpeg(FIGURES[name](studio), args.folder / f"{name}.jpg", LARGEST)
        print(f"{name}.jpg: {size / 1000:.0f} kB, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
