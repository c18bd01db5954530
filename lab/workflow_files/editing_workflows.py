"""The shipped workflows that edit a picture."""

from __future__ import annotations

from .pieces import ANIME, PICTURE, REPORT_SIZE, SD15, Edit, checkpoint, prompt, square
from .sheet import Group, Model, Node, Sheet


def edit_parts(sheet: Sheet, model: Model, target_text: str, clip_skip: int | None = None) -> tuple[Node, ...]:
    """Checkpoint, picture, size, latent, source and target prompt of an edit; then the clip skip, if one is asked
    for."""
    loader = checkpoint(sheet, model)
    picture = sheet.node("LoadImage", "Picture", image=PICTURE)
    size = square(sheet, picture["IMAGE"])
    latent = sheet.node("VAEEncode", "VAE Encode", pixels=size["IMAGE"], vae=loader["VAE"])
    skip = (
        [sheet.node("CLIPSetLastLayer", "Clip skip", clip=loader["CLIP"], stop_at_clip_layer=clip_skip)]
        if clip_skip
        else []
    )
    clip = skip[0]["CLIP"] if skip else loader["CLIP"]
    source, target = (
        prompt(sheet, title, clip, text) for title, text in (("Source prompt", ""), ("Target prompt", target_text))
    )
    return loader, picture, size, latent, source, target, *skip


def edit_of(sheet: Sheet, loader: Node, latent: Node, source: Node, target: Node) -> Edit:
    """The wires of these nodes."""
    texts = source["CONDITIONING"], target["CONDITIONING"]
    return Edit(sheet, loader["MODEL"], loader["VAE"], latent["LATENT"], *texts)


def edit_a_photo(sheet: Sheet) -> None:
    loader, picture, size, latent, source, target = edit_parts(sheet, SD15, "a drawing of a sitting girl")
    empty = prompt(sheet, "Empty prompt", loader["CLIP"], "")
    edit = edit_of(sheet, loader, latent, source, target)
    optimized = edit.optimize_text()
    inversion = edit.invert(empty["CONDITIONING"])
    kept = sheet.node("SIS_SaveInversion", "Save Inversion", inversion=inversion["inversion"], name="my_photo")
    edited = edit.sample(inversion["inversion"], optimized["optimized"])
    saved = edit.save(edited["latent"], "edit")
    grid = edit.grid(inversion["inversion"], optimized["optimized"])
    saved_grid = sheet.node("SaveImage", "Save the grid", images=grid["grid"], filename_prefix="edit_grid")
    report = sheet.node("PreviewAny", "Report", source=inversion["report"])
    report.size = REPORT_SIZE
    start = sheet.note(
        "### Edit a photo\nChange the pose, place, size or kind of a subject and keep its look.\n\n1. Choose your"
        " checkpoint and picture.\n2. **Target prompt**: what the picture should become, described in full.\n3."
        " **Source prompt**: what it shows now, or empty, which often keeps the structure better.\n4. Run, click the"
        " best cell of the grid to send its *alpha* and *source_ratio* to **Edit**, and run again.",
        "Start here",
    )
    tuning = sheet.note(
        "**Nothing changes**: raise *alpha*, lower *source_ratio*.\n\n**Too much changes**: lower *alpha*, raise"
        " *source_ratio*.\n\n**Too slow**: use method *direct* or *negative_prompt*, or fewer cells in the grid."
        "\n\n**As in the papers**, slower: *solver* adam in **Inversion**; *steps* 200, *learning_rate* 0.001, constant"
        " and uniform in **Text optimisation**.",
        "Troubleshooting",
    )
    asked = [(loader, "ckpt_name"), (picture, "image"), (target, "text"), (source, "text"), (edited, "alpha")]
    sheet.form([*asked, (edited, "source_ratio")], saved[-1], saved_grid)
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader, picture]]),
            Group("2 · Prompts", [[source, target, empty]]),
            Group("4 · Try all values", [[grid, tuning], [saved_grid]]),
            Group("5 · The edit", [[edited], saved]),
        ],
        [Group("3 · The inversion", [[size, latent], [inversion], [optimized, kept], [report]])],
    )


def edit_grid(sheet: Sheet) -> None:
    loader, picture, size, latent, source, target = edit_parts(sheet, SD15, "a drawing of a jumping girl")
    inversion = sheet.node("SIS_LoadInversion", "Load Inversion", inversion_name="my_photo")
    edit = edit_of(sheet, loader, latent, source, target)
    optimized = edit.optimize_text()
    grid = edit.grid(
        inversion["inversion"],
        optimized["optimized"],
        alphas="0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1",
        source_ratios="0, 0.1, 0.2, 0.3, 0.4, 0.6",
    )
    saved_grid = sheet.node("SaveImage", "Save the grid", images=grid["grid"], filename_prefix="edit_grid/grid")
    saved_cells = sheet.node(
        "SaveImage", "Save every cell, without labels", images=grid["images"], filename_prefix="edit_grid/cell"
    )
    labels = sheet.node("PreviewAny", "What each cell is", source=grid["labels"])
    labels.size = (320, 560)  # a line for each
    edited = edit.sample(inversion["inversion"], optimized["optimized"])
    saved = edit.save(edited["latent"], "edit_grid/edit")
    start = sheet.note(
        "### alpha × source ratio\nA new edit of a photo that was inverted and saved with **edit_a_photo**. Nothing is"
        " inverted again.\n\n1. Use the same checkpoint, picture and source prompt as there.\n2. Choose the saved"
        " inversion.\n3. Write a new target prompt, in full.",
        "Start here",
    )
    reading = sheet.note(
        "**alpha** grows to the right: 0 keeps the picture, 1 follows only the target prompt.\n\n**source_ratio**"
        " grows downwards: 0.1 lets the structure change a lot, 0.4 keeps most of it.\n\nClick the best cell to send"
        " both values to **Edit**.",
        "How to read the grid",
    )
    asked = [(loader, "ckpt_name"), (picture, "image"), (inversion, "inversion_name"), (target, "text")]
    sheet.form([*asked, (source, "text"), (edited, "alpha"), (edited, "source_ratio")], saved_grid, saved[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader, picture]]),
            Group("2 · Inversion and prompts", [[inversion, source, target]]),
            Group("4 · The grid", [[grid, reading], [saved_grid]]),
            Group("5 · The chosen cell", [[edited], saved]),
        ],
        [
            Group("3 · Text optimisation", [[size, latent], [optimized]]),
            Group("6 · Cell by cell", [[labels], [saved_cells]]),
        ],
    )


def edit_on_anime_checkpoint(sheet: Sheet) -> None:
    steps = 50
    loader, picture, size, latent, source, target, skip = edit_parts(
        sheet, ANIME, "1girl, smiling, closed eyes, long hair, upper body", clip_skip=-2
    )
    empty = prompt(sheet, "Empty prompt", skip["CLIP"], "")
    edit = edit_of(sheet, loader, latent, source, target)
    optimized = edit.optimize_text()
    inversion = edit.invert(empty["CONDITIONING"], steps=steps)
    positive = sheet.node(
        "SIS_TimestepAwareConditioning",
        "Edit",
        source=source["CONDITIONING"],
        target=target["CONDITIONING"],
        steps=steps,
        optimized=optimized["optimized"],
    )
    sampler = sheet.node(
        "KSamplerAdvanced",
        "Sampler",
        model=loader["MODEL"],
        add_noise="disable",
        noise_seed=0,
        steps=steps,
        cfg=7.5,
        sampler_name="ddim",
        scheduler="ddim_uniform",
        positive=positive["positive"],
        negative=inversion["uncond"],
        latent_image=inversion["noise_latent"],
        start_at_step=0,
        end_at_step=steps,
        return_with_leftover_noise="disable",
    )
    saved = edit.save(sampler["LATENT"], "edit_anime")
    report = sheet.node("PreviewAny", "Report", source=inversion["report"])
    report.size = REPORT_SIZE
    start = sheet.note(
        "### Edit a drawing on an anime checkpoint\nAny SD 1.5 finetune can edit. Here one of ComfyUI's own samplers"
        " is used, so that you can add LoRAs and ControlNets.\n\n1. Choose your checkpoint and drawing.\n2. **Target"
        " prompt**: write it as the checkpoint expects it, usually as tags.\n3. **Clip skip**: most anime checkpoints"
        " need -2.",
        "Start here",
    )
    rules = sheet.note(
        "The sampler must use the settings of the inversion: *add_noise* **disable**, **ddim** with **ddim_uniform**,"
        " the same *steps* in all three nodes, the same *cfg*.\n\nSDE and ancestral samplers add their own noise and"
        " lose the picture.\n\n**Never bypass** (Ctrl+B) **Inversion**, **Text optimisation** or **Edit**: ComfyUI then"
        " passes on another prompt in their place. Without **Inversion** the sampler's negative is the source prompt.",
        "What must be the same",
    )
    asked = [(loader, "ckpt_name"), (picture, "image"), (target, "text"), (source, "text"), (positive, "alpha")]
    sheet.form([*asked, (positive, "source_ratio")], saved[-1])
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader], [picture, size, latent]]),
            Group("2 · Prompts", [[skip, source, target, empty]]),
            Group("3 · The inversion", [[inversion], [optimized], [report]]),
            Group("4 · ComfyUI's own sampler", [[positive, rules], [sampler], saved]),
        ]
    )
