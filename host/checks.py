"""Refuses what the methods cannot work on, in one sentence, before anything is touched."""

from __future__ import annotations

from typing import Any

import comfy.latent_formats
import comfy.model_base
import comfy.model_sampling

from ..diffusion.ddim import TRAIN_STEPS
from ..support.errors import InputError
from ..support.kinds import UNKNOWN, kind_of_latents, kind_of_width


def _other_layers(base: Any) -> str:
    """What a model is whose widths and layers are not SD 1.x's; "" for one whose are."""
    if not isinstance(base, comfy.model_base.BaseModel):
        return f"a {type(base).__name__}"
    if isinstance(base, comfy.model_base.SDXL) or getattr(base, "adm_channels", False):
        return "an SDXL-like model"
    config = base.model_config.unet_config
    if not isinstance(base.latent_format, comfy.latent_formats.SD15):
        return f"a {type(base).__name__} model"
    if config.get("use_linear_in_transformer") or config.get("context_dim") == 1024:
        return "an SD 2.x model"
    return "a video model" if config.get("use_temporal_attention") else ""


def _other_prediction(base: Any) -> str:
    """What a model is that has SD 1.x's layers but predicts something else, or from something else."""
    if base.model_type != comfy.model_base.ModelType.EPS:
        return f"a {base.model_type.name.lower().replace('_', '-')} model"
    if base.model_config.unet_config.get("in_channels", 4) != 4:
        return "an inpainting or other model with extra input channels"
    return ""


def _predicts_eps(model: Any) -> bool:
    """Nodes such as ModelSamplingDiscrete may have changed it on the wire."""
    sampling = model.get_model_object("model_sampling")
    return (
        getattr(type(sampling), "calculate_denoised", None) is comfy.model_sampling.EPS.calculate_denoised
        and len(getattr(sampling, "sigmas", ())) == TRAIN_STEPS
    )


def require_sd1(model: Any) -> None:
    """For learning and editing.

    Raises: InputError unless the MODEL is an epsilon-predicting Stable Diffusion 1.x UNet.
    """
    require_sd1_layers(model)
    kind = _other_prediction(model.model)
    if not kind and not _predicts_eps(model):
        kind = f"patched to another kind of prediction ({type(model.get_model_object('model_sampling')).__name__})"
    _refuse(kind)


def require_sd1_layers(model: Any) -> None:
    """For using a concept, which needs SD 1.x's widths and layers and nothing else: LCM, v-prediction and inpainting
    models will do.

    Raises: InputError unless the MODEL has them.
    """
    _refuse(_other_layers(getattr(model, "model", None)))


def _refuse(kind: str) -> None:
    if kind:
        raise InputError(
            f"`model` is {kind}, and this works on Stable Diffusion 1.x: load an SD 1.4 or 1.5 checkpoint, or any"
            " finetune of one."
        )


def text_width(clip: Any) -> int:
    """How many numbers a token's embedding has (768 in SD 1.5)."""
    return int(clip.cond_stage_model.clip_l.transformer.get_input_embeddings().weight.shape[1])


def require_sd1_clip(clip: Any, model: Any | None = None) -> None:
    """Raises: InputError unless the CLIP is SD 1.x's single text encoder, of the width that `model` reads."""
    if clip is None:
        raise InputError(
            "`clip` is empty: the loaded file holds no text encoder; load a full SD 1.5 checkpoint, or add a Load CLIP."
        )
    stage = getattr(clip, "cond_stage_model", None)
    other = _other_text_encoder(stage)
    if other:
        raise InputError(
            f"`clip` is a text encoder of {other}, and this works on Stable Diffusion 1.x: connect the checkpoint's own"
            " CLIP."
        )
    if model is not None:
        wanted, found = model.model.model_config.unet_config.get("context_dim"), text_width(clip)
        if wanted is not None and wanted != found:
            raise InputError(
                f"`clip` seems to be made for {kind_of_width(found)}, and `model` cannot read it: connect both to the"
                " same checkpoint."
            )


def _other_text_encoder(stage: Any) -> str:
    """Whose text encoder it is that is not SD 1.x's CLIP-L alone; "" for one that is."""
    if hasattr(stage, "t5xxl"):
        return "Stable Diffusion 3, Flux or a like model"
    if hasattr(stage, "clip_g"):
        return "SDXL"
    if hasattr(stage, "clip_h"):
        return "Stable Diffusion 2.x"
    return "" if hasattr(stage, "clip_l") else UNKNOWN


def require_vae(vae: Any) -> None:
    """Raises: InputError unless the VAE has SD 1.x's four latent channels."""
    if vae is None or getattr(vae, "first_stage_model", None) is None:
        raise InputError(
            "`vae` is empty: the loaded file holds no VAE; load a full SD 1.5 checkpoint, or add a Load VAE."
        )
    dimensions = getattr(vae, "latent_dim", 2)
    if (vae.latent_channels, dimensions) != (4, 2):
        raise InputError(
            f"`vae` seems to be made for {kind_of_latents(vae.latent_channels, dimensions)}, and this works on Stable"
            " Diffusion 1.x: connect the checkpoint's own VAE."
        )
