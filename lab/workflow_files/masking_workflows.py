"""The shipped workflows that make a mask: one for each way of hinting at a thing, and one that has SAM 3 make it."""

from __future__ import annotations

from typing import Any

from .pieces import FINDS, NEGATIVE, PICTURE, SAM, SAM3, checkpoint, drawn_with, empty_latent, mask_from_prompt, prompt
from .sheet import Group, Node, Sheet

WORDLESS: dict[str, Any] = {"what": "", "models": [SAM]}  # no words, so no detector


def mask_by_boxes(sheet: Sheet) -> None:
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    boxes = sheet.node("PrimitiveStringMultiline", "Boxes", value="[[300, 185, 465, 320]]")
    mask = mask_from_prompt(sheet, picture["IMAGE"], boxes=boxes["STRING"], **WORDLESS)
    start = sheet.note(
        "### A mask from boxes\n1. Choose your picture.\n2. **Boxes**: left, top, right and bottom of each thing, in"
        " pixels.\n3. Run. Boxes are yellow, the mask is blue.\n\nIt needs no words, and no detector.\n\nThen connect"
        " *mask* to Stage I of **learn_a_concept**.",
        "Start here",
    )
    tips = sheet.note(
        "**Several things**: [[10, 20, 200, 300], [250, 40, 400, 310]].\n\n**From another node**: *boxes* also takes"
        " BOUNDING BOX, and the *detections* of another Mask from Prompt.\n\n**Too much in the mask**: add"
        " *negative_points*, as in **mask_by_points**.",
        "Troubleshooting",
    )
    _lay(sheet, [start, picture], [boxes, tips], mask, [(picture, "image"), (boxes, "value")])


def mask_by_points(sheet: Sheet) -> None:
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(
        sheet,
        picture["IMAGE"],
        points="[[380, 380], [380, 560]]",
        negative_points="[[250, 368], [440, 720]]",
        **WORDLESS,
    )
    start = sheet.note(
        "### A mask from points\n1. Choose your picture.\n2. *points*: x and y of places on the thing, in pixels.\n3."
        " *negative_points*: of what is not part of it.\n4. Run. Green dots are on it, red squares are not.\n\nIt needs"
        " no words, and no detector.\n\nThen connect *mask* to Stage I of **learn_a_concept**.",
        "Start here",
    )
    tips = sheet.note(
        "**One point can mean a sleeve or the whole person**: add a second, or a negative one.\n\n**By mouse**: a node"
        " that edits points writes this text; connect it to *points*.\n\n**With words**: points in a box that words"
        " found tell more about that thing.",
        "Troubleshooting",
    )
    asked = [(picture, "image"), (mask, "points"), (mask, "negative_points")]
    _lay(sheet, [start, picture], [tips], mask, asked)


def mask_by_negative_words(sheet: Sheet) -> None:
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(sheet, picture["IMAGE"], "person", negative="dress")
    mask.room = FINDS
    start = sheet.note(
        "### A mask without a part\n1. Choose your picture.\n2. *prompt*: what to find.\n3. *negative*: what to cut out"
        " of it, such as a hat, hair, or the hand that holds it.\n4. Run. What is cut out has a red box.\n\nThen"
        " connect *mask* to Stage I of **learn_a_concept**.",
        "Start here",
    )
    tips = sheet.note(
        "**The part is not found**: the node says so, and nothing is cut out. Use another word, or a lower"
        " *box_threshold*, which is for both.\n\n**Several parts**: separate them with full stops, as in hat . hair.",
        "Troubleshooting",
    )
    asked = [(picture, "image"), (mask, "prompt"), (mask, "negative")]
    _lay(sheet, [start, picture], [tips], mask, asked)


def mask_by_rough_mask(sheet: Sheet) -> None:
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(sheet, picture["IMAGE"], mask_hint=picture["MASK"], **WORDLESS)
    start = sheet.note(
        "### An exact mask from a rough one\n1. Choose your picture.\n2. Right-click it, choose *Open in MaskEditor*,"
        " paint roughly over the thing, and save.\n3. Run. The mask takes the thing's own edge.\n\nIt needs no words,"
        " and no detector. Without paint it stops with an error.\n\nThen connect *mask* to Stage I of"
        " **learn_a_concept**.",
        "Start here",
    )
    tips = sheet.note(
        "**From another node**: *mask_hint* takes any MASK, one or one for each picture.\n\n**Too much or too little**:"
        " paint more of the thing, or add *negative_points*, as in **mask_by_points**.\n\n**You painted exactly**:"
        " connect the picture's MASK to Stage I itself.",
        "Troubleshooting",
    )
    _lay(sheet, [start, picture], [tips], mask, [(picture, "image")])


def mask_by_picking(sheet: Sheet) -> None:
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(sheet, picture["IMAGE"], "eye", select="all")
    mask.room = FINDS
    start = sheet.note(
        "### Choose among what was found\n1. Choose your picture.\n2. *prompt*: what to find.\n3. Run: each find has a"
        " number.\n4. **Click** the ones that you want or do not want, or press Enter on them.\n5. Run again.\n\nThen"
        " connect *mask* to Stage I of **learn_a_concept**.",
        "Start here",
    )
    tips = sheet.note(
        "**The choice** is kept in *picked*, and saved with the workflow. Empty it, and *select* decides again.\n\n"
        "**It is not among the finds**: lower *box_threshold*; wrong finds do no harm here.\n\n**Another picture** has"
        " other numbers: empty *picked* first.",
        "Troubleshooting",
    )
    asked = [(picture, "image"), (mask, "prompt"), (mask, "picked")]
    _lay(sheet, [start, picture], [tips], mask, asked)


def _lay(sheet: Sheet, given: list[Node], hints: list[Node], mask: Node, asked: list[tuple[Node, str]]) -> None:
    """What these workflows end with: the mask as a saved picture."""
    drawn = sheet.node("MaskToImage", "Mask as a picture", mask=mask["mask"])
    saved = sheet.node("SaveImage", "Save the mask", images=drawn["IMAGE"], filename_prefix=f"masks/{sheet.name}")
    sheet.form(asked, saved)
    sheet.lay(
        [Group("1 · Picture", [given]), Group("2 · Mask", [hints, [mask]]), Group("3 · Result", [[drawn, saved]])]
    )


# by the concept's phrase and class word, as in learn_a_concept
SHOWN = """\
a photo of PHRASE on a beach
a pencil drawing of PHRASE"""


def learn_from_sam3_mask(sheet: Sheet) -> None:
    loader, picture = checkpoint(sheet), sheet.node("LoadImage", "Picture", image=PICTURE)
    sam3 = sheet.node("CheckpointLoaderSimple", "Load SAM 3", models=[SAM3], ckpt_name=SAM3.name)
    words = prompt(sheet, "What the subject is", sam3["CLIP"], "face")
    found: dict[str, Any] = {"model": sam3["MODEL"], "image": picture["IMAGE"], "conditioning": words["CONDITIONING"]}
    mask = sheet.node("SAM3_Detect", "Mask", **found)
    shown = sheet.node("MaskPreview", "The mask", mask=mask["masks"])
    wires: dict[str, Any] = {"model": loader["MODEL"], "clip": loader["CLIP"]}
    first = sheet.node(
        "SIS_TrainStage1", "Stage I", **wires, vae=loader["VAE"], image=picture["IMAGE"], mask=mask["masks"]
    )
    second = sheet.node("SIS_TrainStage2", "Stage II", **wires, vae=loader["VAE"], concept=first["concept"])
    kept = sheet.node("SIS_SaveConcept", "Save Concept", concept=second["concept"], name="my_concept")
    concept = sheet.node("SIS_ApplyConcept", "Apply Concept", **wires, concept=kept["concept"], name=kept["saved_as"])
    latent = empty_latent(sheet, 2)
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    listed = sheet.node("SIS_EditingPrompts", "Prompts", phrase=concept["phrase"], own_prompts=SHOWN)
    each = prompt(sheet, "One prompt at a time", concept["clip"], listed["prompts"])
    drawn = drawn_with(sheet, concept, negative, latent, loader).picture(each["CONDITIONING"], "learn_from_sam3_mask")
    drawn[-1].size = (480, 560)
    start = sheet.note(
        "### Learn from a mask of ComfyUI's own SAM 3\nIt needs **ComfyUI 0.20 or newer**: older ones say that SAM3"
        " Detect is missing. There, use **learn_a_concept**.\n\n1. Choose your checkpoint and picture.\n2. **What the"
        " subject is**: in a word or two.\n3. **Stage I**: its class word.\n4. **Save Concept**: give it a name.\n5."
        " Run.",
        "Start here",
    )
    tips = sheet.note(
        "**Nothing found**: lower *threshold*, or use another word.\n\n**Boxes and points** go into *bboxes*,"
        " *positive_coords* and *negative_coords*, as Mask from Prompt reads them too.\n\n**A rough edge**: put the"
        " mask through *mask_hint* of Mask from Prompt.",
        "Troubleshooting",
    )
    asked = [(loader, "ckpt_name"), (picture, "image"), (words, "text"), (first, "class_word"), (kept, "name")]
    sheet.form([*asked, (listed, "own_prompts")], drawn[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader, picture]]),
            Group("2 · Mask", [[sam3, words, mask], [shown, tips]]),
            Group("3 · Learn", [[first], [second, kept]]),
        ],
        [Group("4 · Pictures", [[listed], [concept, negative, latent], [each, *drawn[:2]], drawn[2:]])],
    )
