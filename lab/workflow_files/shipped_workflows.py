"""The eight workflows that ship with the pack, described for *ui_workflow*: what an artist opens, and its API twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .sheet import Group, Model, Node, Output, Sheet

HUB = "https://huggingface.co"
SD15 = Model(
    "v1-5-pruned-emaonly.safetensors",
    f"{HUB}/stable-diffusion-v1-5/stable-diffusion-v1-5/resolve/main/v1-5-pruned-emaonly.safetensors",
    "checkpoints",
)
ANIME = Model(
    "Counterfeit-V3.0_fix_fp16.safetensors",
    f"{HUB}/gsdf/Counterfeit-V3.0/resolve/main/Counterfeit-V3.0_fix_fp16.safetensors",
    "checkpoints",
)
CANNY = Model(
    "control_v11p_sd15_canny_fp16.safetensors",
    f"{HUB}/comfyanonymous/ControlNet-v1-1_fp16_safetensors/resolve/main/control_v11p_sd15_canny_fp16.safetensors",
    "controlnet",
)
UPSCALER = Model(
    "RealESRGAN_x4plus.safetensors",
    f"{HUB}/Comfy-Org/Real-ESRGAN_repackaged/resolve/main/RealESRGAN_x4plus.safetensors",
    "upscale_models",
)
DINO = Model(
    "groundingdino_swint_ogc.pth",
    "https://github.com/IDEA-Research/GroundingDINO/releases/download/v0.1.0-alpha/groundingdino_swint_ogc.pth",
    "grounding-dino",
)
SAM = Model("sam_vit_b_01ec64.pth", "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth", "sams")
NEGATIVE = ""
REPORT_SIZE = (480, 600)  # holds that of an inversion in 50 steps


def checkpoint(sheet: Sheet, model: Model = SD15) -> Node:
    return sheet.node("CheckpointLoaderSimple", "Load Checkpoint", models=[model], ckpt_name=model.name)


def prompt(sheet: Sheet, title: str, clip: Output, text: str | Output, id: int | None = None) -> Node:
    return sheet.node("CLIPTextEncode", title, id, text=text, clip=clip)


def sampled(
    sheet: Sheet,
    suffix: str,
    model: Output,
    positive: Output,
    negative: Output,
    latent: Output,
    vae: Output,
    prefix: str,
    seed: int,
    id: int | None = None,
) -> list[Node]:
    """Sampler, decoder and Save Image, one below the other. id: the sampler's; the others follow it."""
    ids = [id + i if id else None for i in range(3)]
    sampler = sheet.node(
        "KSampler",
        f"Sampler{suffix}",
        ids[0],
        model=model,
        positive=positive,
        negative=negative,
        latent_image=latent,
        seed=seed,
        steps=30,
        cfg=7.5,
        sampler_name="euler",
        scheduler="normal",
    )
    decoder = sheet.node("VAEDecode", f"Decode{suffix}", ids[1], samples=sampler["LATENT"], vae=vae)
    return [
        sampler,
        decoder,
        sheet.node("SaveImage", f"Save{suffix}", ids[2], images=decoder["IMAGE"], filename_prefix=prefix),
    ]


def empty_latent(sheet: Sheet, batch: int, id: int | None = None) -> Node:
    return sheet.node("EmptyLatentImage", "Empty Latent", id, width=512, height=512, batch_size=batch)


LEARNED = (
    "a photo of <my_concept> face",
    "a photo of <my_concept> face on a beach",
    "a photo of <my_concept> face with red hair",
    "a photo of <my_concept> face with sunglasses and a hat",
    "a side view of <my_concept> face in a library",
    "a pencil drawing of <my_concept> face",
    # the last shows that the class word is still free
    "a marble bust of <my_concept> face in a museum",
    "a photo of a face on a beach",
)


def learn_a_concept(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    picture = sheet.node("LoadImage", "Picture", image="photo.png")
    mask = sheet.node(
        "SIS_MaskFromPrompt",
        "Mask",
        models=[DINO, SAM],
        image=picture["IMAGE"],
        prompt="face",
        detector=DINO.name,
        segmenter=SAM.name,
    )
    found = sheet.node("MaskPreview", "Found mask", 10, mask=mask["mask"])
    boxes = sheet.node("PreviewImage", "Found boxes", 11, images=mask["overlay"])
    wires: dict[str, Any] = {"model": loader["MODEL"], "clip": loader["CLIP"], "vae": loader["VAE"]}
    first = sheet.node("SIS_TrainStage1", "Stage I", 4, **wires, image=picture["IMAGE"], mask=mask["mask"])
    second = sheet.node("SIS_TrainStage2", "Stage II", 5, **wires, concept=first["concept"])
    kept = sheet.node("SIS_SaveConcept", "Save Concept", 6, concept=second["concept"], name="my_concept")
    concept = sheet.node(
        "SIS_LoadConcept", "Load Concept", 7, model=loader["MODEL"], clip=loader["CLIP"], concept_name=kept["saved_as"]
    )
    latent = empty_latent(sheet, 2, 8)
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE, 9)
    columns = []
    for number, text in enumerate(LEARNED, 1):
        positive = prompt(sheet, f"Prompt {number}", concept["clip"], text, 10 + 10 * number)
        columns.append(
            [
                positive,
                *sampled(
                    sheet,
                    f" {number}",
                    concept["model"],
                    positive["CONDITIONING"],
                    negative["CONDITIONING"],
                    latent["LATENT"],
                    loader["VAE"],
                    f"learn_a_concept/prompt_{number}",
                    number,
                    11 + 10 * number,
                ),
            ]
        )
    start = sheet.note(
        "### Learn a concept from one picture\n1. Choose your checkpoint and picture.\n2. **Mask**: write what the"
        " subject is.\n3. **Stage I**: write its class word.\n4. **Save Concept**: give it a name.\n5. Write the name"
        " and class word in the prompts below.\n\nAbout five minutes on a good GPU.",
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
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader], [picture]]),
            Group("2 · Mask", [[mask, painting], [found, boxes]]),
            Group("3 · Learn", [[first], [second], [kept, tuning]]),
        ],
        [Group("4 · Use it", [[concept, negative, latent]]), Group("5 · Prompts and pictures", columns)],
    )


def use_a_concept(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = sheet.node(
        "SIS_LoadConcept", "Load Concept", model=loader["MODEL"], clip=loader["CLIP"], concept_name="my_concept"
    )
    positive = prompt(sheet, "Prompt", concept["clip"], "a photo of <my_concept> face with sunglasses on a beach")
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    latent = empty_latent(sheet, 4)
    drawn = sampled(
        sheet,
        "",
        concept["model"],
        positive["CONDITIONING"],
        negative["CONDITIONING"],
        latent["LATENT"],
        loader["VAE"],
        "use_a_concept",
        1,
    )
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
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept]]),
            Group("2 · Prompt", [[positive, negative, latent], [tuning]]),
            Group("3 · Pictures", [drawn[:2], drawn[2:]]),
        ]
    )


def compose_three_concepts(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    model, clip, loaders = loader["MODEL"], loader["CLIP"], []
    for number, name in enumerate(("my_face", "my_sunglasses", "my_hat"), 1):
        loaders.append(
            sheet.node(
                "SIS_LoadConcept",
                f"Load Concept {number}",
                model=model,
                clip=clip,
                concept_name=name,
                strength_model=0.8,
                strength_clip=0.8,
            )
        )
        model, clip = loaders[-1]["model"], loaders[-1]["clip"]
    positive = prompt(
        sheet,
        "Prompt",
        clip,
        "a photo of <my_face> face wearing <my_sunglasses> sunglasses and a <my_hat> hat, in a garden",
    )
    negative = prompt(sheet, "Negative Prompt", clip, NEGATIVE)
    latent = empty_latent(sheet, 4)
    drawn = sampled(
        sheet,
        "",
        model,
        positive["CONDITIONING"],
        negative["CONDITIONING"],
        latent["LATENT"],
        loader["VAE"],
        "compose_three_concepts",
        1,
    )
    start = sheet.note(
        "### Three concepts in one picture\nA face, a pair of sunglasses and a hat, each learned separately with"
        " **learn_a_concept**. They need no training together.\n\n1. Choose your three concepts.\n2. Write all three"
        " phrases in the prompt: each name in angle brackets and its class word.",
        "Start here",
    )
    tuning = sheet.note(
        "**Do they mix?** Lower *strength_model* and *strength_clip* of the one that affects the others; 0.8 is a good"
        " start for three, 0 uses only the learned word.\n\n**Only two?** Bypass a Load Concept (Ctrl+B) and remove"
        " its phrase from the prompt.",
        "Troubleshooting",
    )
    sheet.lay(
        [
            Group("1 · Checkpoint", [[start, loader]]),
            Group("2 · Three concepts, one after another", [[node] for node in loaders]),
            Group("3 · Prompt", [[positive, negative, latent], [tuning]]),
            Group("4 · Pictures", [drawn[:2], drawn[2:]]),
        ]
    )


VIEWS = ("a side view of", "a view from above of", "a close-up from below of")


def views_and_editing_prompts(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = sheet.node(
        "SIS_LoadConcept", "Load Concept", model=loader["MODEL"], clip=loader["CLIP"], concept_name="my_concept"
    )
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    latent = empty_latent(sheet, 1)
    columns = []
    for number, view in enumerate(VIEWS, 1):
        positive = prompt(sheet, f"View {number}", concept["clip"], f"{view} <my_concept> face")
        columns.append(
            [
                positive,
                *sampled(
                    sheet,
                    f" {number}",
                    concept["model"],
                    positive["CONDITIONING"],
                    negative["CONDITIONING"],
                    latent["LATENT"],
                    loader["VAE"],
                    f"views/view_{number}",
                    number,
                ),
            ]
        )
    listed = sheet.node("SIS_EditingPrompts", "Editing Prompts", phrase=concept["phrase"])
    score = sheet.node("PreviewAny", "Score sheet", source=listed["checklist"])
    score.size, score.room = (640, 780), 40  # shows all ten prompts at once
    each = prompt(sheet, "One prompt at a time", concept["clip"], listed["prompts"])
    drawn = sampled(
        sheet,
        " of each prompt",
        concept["model"],
        each["CONDITIONING"],
        negative["CONDITIONING"],
        latent["LATENT"],
        loader["VAE"],
        "views/editing_prompt",
        1,
    )
    start = sheet.note(
        "### New views, and a test of how freely a concept can be edited\n1. Choose your checkpoint and concept.\n2."
        " Write its phrase in the three views.\n\nThe ten editing prompts get the phrase automatically.",
        "Start here",
    )
    scoring = sheet.note(
        "Everything after **Editing Prompts** runs once for each prompt: ten pictures.\n\n**Score them** with the"
        " score sheet. The paper makes ten pictures per prompt: set *batch_size* to 10.\n\n**Not a face?** Choose"
        " *dreambooth_object* or *dreambooth_live* (25 prompts).",
        "Scoring",
    )
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept, negative, latent]]),
            Group("2 · New views", columns),
        ],
        [Group("3 · The ten editing prompts", [[listed, scoring], [score], [each, drawn[0]], drawn[1:]])],
    )


def edit_parts(sheet: Sheet, model: Model, target_text: str, clip_skip: int | None = None) -> tuple[Node, ...]:
    """Checkpoint, picture, size, latent, source and target prompt of an edit; then the clip skip, if one is asked
    for."""
    loader = checkpoint(sheet, model)
    picture = sheet.node("LoadImage", "Picture", image="photo.png")
    size = sheet.node(
        "ImageScale", "Size", image=picture["IMAGE"], upscale_method="lanczos", width=512, height=512, crop="center"
    )
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


def edit_a_photo(sheet: Sheet) -> None:
    loader, picture, size, latent, source, target = edit_parts(sheet, SD15, "a photo of a sitting dog")
    empty = prompt(sheet, "Empty prompt", loader["CLIP"], "")
    optimized = sheet.node(
        "SIS_ImagicTextOptimize",
        "Text optimisation",
        model=loader["MODEL"],
        target=target["CONDITIONING"],
        latent=latent["LATENT"],
    )
    inversion = sheet.node(
        "SIS_NullTextInvert",
        "Inversion",
        model=loader["MODEL"],
        latent=latent["LATENT"],
        source=source["CONDITIONING"],
        uncond=empty["CONDITIONING"],
        vae=loader["VAE"],
    )
    kept = sheet.node("SIS_SaveInversion", "Save Inversion", inversion=inversion["inversion"], name="my_photo")
    edit = sheet.node(
        "SIS_TimestepAwareKSampler",
        "Edit",
        model=loader["MODEL"],
        inversion=inversion["inversion"],
        source=source["CONDITIONING"],
        target=target["CONDITIONING"],
        optimized=optimized["optimized"],
    )
    decoder = sheet.node("VAEDecode", "VAE Decode", samples=edit["latent"], vae=loader["VAE"])
    saved = sheet.node("SaveImage", "Save the edit", images=decoder["IMAGE"], filename_prefix="edit")
    grid = sheet.node(
        "SIS_EditGrid",
        "Edit Grid",
        model=loader["MODEL"],
        vae=loader["VAE"],
        inversion=inversion["inversion"],
        source=source["CONDITIONING"],
        target=target["CONDITIONING"],
        optimized=optimized["optimized"],
    )
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
        " *source_ratio*.\n\n**Too slow**: use method *direct* or *negative_prompt*, or fewer cells in the grid.",
        "Troubleshooting",
    )
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader], [picture, size, latent]]),
            Group("2 · Prompts", [[source, target, empty]]),
            Group("3 · Invert", [[inversion], [optimized, kept], [report]]),
            Group("4 · Try all values", [[grid, tuning], [saved_grid]]),
            Group("5 · The edit", [[edit], [decoder, saved]]),
        ]
    )


def edit_grid(sheet: Sheet) -> None:
    loader, picture, size, latent, source, target = edit_parts(sheet, SD15, "a photo of a jumping dog")
    inversion = sheet.node("SIS_LoadInversion", "Load Inversion", inversion_name="my_photo")
    optimized = sheet.node(
        "SIS_ImagicTextOptimize",
        "Text optimisation",
        model=loader["MODEL"],
        target=target["CONDITIONING"],
        latent=latent["LATENT"],
    )
    grid = sheet.node(
        "SIS_EditGrid",
        "Edit Grid",
        model=loader["MODEL"],
        vae=loader["VAE"],
        inversion=inversion["inversion"],
        source=source["CONDITIONING"],
        target=target["CONDITIONING"],
        optimized=optimized["optimized"],
        alphas="0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1",
        source_ratios="0, 0.1, 0.2, 0.3, 0.4, 0.6",
    )
    saved_grid = sheet.node("SaveImage", "Save the grid", images=grid["grid"], filename_prefix="edit_grid/grid")
    saved_cells = sheet.node("SaveImage", "Save every cell", images=grid["images"], filename_prefix="edit_grid/cell")
    labels = sheet.node("PreviewAny", "What each cell is", source=grid["labels"])
    edit = sheet.node(
        "SIS_TimestepAwareKSampler",
        "Edit",
        model=loader["MODEL"],
        inversion=inversion["inversion"],
        source=source["CONDITIONING"],
        target=target["CONDITIONING"],
        optimized=optimized["optimized"],
    )
    decoder = sheet.node("VAEDecode", "VAE Decode", samples=edit["latent"], vae=loader["VAE"])
    saved = sheet.node("SaveImage", "Save the edit", images=decoder["IMAGE"], filename_prefix="edit_grid/edit")
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
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader], [picture, size, latent]]),
            Group("2 · Inversion and prompts", [[inversion, source, target], [optimized]]),
            Group("3 · The grid", [[grid, reading], [saved_grid, labels], [saved_cells]]),
            Group("4 · The chosen cell", [[edit], [decoder, saved]]),
        ]
    )


def concept_controlnet_upscale(sheet: Sheet) -> None:
    loader = checkpoint(sheet)
    concept = sheet.node(
        "SIS_LoadConcept", "Load Concept", model=loader["MODEL"], clip=loader["CLIP"], concept_name="my_concept"
    )
    positive = prompt(sheet, "Prompt", concept["clip"], "a photo of <my_concept> face as an astronaut")
    negative = prompt(sheet, "Negative Prompt", concept["clip"], NEGATIVE)
    pose = sheet.node("LoadImage", "Pose", image="pose.png")
    size = sheet.node(
        "ImageScale", "Size", image=pose["IMAGE"], upscale_method="lanczos", width=512, height=512, crop="center"
    )
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
    drawn = sampled(
        sheet,
        "",
        concept["model"],
        control["positive"],
        control["negative"],
        latent["LATENT"],
        loader["VAE"],
        "controlnet/small",
        1,
    )
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
        steps=30,
        cfg=7.5,
        sampler_name="euler",
        scheduler="normal",
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
    sheet.lay(
        [
            Group("1 · Checkpoint and concept", [[start, loader], [concept]]),
            Group("2 · Prompt", [[positive, negative, latent]]),
            Group("3 · Pose", [[pose, size], [edges, shown], [net, control, tuning]]),
            Group("4 · First picture", [drawn[:2], drawn[2:]]),
            Group("5 · Larger, with new detail", [[upscaler, larger, fitted, encoded], [second, decoder], [saved]]),
        ]
    )


def edit_on_anime_checkpoint(sheet: Sheet) -> None:
    steps = 50
    loader, picture, size, latent, source, target, skip = edit_parts(
        sheet, ANIME, "1girl, smiling, closed eyes, long hair, upper body", clip_skip=-2
    )
    empty = prompt(sheet, "Empty prompt", skip["CLIP"], "")
    optimized = sheet.node(
        "SIS_ImagicTextOptimize",
        "Text optimisation",
        model=loader["MODEL"],
        target=target["CONDITIONING"],
        latent=latent["LATENT"],
    )
    inversion = sheet.node(
        "SIS_NullTextInvert",
        "Inversion",
        model=loader["MODEL"],
        latent=latent["LATENT"],
        source=source["CONDITIONING"],
        uncond=empty["CONDITIONING"],
        vae=loader["VAE"],
        steps=steps,
    )
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
    decoder = sheet.node("VAEDecode", "VAE Decode", samples=sampler["LATENT"], vae=loader["VAE"])
    saved = sheet.node("SaveImage", "Save the edit", images=decoder["IMAGE"], filename_prefix="edit_anime")
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
        " lose the picture.",
        "What must be the same",
    )
    sheet.lay(
        [
            Group("1 · Checkpoint and picture", [[start, loader], [picture, size, latent]]),
            Group("2 · Prompts", [[skip, source, target, empty]]),
            Group("3 · Invert", [[inversion], [optimized], [report]]),
            Group("4 · ComfyUI's own sampler", [[positive, rules], [sampler], [decoder, saved]]),
        ]
    )


WORKFLOWS: dict[str, Callable[[Sheet], None]] = {
    describe.__name__: describe
    for describe in (
        learn_a_concept,
        use_a_concept,
        compose_three_concepts,
        views_and_editing_prompts,
        edit_a_photo,
        edit_grid,
        concept_controlnet_upscale,
        edit_on_anime_checkpoint,
    )
}
