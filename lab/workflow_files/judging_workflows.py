"""The shipped workflow that judges a concept."""

from __future__ import annotations

from typing import Any

from .concept_workflows import drawn_with
from .pieces import NEGATIVE, PICTURE, SAMPLING, checkpoint, empty_latent, load_concept, mask_from_prompt, prompt
from .sheet import Group, Sheet

# each with what its pictures must show
JUDGED = """\
a photo of PHRASE on a beach
a pencil drawing of PHRASE
PHRASE with sunglasses in the snow"""
GOALS = """\
beach
pencil drawing
sunglasses; snow"""


def judge_a_concept(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = load_concept(sheet, loader)
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    latent = empty_latent(sheet, 2)
    wires: dict[str, Any] = {"model": concept["model"], "clip": concept["clip"], "negative": negative["CONDITIONING"]}
    looks = sheet.node(
        "SIS_WordHeatmaps",
        "Where words look",
        **wires,
        latent_image=latent["LATENT"],
        vae=loader["VAE"],
        prompt="a photo of <my_concept> face on a beach",
        seed=1,
        **SAMPLING,
    )
    maps = sheet.node("SaveImage", "Save the heat maps", images=looks["overlays"], filename_prefix="judge/heat_map")
    maps.size = (480, 480)
    told = sheet.node("PreviewAny", "What the maps tell", source=looks["report"])
    told.size = (480, 480)
    listed = sheet.node("SIS_EditingPrompts", "Prompts", phrase=concept["phrase"], own_prompts=JUDGED)
    listed.size = (420, 320)
    each = prompt(sheet, "One prompt at a time", concept["clip"], listed["prompts"])
    drawing = drawn_with(sheet, concept, negative, latent, loader)
    sampler, decoder, saved = drawing.picture(each["CONDITIONING"], "judge/picture")
    saved.size = (480, 480)
    page = sheet.node(
        "SIS_ScoringSheet",
        "Scoring Sheet",
        images=decoder["IMAGE"],
        prompts=listed["prompts"],
        goals=GOALS,
        filename_prefix="judge/scoring_sheet",
    )
    path = sheet.node("PreviewAny", "Where the sheet is", source=page["saved_as"])
    path.size = (320, 120)
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    mask = mask_from_prompt(sheet, picture["IMAGE"])
    masks = mask_from_prompt(sheet, decoder["IMAGE"])
    masks.title, masks.values["on_missing"], masks.room = "Masks of the pictures", "empty", 400  # one overlay each
    metrics = sheet.node(
        "SIS_ConceptMetrics",
        "Concept Metrics",
        reference=picture["IMAGE"],
        reference_mask=mask["mask"],
        images=decoder["IMAGE"],
        masks=masks["mask"],
        prompts=listed["prompts"],
        clip_model="none",
        dino_model="none",
        lpips_model="none",
        goals=GOALS,
    )
    report = sheet.node("PreviewAny", "Scores", source=metrics["report"])
    report.size = (480, 600)
    start = sheet.note(
        "### Judge a concept\nFirst learn one with the workflow **learn_a_concept**.\n\n1. Choose your checkpoint and"
        " concept.\n2. **Picture**: the one that it was learned from.\n3. Write the concept's phrase in **Where words"
        " look**.\n4. **Mask** and **Masks of the pictures**: write what the subject is.\n5. Run.",
        "Start here",
    )
    reading = sheet.note(
        "Red is where the model looks for a word. A good concept looks at the subject. If it looks at the background,"
        " it will colour every background: learn it with a higher *background_weight*.",
        "How to read the maps",
    )
    files = sheet.note(
        "**Scores need files** of your own choice: a CLIP and a DINO in *models/clip_vision*, an LPIPS in"
        " *models/lpips*. The help of **Concept Metrics** names them. Without them, the scores are left out.",
        "Files for scores",
    )
    judging = sheet.note(
        "**Scoring Sheet** saves a page in the output folder. Open it in any browser, tick what each picture shows with"
        " the number keys, and read the editing success rate.\n\nNew prompts: write their goals in **Scoring"
        " Sheet** and **Concept Metrics**, a line for each.",
        "Your own judgement",
    )
    asked = [(loader, "ckpt_name"), (concept, "concept_name"), (picture, "image"), (looks, "prompt")]
    sheet.form([*asked, (listed, "own_prompts")], maps, saved)
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept, negative, latent]]),
            Group("2 · Where each word looks", [[looks, reading], [maps], [told]]),
        ],
        [
            Group("3 · Pictures to judge", [[listed, judging], [each, sampler, decoder], [saved], [page, path]]),
            Group("4 · Scores", [[picture, files], [mask], [masks], [metrics], [report]]),
        ],
    )
