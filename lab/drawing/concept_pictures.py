"""The help pictures of learning a concept and drawing with it, and of finding its mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from ..measuring import sampling
from ..measuring.learning import Training, pack_module, pixels_and_mask
from .rows import Row, sheet
from .studio import CONCEPT, SAMPLE_SEED, SECOND, Studio

PROMPTS = ("{0}", "{0} on a green background", "{0} at the left on a yellow background")


def _row(studio: Studio, concept: Any, prompts: Sequence[str]) -> Row:
    """A concept's picture of every prompt, over the prompt."""
    phrase = f"<w> {CONCEPT[0]}"
    return [(picture, prompt.format(phrase)) for picture, prompt in zip(studio.draw([concept], prompts), prompts)]


def _columns(
    studio: Studio,
    variants: Sequence[tuple[str, Any]],
    prompts: Sequence[str] = PROMPTS,
    strengths: Sequence[float] | None = None,
) -> Image.Image:
    """A column a concept, a row a prompt; the first row's captions tell the variant, the first column's the prompt."""
    phrase = f"<w> {CONCEPT[0]}"
    columns: list[Row] = []
    for i, (name, concept) in enumerate(variants):
        drawn = studio.draw([concept], prompts, 1.0 if strengths is None else strengths[i])
        captions = [name, *("" if i else prompt.format(phrase) for prompt in prompts[1:])]
        columns.append(list(zip(drawn, captions)))
    return sheet([list(row) for row in zip(*columns)])


def stage1(studio: Studio) -> Image.Image:
    """The picture, its mask, and what Stage I's word gives."""
    image, mask = pixels_and_mask(studio.scene())
    picture, white = sampling.levels(image)[0], sampling.levels(mask[..., None].expand(-1, -1, -1, 3))[0]
    row = [(picture, "the picture"), (white, "its mask"), *_row(studio, studio.concept(1), PROMPTS)]
    return sheet([row], lines=3)


def stage2(studio: Studio) -> Image.Image:
    """The class word, Stage I and Stage II with the same noise."""
    words = [prompt.format("heart") for prompt in PROMPTS]
    rows: list[Row] = [list(zip(studio.draw([], words), words))]
    for stage, name in ((1, "Stage I"), (2, "Stage II")):
        row = _row(studio, studio.concept(stage), PROMPTS)
        rows.append([(picture, f"{name}: {caption}") for picture, caption in row])
    return sheet(rows, lines=3)


def gamma(studio: Studio) -> Image.Image:
    """background_weight in both stages."""
    weights = (0.0, 0.5, 1.0, 3.0)
    return _columns(studio, [(f"background_weight {w:g}", studio.concept(background=w)) for w in weights])


def eta(studio: Studio) -> Image.Image:
    """semantic_weight in Stage II: the subject, and below it the class word without the concept's name."""
    prompts = (
        "{0} on a green background",
        f"a {CONCEPT[0]} on a green background",
        f"a {CONCEPT[0]} on a white background",
    )
    weights = (0.0, 1.0, 3.0, 10.0)
    return _columns(studio, [(f"semantic_weight {w:g}", studio.concept(semantic=w)) for w in weights], prompts)


def steps(studio: Studio) -> Image.Image:
    """Stage I's steps."""
    return _columns(studio, [(f"{n} steps", studio.concept(1, steps1=n)) for n in (5, 20, 40, 80, 160)])


def steps2(studio: Studio) -> Image.Image:
    """Stage II's steps."""
    return _columns(studio, [(f"{n} steps", studio.concept(steps2=n)) for n in (10, 40, 120)])


def rate(studio: Studio) -> Image.Image:
    """Stage I's learning rate, as shares of the demo's own."""
    usual = Training().rate1
    rates = (usual / 20, usual / 5, usual, usual * 5)
    return _columns(studio, [(f"learning_rate {r:g}", studio.concept(1, rate1=r)) for r in rates])


def encoder(studio: Studio) -> Image.Image:
    """What finds the word: each with the learning rate that suits it."""
    rates = {"vit_b32": 1e-4, "cnn": 1e-4, "none": Training().rate1}
    return _columns(studio, [(name, studio.concept(1, encoder=name, rate1=r)) for name, r in rates.items()])


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
    return sheet([list(zip(drawn, (prompt.format("<w> heart", "<v> star") for prompt in prompts)))], lines=3)


def prompts(studio: Studio) -> Image.Image:
    """What a concept should follow, in the demo world's words."""
    asked = (
        "{0} on a pink background",
        "{0} at the right",
        "a small {0}",
        "a large {0}",
        "a tilted {0}",
        "{0} and a blue star",
    )
    return sheet([_row(studio, studio.concept(), asked)])


def mask(studio: Studio) -> Image.Image:
    """Mask from Prompt's outputs, by the demo's own detector and segmenter, which lie beside its checkpoint."""
    import folder_paths

    for kind in ("grounding-dino", "sams"):
        folder_paths.add_model_folder_path(kind, str((studio.checkpoint.parent / kind).resolve()))
    pipeline = pack_module("pipelines.mask_from_prompt")
    image, _ = pixels_and_mask(studio.scene())
    settings = pipeline.MaskSettings(prompt=CONCEPT[0], detector="sis_demo_dino", segmenter="sis_demo_sam")
    with torch.inference_mode():
        result = pipeline.mask_from_prompt(image, settings)
    white = result.masks[..., None].expand(-1, -1, -1, 3)
    shown = ((image, "image"), (result.overlays, "overlay"), (white, "mask"))
    return sheet([[(sampling.levels(pixels)[0], name) for pixels, name in shown]], lines=1)


def heatmaps(studio: Studio) -> Image.Image:
    """Word Heat Maps' overlays, each row after its picture."""
    pipeline, stock = pack_module("pipelines.word_heatmaps"), pack_module("host.stock_sampling")
    learner, effort = studio.learner, studio.effort
    usual = {"steps": effort.sampling_steps, "cfg": effort.cfg, "sampler_name": "ddim", "scheduler": "ddim_uniform"}
    rows: list[Row] = []
    for prompt in ("a red heart and a blue star", "a green cross and a yellow circle"):
        nouns = prompt.split()[2::4]
        with torch.inference_mode():
            negative = learner.clip.encode_from_tokens_scheduled(learner.clip.tokenize(""))
            wires = pipeline.HeatmapWires(
                model=learner.model,
                clip=learner.clip,
                negative=negative,
                latent={"samples": torch.zeros(1, 4, 16, 16)},
                vae=learner.vae,
            )
            found = pipeline.word_heatmaps(wires, prompt, ", ".join(nouns), stock.Sampling(seed=SAMPLE_SEED, **usual))
            picture = sampling.levels(learner.vae.decode(found.latent["samples"]))[0]
        maps = [(overlay, noun) for overlay, noun in zip(sampling.levels(found.overlays), nouns)]
        rows.append([(picture, prompt), *maps])
    return sheet(rows)
