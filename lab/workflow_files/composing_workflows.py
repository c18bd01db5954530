"""The shipped workflows that put several concepts into one picture."""

from __future__ import annotations

from typing import Any

from .pieces import NEGATIVE, Drawing, checkpoint, drawn_with, empty_latent, load_concepts, mask_from_prompt, prompt
from .sheet import Group, Sheet


def compose_three_concepts(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    loaders = load_concepts(sheet, loader, ("my_face", "my_sunglasses", "my_hat"))
    clip = loaders[-1]["clip"]
    positive = prompt(
        sheet,
        "Prompt",
        clip,
        "a photo of <my_face> face wearing <my_sunglasses> sunglasses and a <my_hat> hat, in a garden",
    )
    negative = prompt(sheet, "Negative Prompt", clip, NEGATIVE)
    latent = empty_latent(sheet, 4)
    drawing = drawn_with(sheet, loaders[-1], negative, latent, loader)
    drawn = drawing.picture(positive["CONDITIONING"], "compose_three_concepts")
    start = sheet.note(
        "### Three concepts in one picture\nA face, a pair of sunglasses and a hat, each learned separately with"
        " **learn_a_concept**. They need no training together.\n\n1. Choose your three concepts.\n2. Write all three"
        " phrases in the prompt: each name in angle brackets and its class word.",
        "Start here",
    )
    tuning = sheet.note(
        "**Do they mix?** *keep_apart* is on: each concept acts on its own words, and in a place that it finds in the"
        " first steps and shows on its node. If a place is wrong, connect a mask to *region*.\n\n"
        "**Only two?** Bypass a Load Concept (Ctrl+B) and remove its phrase from the prompt.",
        "Troubleshooting",
    )
    asked = [(node, "concept_name") for node in loaders]
    sheet.form([(loader, "ckpt_name"), *asked, (positive, "text"), (drawn[0], "seed")], drawn[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint", [[start, loader]]),
            Group("2 · Three concepts", [loaders]),
            Group("3 · Prompt", [[positive, negative, latent], [tuning]]),
            Group("4 · Pictures", [drawn[:2], drawn[2:]]),
        ]
    )


# a little more than the outline, so that the concept's own may differ from the first picture's
CUT: dict[str, Any] = {"on_missing": "full", "grow": 16, "feather": 8}


def compose_in_two_passes(sheet: Sheet) -> None:
    """A first picture, drawn with class words, tells where each concept belongs in the second.

    Source: Kong et al. 2024, arXiv:2403.10983 (OMG).
    """
    loader = checkpoint(sheet)
    things = ("dog", "cat")
    latent = empty_latent(sheet, 2)
    negative = prompt(sheet, "Negative Prompt", loader["CLIP"], NEGATIVE)
    words = prompt(sheet, "Prompt in class words", loader["CLIP"], "a photo of a dog and a cat on a sofa")
    plain = Drawing(sheet, loader["MODEL"], negative["CONDITIONING"], latent["LATENT"], loader["VAE"])
    first = plain.picture(words["CONDITIONING"], "two_passes/first", suffix=" of the first picture")
    masks = [
        mask_from_prompt(sheet, first[1]["IMAGE"], thing, f"Mask {number}", **CUT)
        for number, thing in enumerate(things, 1)
    ]
    loaders = load_concepts(sheet, loader, [f"my_{thing}" for thing in things], [mask["mask"] for mask in masks])
    text = "a photo of a <my_dog> dog and a <my_cat> cat on a sofa"
    positive = prompt(sheet, "Prompt", loaders[-1]["clip"], text)
    drawing = drawn_with(sheet, loaders[-1], negative, latent, loader)
    drawn = drawing.picture(positive["CONDITIONING"], "two_passes/second")
    start = sheet.note(
        "### Two concepts, each in its own place\nA first picture shows where they go; then each concept is drawn in"
        " its own mask only.\n\n1. Choose your two concepts.\n2. **Prompt in class words**: the picture, with a plain"
        " word for each.\n3. **Mask 1** and **Mask 2**: these words.\n4. **Prompt**: the same, with the concepts'"
        " phrases.",
        "Start here",
    )
    tuning = sheet.note(
        "**Keep alike**: both samplers use the same *seed*, *steps* and *sampler_name*, and both prompts the same"
        " words, so that the second picture has the layout of the first.\n\n**A wrong layout**: give both samplers"
        " another *seed*.\n\n**Cut off**: raise *grow* in its mask. **A mask of everything**: nothing was found; lower"
        " *box_threshold* or use another word.",
        "Troubleshooting",
    )
    asked = [(node, "concept_name") for node in loaders] + [(mask, "prompt") for mask in masks]
    sheet.form([(loader, "ckpt_name"), *asked, (words, "text"), (positive, "text")], drawn[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint", [[start, loader]]),
            Group("2 · Two concepts", [loaders, [positive, tuning]]),
            Group("5 · Second picture", [drawn[:2], drawn[2:]]),
        ],
        [
            Group("3 · First picture", [[words, negative, latent], first[:2], first[2:]]),
            Group("4 · Where each one is", [[mask] for mask in masks]),
        ],
    )
