"""The two subgraph blueprints that ship with the pack: a whole job as one node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .pieces import Edit, mask_from_prompt, prompt
from .sheet import Group
from .ui_subgraph import Blueprint


def learn_a_concept(sheet: Blueprint) -> None:
    wires: dict[str, Any] = {
        "model": sheet.input("model", "MODEL"),
        "clip": sheet.input("clip", "CLIP"),
        "vae": sheet.input("vae", "VAE"),
    }
    picture = sheet.input("image", "IMAGE")
    mask = mask_from_prompt(sheet, picture)
    first = sheet.node("SIS_TrainStage1", "Stage I", **wires, image=picture, mask=mask["mask"])
    second = sheet.node("SIS_TrainStage2", "Stage II", **wires, concept=first["concept"])
    kept = sheet.node("SIS_SaveConcept", "Save Concept", concept=second["concept"])
    sheet.widget("what to mask", mask, "prompt")
    sheet.widget("class_word", first, "class_word")
    sheet.widget("name", kept, "name")
    sheet.output("concept", kept["concept"])
    sheet.output("saved_as", kept["saved_as"])
    sheet.output("overlay", mask["overlay"])
    sheet.lay([Group("Mask", [[mask]]), Group("Learn", [[first], [second]]), Group("Keep", [[kept]])])


def edit_a_photo(sheet: Blueprint) -> None:
    model, clip, vae, picture = (
        sheet.input(name, kind)
        for name, kind in (("model", "MODEL"), ("clip", "CLIP"), ("vae", "VAE"), ("image", "IMAGE"))
    )
    latent = sheet.node("VAEEncode", "VAE Encode", pixels=picture, vae=vae)
    # on the finished node a prompt's own box would have no name; a line of text has
    now, then = (sheet.node("PrimitiveString", title) for title in ("What it shows now", "What it should become"))
    source, target = (
        prompt(sheet, title, clip, text["STRING"]) for title, text in (("Source prompt", now), ("Target prompt", then))
    )
    empty = prompt(sheet, "Empty prompt", clip, "")
    edit = Edit(sheet, model, vae, latent["LATENT"], source["CONDITIONING"], target["CONDITIONING"])
    optimized = edit.optimize_text()
    inversion = edit.invert(empty["CONDITIONING"])
    edited = edit.sample(inversion["inversion"], optimized["optimized"])
    decoder = sheet.node("VAEDecode", "VAE Decode", samples=edited["latent"], vae=vae)
    sheet.widget("what it shows now", now, "value")
    sheet.widget("what it should become", then, "value", "a photo of a sitting dog")
    sheet.widget("alpha", edited, "alpha")
    sheet.widget("source_ratio", edited, "source_ratio")
    sheet.output("image", decoder["IMAGE"])
    sheet.output("inversion", inversion["inversion"])
    sheet.output("report", inversion["report"])
    sheet.lay(
        [
            Group("Picture and prompts", [[latent, now, then], [source, target, empty]]),
            Group("Invert", [[inversion], [optimized]]),
            Group("Edit", [[edited], [decoder]]),
        ]
    )


@dataclass(frozen=True)
class Shipped:
    """A blueprint's description for the page, and what it is made of."""

    description: str
    describe: Callable[[Blueprint], None]


BLUEPRINTS = {
    "Learn a concept": Shipped(
        "Learns a concept from one picture: makes the mask from a word, trains Stage I and Stage II, and saves the"
        " concept. Connect a checkpoint and a picture.",
        learn_a_concept,
    ),
    "Edit a photo": Shipped(
        "Changes the pose, place, size or kind of a subject in a photo: inversion, text optimisation and"
        " timestep-aware sampling. Connect a checkpoint and a picture of 512 x 512.",
        edit_a_photo,
    ),
}
