"""The shipped workflows that learn concepts and draw with them."""

from __future__ import annotations

from typing import Any

from .pieces import (
    CANNY,
    NEGATIVE,
    PICTURE,
    SAMPLING,
    UPSCALER,
    Drawing,
    checkpoint,
    drawn_with,
    empty_latent,
    load_concept,
    mask_from_prompt,
    prompt,
    square,
)
from .sheet import Group, Sheet

# by the concept's phrase and class word, so that they fit any concept; the last shows that the class word is still free
LEARNED = """\
a photo of PHRASE
a photo of PHRASE on a beach
a photo of PHRASE with red hair
a photo of PHRASE with sunglasses and a hat
a side view of PHRASE in a library
a pencil drawing of PHRASE
a marble bust of PHRASE in a museum
a photo of a CLASS on a beach"""


def learn_a_concept(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(sheet, picture["IMAGE"])
    wires: dict[str, Any] = {"model": loader["MODEL"], "clip": loader["CLIP"], "vae": loader["VAE"]}
    first = sheet.node("SIS_TrainStage1", "Stage I", 4, **wires, image=picture["IMAGE"], mask=mask["mask"])
    second = sheet.node("SIS_TrainStage2", "Stage II", 5, **wires, concept=first["concept"])
    kept = sheet.node("SIS_SaveConcept", "Save Concept", 6, concept=second["concept"], name="my_concept")
    # by wires: opened on the page, an API file loses a link into a list, such as Load Concept's
    concept = sheet.node(
        "SIS_ApplyConcept",
        "Apply Concept",
        7,
        model=loader["MODEL"],
        clip=loader["CLIP"],
        concept=kept["concept"],
        name=kept["saved_as"],
    )
    latent = empty_latent(sheet, 2, 8)
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE, 9)
    listed = sheet.node("SIS_EditingPrompts", "Prompts", 10, phrase=concept["phrase"], own_prompts=LEARNED)
    listed.size = (420, 480)  # shows all of them without scrolling
    each = prompt(sheet, "One prompt at a time", concept["clip"], listed["prompts"], 11)
    drawing = drawn_with(sheet, concept, negative, latent, loader)
    sampler, decoder, saved = drawing.picture(each["CONDITIONING"], "learn_a_concept", id=12)
    saved.size = (640, 760)  # of all prompts
    start = sheet.note(
        "### Learn a concept from one picture\n1. Choose your checkpoint and picture.\n2. **Mask**: write what the"
        " subject is.\n3. **Stage I**: write its class word.\n4. **Save Concept**: give it a name.\n5. Run. The"
        " training nodes show the time left.\n\nThe prompts get the name and class word by themselves.",
        "Start here",
    )
    painting = sheet.note(
        "**Paint your own mask**: right-click the picture, choose *Open in MaskEditor*, paint the subject, and connect"
        " the picture's MASK to Stage I. A mask from another pack works too.\n\n**Nothing found**: try another word or"
        " a lower *box_threshold*.",
        "No detector?",
    )
    tuning = sheet.note(
        "**The picture's own background shows up**: make a cleaner mask, or set *background_weight* to 2.\n\n**Weak"
        " likeness**: more Stage II *steps*.\n\n**Every face looks like the subject**: *semantic_weight* 2.",
        "Troubleshooting",
    )
    prompts = sheet.note(
        "One prompt a line. PHRASE: the concept's name with its class word. CLASS: the class word alone.\n\nThe"
        " pictures keep the prompts' order, two for each.\n\nNew prompts do not train again.",
        "Your own prompts",
    )
    later = sheet.note(
        "These pictures carry this whole workflow: drop one on the page another day, and Run **trains again**.\n\nTo"
        " draw more with the finished concept, open **use_a_concept**. Its pictures carry no training.",
        "Draw more later",
    )
    asked = [(loader, "ckpt_name"), (picture, "image"), (mask, "prompt"), (first, "class_word"), (kept, "name")]
    sheet.form([*asked, (listed, "own_prompts")], saved)
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader, picture]]),
            Group("2 · Mask", [[mask, painting]]),
            Group("3 · Learn", [[first], [second, kept]]),
            Group("4 · Pictures", [[saved, later]]),
        ],
        [Group("5 · Prompts", [[listed], [prompts, tuning], [concept, negative, latent], [each, sampler, decoder]])],
    )


def use_a_concept(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = load_concept(sheet, loader)
    positive = prompt(sheet, "Prompt", concept["clip"], "a photo of <my_concept> face with sunglasses on a beach")
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    latent = empty_latent(sheet, 4)
    drawn = drawn_with(sheet, concept, negative, latent, loader).picture(positive["CONDITIONING"], "use_a_concept")
    start = sheet.note(
        "### Use a concept\nFirst learn one with the workflow **learn_a_concept**.\n\n1. Choose your checkpoint, best"
        " the one the concept was trained on.\n2. Choose the concept.\n3. Write its phrase anywhere in the prompt: its"
        " name in angle brackets and its class word.",
        "Start here",
    )
    tuning = sheet.note(
        "**Stiff pictures** that ignore the prompt: lower *strength_model* to 0.7.\n\n**Weak likeness**: give the"
        " phrase a weight, as in (phrase:1.2), or train the concept further with Stage II.",
        "Troubleshooting",
    )
    sheet.form([(loader, "ckpt_name"), (concept, "concept_name"), (positive, "text"), (drawn[0], "seed")], drawn[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept]]),
            Group("2 · Prompt", [[positive, negative, latent], [tuning]]),
            Group("3 · Pictures", [drawn[:2], drawn[2:]]),
        ]
    )


# by the phrase, as LEARNED is
VIEWS = """\
a side view of PHRASE
a view from above of PHRASE
a close-up from below of PHRASE"""


def views_and_editing_prompts(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = load_concept(sheet, loader)
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    latent = empty_latent(sheet, 1)
    drawing = drawn_with(sheet, concept, negative, latent, loader)
    views = sheet.node("SIS_EditingPrompts", "Views", phrase=concept["phrase"], own_prompts=VIEWS)
    views.size = (420, 320)  # shows all of them without scrolling
    view = prompt(sheet, "One view at a time", concept["clip"], views["prompts"])
    drawn_views = drawing.picture(view["CONDITIONING"], "views/view", suffix=" of each view")
    drawn_views[-1].size = (640, 720)  # of all views
    listed = sheet.node("SIS_EditingPrompts", "Editing Prompts", phrase=concept["phrase"])
    score = sheet.node("PreviewAny", "Score sheet", source=listed["checklist"])
    score.size, score.room = (640, 780), 40  # shows all ten prompts at once
    each = prompt(sheet, "One prompt at a time", concept["clip"], listed["prompts"])
    drawn = drawing.picture(each["CONDITIONING"], "views/editing_prompt", suffix=" of each prompt")
    start = sheet.note(
        "### New views, and a test of how freely a concept can be edited\n1. Choose your checkpoint and concept.\n2."
        " **Views**: one prompt a line. PHRASE stands for the concept's name with its class word.\n3. Run.\n\nAll"
        " prompts get the name and class word by themselves.",
        "Start here",
    )
    scoring = sheet.note(
        "Everything after **Editing Prompts** runs once for each prompt: ten pictures.\n\n**Score them** with the"
        " score sheet. The paper makes ten pictures per prompt: set *batch_size* to 10.\n\n**Not a face?** Choose"
        " *dreambooth_object* or *dreambooth_live* (25 prompts).",
        "Scoring",
    )
    asked = [(loader, "ckpt_name"), (concept, "concept_name"), (views, "own_prompts"), (listed, "prompt_set")]
    sheet.form(asked, drawn_views[-1], drawn[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept, negative, latent]]),
            Group("2 · New views", [[views, view], drawn_views]),
        ],
        [Group("3 · The ten editing prompts", [[listed, scoring], [score], [each, drawn[0]], drawn[1:]])],
    )


def concept_controlnet_upscale(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = load_concept(sheet, loader)
    positive = prompt(sheet, "Prompt", concept["clip"], "a photo of <my_concept> face as an astronaut")
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    pose = sheet.node("LoadImage", "Pose", image=PICTURE)
    size = square(sheet, pose["IMAGE"])
    edges = sheet.node("Canny", "Edges", image=size["IMAGE"], low_threshold=0.2, high_threshold=0.5)
    shown = sheet.node("PreviewImage", "What the ControlNet sees", images=edges["IMAGE"])
    net = sheet.node("ControlNetLoader", "Load ControlNet", models=[CANNY], control_net_name=CANNY.name)
    control = sheet.node(
        "ControlNetApplyAdvanced",
        "Apply ControlNet",
        positive=positive["CONDITIONING"],
        negative=negative["CONDITIONING"],
        control_net=net["CONTROL_NET"],
        image=edges["IMAGE"],
        strength=0.8,
        end_percent=0.7,
    )
    latent = empty_latent(sheet, 1)
    drawing = Drawing(sheet, concept["model"], control["negative"], latent["LATENT"], loader["VAE"])
    drawn = drawing.picture(control["positive"], "controlnet/small")
    upscaler = sheet.node("UpscaleModelLoader", "Load Upscale Model", models=[UPSCALER], model_name=UPSCALER.name)
    larger = sheet.node(
        "ImageUpscaleWithModel", "Upscale", upscale_model=upscaler["UPSCALE_MODEL"], image=drawn[1]["IMAGE"]
    )
    fitted = sheet.node(
        "ImageScale",
        "Final size",
        image=larger["IMAGE"],
        upscale_method="lanczos",
        width=1024,
        height=1024,
        crop="disabled",
    )
    encoded = sheet.node("VAEEncode", "Encode again", pixels=fitted["IMAGE"], vae=loader["VAE"])
    second = sheet.node(
        "KSampler",
        "Sampler of the second pass",
        model=concept["model"],
        positive=positive["CONDITIONING"],
        negative=negative["CONDITIONING"],
        latent_image=encoded["LATENT"],
        seed=2,
        **SAMPLING,
        denoise=0.35,
    )
    decoder = sheet.node("VAEDecode", "Decode the second pass", samples=second["LATENT"], vae=loader["VAE"])
    saved = sheet.node("SaveImage", "Save large", images=decoder["IMAGE"], filename_prefix="controlnet/large")
    start = sheet.note(
        "### A concept in a given pose, enlarged\n1. Choose your checkpoint and concept.\n2. **Pose**: a picture whose"
        " outlines the new one should follow.\n3. Write the concept's phrase in the prompt.",
        "Start here",
    )
    tuning = sheet.note(
        "**Follows the outlines too strictly**: lower *strength* or *end_percent*.\n\n**Weaker likeness in the large"
        " picture**: lower *denoise* of the second pass.\n\nAny other ControlNet for SD 1.5 works too: replace"
        " **Edges** with its preprocessor.",
        "Troubleshooting",
    )
    asked = [(loader, "ckpt_name"), (concept, "concept_name"), (positive, "text"), (pose, "image")]
    sheet.form([*asked, (drawn[0], "seed")], drawn[-1], saved)
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept]]),
            Group("2 · Prompt", [[positive, negative, latent]]),
            Group("3 · Pose", [[pose, size], [edges, shown], [net, control, tuning]]),
            Group("4 · First picture", [drawn[:2], drawn[2:]]),
            Group("5 · Larger, with new detail", [[upscaler, larger, fitted, encoded], [second, decoder], [saved]]),
        ]
    )
