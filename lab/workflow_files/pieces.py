"""What several shipped workflows share: the files that they name, and nodes that always stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .sheet import Model, Node, Output, Sheet

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
# original checkpoints as .safetensors at Hugging Face: what the page offers to download (see masking/catalogue.py)
DINO = Model(
    "groundingdino_swint_ogc.safetensors",
    f"{HUB}/1038lab/GroundingDINO/resolve/main/groundingdino_swint_ogc.safetensors",
    "grounding-dino",
)
SAM = Model("sam_vit_b_01ec64.safetensors", f"{HUB}/lmz/candle-sam/resolve/main/sam_vit_b_01ec64.safetensors", "sams")
SAM3 = Model(
    "sam3.1_multiplex_fp16.safetensors",
    f"{HUB}/Comfy-Org/sam3.1/resolve/main/checkpoints/sam3.1_multiplex_fp16.safetensors",
    "checkpoints",
)
PICTURE = "example.png"  # which every ComfyUI has in its input folder
NEGATIVE = ""
# the quicker ways, whose edits are as good as the papers' defaults: docs/reports/FAST_EDITING.md
QUICK_TEXT: dict[str, Any] = {
    "steps": 50,
    "learning_rate": 0.008,
    "rate_schedule": "cosine",
    "timesteps": "golden_ratio",
}
QUICK_SOLVER = "line_search"
FINDS = 340  # pixels below a node that shows several finds to choose from, beside its picture
FOUND_PLACES = 150  # pixels below a node that shows the places that its concept found
REPORT_SIZE = (480, 600)  # holds that of an inversion in 50 steps
SAMPLING: dict[str, Any] = {"steps": 30, "cfg": 7.5, "sampler_name": "euler", "scheduler": "normal"}


def checkpoint(sheet: Sheet, model: Model = SD15) -> Node:
    return sheet.node("CheckpointLoaderSimple", "Load Checkpoint", models=[model], ckpt_name=model.name)


def prompt(sheet: Sheet, title: str, clip: Output, text: str | Output, id: int | None = None) -> Node:
    return sheet.node("CLIPTextEncode", title, id, text=text, clip=clip)


def empty_latent(sheet: Sheet, batch: int, id: int | None = None) -> Node:
    return sheet.node("EmptyLatentImage", "Empty Latent", id, width=512, height=512, batch_size=batch)


def mask_from_prompt(
    sheet: Sheet,
    image: Output,
    what: str = "face",
    title: str = "Mask",
    models: Sequence[Model] = (DINO, SAM),
    **more: Any,
) -> Node:
    """models: the files that it uses; without words there is no detector among them."""
    return sheet.node(
        "SIS_MaskFromPrompt",
        title,
        models=models,
        image=image,
        prompt=what,
        detector=DINO.name,
        segmenter=SAM.name,
        **more,
    )


def load_concept(sheet: Sheet, loader: Node) -> Node:
    return load_concepts(sheet, loader, ["my_concept"])[0]


def load_concepts(sheet: Sheet, loader: Node, names: Sequence[str], regions: Sequence[Output] = ()) -> list[Node]:
    """One below the other and kept apart. regions: of each; else each finds its own and shows it below itself."""
    model, clip, loaded = loader["MODEL"], loader["CLIP"], list[Node]()
    for number, name in enumerate(names, 1):
        title = f"Load Concept {number}" if len(names) > 1 else "Load Concept"
        region = {"region": regions[number - 1]} if regions else {}
        wires: dict[str, Any] = {"model": model, "clip": clip, **region}
        loaded.append(sheet.node("SIS_LoadConcept", title, **wires, concept_name=name, keep_apart=True))
        loaded[-1].room = 0 if regions else FOUND_PLACES
        model, clip = loaded[-1]["model"], loaded[-1]["clip"]
    return loaded


def square(sheet: Sheet, image: Output) -> Node:
    """A picture cropped and scaled to what SD 1.5 was trained on."""
    return sheet.node("ImageScale", "Size", image=image, upscale_method="lanczos", width=512, height=512, crop="center")


@dataclass(frozen=True)
class Drawing:
    """What all pictures of one kind are drawn with; only prompts and seeds differ."""

    sheet: Sheet
    model: Output
    negative: Output
    latent: Output
    vae: Output

    def picture(
        self, positive: Output, prefix: str, seed: int = 1, suffix: str = "", id: int | None = None
    ) -> list[Node]:
        """Sampler, decoder and Save Image, one below the other.

        prefix: of the saved file. suffix: of the titles. id: the sampler's; the others follow it.
        """
        ids = [id + i if id else None for i in range(3)]
        sampler = self.sheet.node(
            "KSampler",
            f"Sampler{suffix}",
            ids[0],
            model=self.model,
            positive=positive,
            negative=self.negative,
            latent_image=self.latent,
            seed=seed,
            **SAMPLING,
        )
        decoder = self.sheet.node("VAEDecode", f"Decode{suffix}", ids[1], samples=sampler["LATENT"], vae=self.vae)
        saved = self.sheet.node("SaveImage", f"Save{suffix}", ids[2], images=decoder["IMAGE"], filename_prefix=prefix)
        return [sampler, decoder, saved]


def drawn_with(sheet: Sheet, concept: Node, negative: Node, latent: Node, loader: Node) -> Drawing:
    """Pictures of a concept."""
    return Drawing(sheet, concept["model"], negative["CONDITIONING"], latent["LATENT"], loader["VAE"])


@dataclass(frozen=True)
class Edit:
    """The wires that the nodes of an edit share."""

    sheet: Sheet
    model: Output
    vae: Output
    latent: Output
    source: Output
    target: Output

    def optimize_text(self) -> Node:
        return self.sheet.node(
            "SIS_ImagicTextOptimize",
            "Text optimisation",
            model=self.model,
            target=self.target,
            latent=self.latent,
            **QUICK_TEXT,
        )

    def invert(self, uncond: Output, **more: Any) -> Node:
        return self.sheet.node(
            "SIS_NullTextInvert",
            "Inversion",
            model=self.model,
            latent=self.latent,
            source=self.source,
            uncond=uncond,
            vae=self.vae,
            solver=QUICK_SOLVER,
            **more,
        )

    def sample(self, inversion: Output, optimized: Output) -> Node:
        return self.sheet.node(
            "SIS_TimestepAwareKSampler",
            "Edit",
            model=self.model,
            inversion=inversion,
            source=self.source,
            target=self.target,
            optimized=optimized,
        )

    def grid(self, inversion: Output, optimized: Output, **more: Any) -> Node:
        return self.sheet.node(
            "SIS_EditGrid",
            "Edit Grid",
            model=self.model,
            vae=self.vae,
            inversion=inversion,
            source=self.source,
            target=self.target,
            optimized=optimized,
            edits_at_once=0,
            **more,
        )

    def save(self, latent: Output, prefix: str) -> list[Node]:
        """Decoder and Save Image."""
        decoder = self.sheet.node("VAEDecode", "VAE Decode", samples=latent, vae=self.vae)
        return [decoder, self.sheet.node("SaveImage", "Save the edit", images=decoder["IMAGE"], filename_prefix=prefix)]
