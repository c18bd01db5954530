"""How well do edits work, and which part of the method does what? `python -m lab.measuring.editing`.

Takes pictures whose object has colours and a pattern of its own, inverts each in five ways, and edits it (move, resize,
turn, change class) over alpha × source ratio with the full method and with parts of it left out. `lab.world.oracle` tells
whether the edit happened, and whether the object's colours, its pattern and the background stayed.
Writes the tables (`--out`), and beside them the figures as JSON and a sheet of pictures.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..world import oracle, painting, random_scenes, seeing, world
from . import editing_report, sampling
from .learning import load_pack

SEED = 91_000
EDITS = ("move", "resize", "turn", "class")
ALPHAS = (0.3, 0.6, 1.0)
RATIOS = (0.2, 0.4)
# without injection there is no ratio to choose: as many cells all the same
ALPHAS_WITHOUT = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Task:
    """A picture, what it shows in words, what it should become, and what tells that it did."""

    scene: world.Scene
    kind: str
    source: str
    target: str
    told: dict[str, object]


def make_task(seed: int, index: int) -> Task:
    """Kinds and classes take turns. Words name the object's first colour and its pattern; its second colour they
    cannot."""
    rng = random.Random(seed * 1_000 + index)
    kind, cls = EDITS[index % len(EDITS)], rng.choice(world.CLASSES[1:])  # a circle cannot be turned
    scene = random_scenes.sample_concept(rng, cls)
    background = rng.choice(
        [name for name in world.COLORS if world.distance(world.COLORS[name], scene.objects[0].second) > 200]
    )
    apart = (world.COLORS[background], scene.objects[0].second)
    color = rng.choice(
        [name for name in world.COLORS if all(world.distance(world.COLORS[name], other) > 200 for other in apart)]
    )
    scene = world.Scene(world.COLORS[background], (world.replace(scene.objects[0], color=world.COLORS[color]),), "")
    pattern, tail = scene.objects[0].pattern, f"on a {background} background"
    source = f"a {pattern} {color} {cls} {tail}"
    told: dict[str, object] = {"classes": (cls,)}
    if kind == "move":
        told["place"] = rng.choice(world.PLACES)
        target = f"a {pattern} {color} {cls} at the {told['place']} {tail}"
    elif kind == "resize":
        told["size"] = rng.choice(world.SIZES)
        target = f"a {told['size']} {pattern} {color} {cls} {tail}"
    elif kind == "turn":
        told["tilted"] = True
        target = f"a tilted {pattern} {color} {cls} {tail}"
    else:
        told["classes"] = (rng.choice([other for other in world.CLASSES if other != cls]),)
        target = f"a {pattern} {color} {told['classes'][0]} {tail}"  # type: ignore[index]
    return Task(scene, kind, source, target, told)


def verdict(picture: np.ndarray, task: Task) -> dict[str, float]:
    """edit: it happened. colors, pattern, background: what stayed; kept: their mean. both: the edit happened and
    colours and background stayed."""
    seen = oracle.judge(picture, task.told)
    edit = {"move": seen.place, "resize": seen.size, "turn": seen.tilted, "class": seen.classes[0]}[task.kind]
    match = oracle.concept_match(picture, task.scene)
    stayed = [
        bool(match.both_colors),
        bool(match.pattern),
        bool(oracle.background_near(picture, task.scene.background)),
    ]
    one = len(seeing.objects(picture)) == 1
    return {
        "edit": float(bool(edit)),
        "colors": stayed[0],
        "pattern": stayed[1],
        "background": stayed[2],
        "kept": sum(stayed) / 3,
        "both": float(bool(edit) and stayed[0] and stayed[2] and one),
    }


class Bench:
    """The pack's algorithms on a batch of pictures with a prompt each, through the host."""

    def __init__(
        self, checkpoint: pathlib.Path, tasks: Sequence[Task], steps: int, cfg: float, inner_steps: int, text_steps: int
    ) -> None:
        load_pack()
        from single_image_studio.diffusion.ddim import DDIMSchedule
        from single_image_studio.host import latents

        self.model, self.clip, self.vae = sampling.load(checkpoint)
        self.tasks, self.cfg, self.inner_steps, self.text_steps = tasks, cfg, inner_steps, text_steps
        self.schedule = DDIMSchedule(steps)
        pictures = np.stack([painting.render(task.scene)[0] for task in tasks])
        with torch.inference_mode():
            encoded = self.vae.encode(torch.from_numpy(pictures).float() / 255)
        self.latents = latents.latents_from({"samples": encoded})

    def decode(self, latents: Tensor) -> np.ndarray:
        """(N, 128, 128, 3) uint8, as VAEDecode and SaveImage give them."""
        from single_image_studio.host.latents import decode, latent_of

        with torch.inference_mode():
            return sampling.levels(decode(self.vae, latent_of(latents)))

    def prompts(self, which: str) -> list[list[Any]]:
        """source, target or empty, one row a picture."""
        with torch.inference_mode():
            return sampling.encode_many(
                self.clip, ["" if which == "empty" else getattr(task, which) for task in self.tasks]
            )

    def _run(
        self, positive: dict[str, Any], algorithm: Callable[..., Any], gradients: bool = False
    ) -> tuple[Any, int, float]:
        """What came out, UNet evaluations a picture, and seconds a picture."""
        from single_image_studio.host.session import UnetSession

        began = time.perf_counter()
        session = UnetSession(
            model=self.model,
            shape=self.latents.shape,
            timesteps=self.schedule.timesteps,
            positive=positive,
            negative={"uncond": self.prompts("empty")},
            gradients=gradients,
            precision="fp32",
        )
        with torch.inference_mode():
            out, count = session.run(lambda unet: (algorithm(unet, unet.prompts), unet.evaluations))
        return out, count // len(self.tasks), (time.perf_counter() - began) / len(self.tasks)

    def settings(self, method: str) -> Any:
        from single_image_studio.inversion.methods import InversionSettings
        from single_image_studio.inversion.null_text import NullTextSettings

        return InversionSettings(
            method=method,
            schedule=self.schedule,
            guidance_scale=self.cfg,
            null_text=NullTextSettings(inner_steps=self.inner_steps),
        )

    def invert(self, method: str, source: str) -> tuple[Any, int, float]:
        """source: which prompt to invert with, `source` or `empty`."""
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.methods import invert

        settings = self.settings(method)

        def algorithm(model: Any, prompts: dict[str, Any]) -> Any:
            return result_of(invert(model, self.latents, prompts["source"], prompts["uncond"], settings))

        return self._run({"source": self.prompts(source)}, algorithm, gradients=settings.optimises)

    def optimize(self) -> tuple[Tensor, int, float]:
        """Imagic's embeddings of all targets."""
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text

        settings = TextOptimizationSettings(steps=self.text_steps)
        text, evaluations, seconds = self._run(
            {"target": self.prompts("target")},
            lambda model, prompts: result_of(optimize_text(model, self.latents, prompts["target"], settings)),
            gradients=True,
        )
        return text.embeds, evaluations, seconds

    def edit(self, inverted: Any, method: str, optimized: Tensor | None, cells: Sequence[Any]) -> list[np.ndarray]:
        """The pictures of every cell: (tasks, 128, 128, 3) uint8 each. optimized None: alpha begins at the source
        prompt."""
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.grid import EditPrompts, sample_grid
        from single_image_studio.inversion.sampling import Guidance

        back, scale = inverted.reconstruction, self.settings(method).sampling_scale

        def algorithm(model: Any, prompts: dict[str, Any]) -> list[Tensor]:
            start = prompts["source"] if optimized is None else prompts["target"].with_context(optimized)
            guidance = Guidance([prompts["uncond"].with_context(e) for e in back.uncond_embeds], scale, back.offsets)
            edit = EditPrompts(prompts["source"], prompts["target"], start)
            return result_of(sample_grid(model, inverted.noise_latents, edit, cells, guidance, self.schedule))

        edits, _, _ = self._run({"source": self.prompts("source"), "target": self.prompts("target")}, algorithm)
        return [self.decode(latents) for latents in edits]


INVERSIONS = {
    "null-text": ("null_text", "source"),
    "null-text, no source": ("null_text", "empty"),
    "negative-prompt": ("negative_prompt", "source"),
    "direct": ("direct", "source"),
    "DDIM": ("ddim", "source"),
}
# inversion, whether with text optimisation, alphas, source ratios
VARIANTS = {
    "full method": ("null-text", True, ALPHAS, RATIOS),
    "without injection": ("null-text", True, ALPHAS_WITHOUT, (0.0,)),
    "without text optimisation": ("null-text", False, ALPHAS, RATIOS),
    "plain DDIM inversion": ("DDIM", True, ALPHAS, RATIOS),
}


def measure(bench: Bench, folder: pathlib.Path) -> dict[str, Any]:
    """All figures. Keeps every edited picture in `folder`."""
    from single_image_studio.diffusion.quality import psnr
    from single_image_studio.inversion.grid import cells_of

    found, inversions = {}, {}
    truth = bench.decode(bench.latents)
    for name, (method, source) in INVERSIONS.items():
        found[name], evaluations, seconds = bench.invert(method, source)
        rebuilt = bench.decode(found[name].reconstruction.latents)
        pixels = [psnr(torch.from_numpy(a) / 255.0, torch.from_numpy(b) / 255.0, 1.0) for a, b in zip(rebuilt, truth)]
        inversions[name] = {
            "latent_psnr": float(np.mean(found[name].psnr)),
            "pixel_psnr": float(np.mean(pixels)),
            "evaluations": evaluations,
            "seconds": seconds,
        }
        print(name, inversions[name], flush=True)
    optimized, evaluations, seconds = bench.optimize()
    print(f"text optimisation {evaluations} evaluations, {seconds:.2f} s a picture", flush=True)
    rows = []
    for name, (inversion, with_text, alphas, ratios) in VARIANTS.items():
        cells = cells_of(alphas, ratios)
        drawn = bench.edit(found[inversion], INVERSIONS[inversion][0], optimized if with_text else None, cells)
        places = np.array([(cell.alpha, cell.source_ratio) for cell in cells])
        np.savez_compressed(
            folder / f"{name.replace(' ', '_')}.npz", pictures=np.stack(drawn), places=places, source=truth
        )
        for cell, pictures in zip(cells, drawn):
            where = {"variant": name, "alpha": cell.alpha, "ratio": cell.source_ratio}
            rows += [
                {**where, "kind": task.kind, **verdict(picture, task)} for picture, task in zip(pictures, bench.tasks)
            ]
        print(name, "drawn and judged", flush=True)
    return {"inversions": inversions, "text": {"evaluations": evaluations, "seconds": seconds}, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--cfg", type=float, default=5.0)
    parser.add_argument("--inner-steps", type=int, default=10)
    parser.add_argument("--text-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        default=pathlib.Path("demo_training/editing"),
        help="for all pictures and figures",
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/reports/EDITING.md"))
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: only write the report of what the folder holds"
    )
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    figures, tasks = args.folder / "figures.json", [make_task(args.seed, i) for i in range(args.pictures)]
    if not args.report:
        began = time.monotonic()
        bench = Bench(args.checkpoint, tasks, args.steps, args.cfg, args.inner_steps, args.text_steps)
        result = measure(bench, args.folder)
        settings = {
            name: getattr(args, name) for name in ("pictures", "steps", "cfg", "inner_steps", "text_steps", "seed")
        }
        figures.write_text(json.dumps({**result, "settings": settings, "minutes": (time.monotonic() - began) / 60}))
    editing_report.write(json.loads(figures.read_text()), tasks, args.folder, args.out)
    print(f"report {args.out}")


if __name__ == "__main__":
    main()
