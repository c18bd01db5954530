"""Noise masks of LATENT wires, and the same masks for stock samplers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import comfy.hooks
import comfy.sampler_helpers
import torch
from torch import Tensor

from ..inversion.noise_mask import KnownPath, mixed
from ..support.errors import InputError
from ..support.finite import NOT_FINITE, are_finite
from .conditioning import Conditioning

KEY = "single_image_studio.noise_mask"
_PREDICT_NOISE = "predict_noise"


def noise_mask_of(latent: Mapping[str, Any], shape: Sequence[int], name: str = "latent") -> Tensor | None:
    """A LATENT's noise mask, resized as the host does: (B, 1, h, w) in [0, 1]; None where everything may change.

    shape: the latents', (B, 4, h, w). name: the wire's.
    Raises: InputError when it is no mask, or holds numbers that are not finite.
    """
    mask = latent.get("noise_mask")
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.is_complex() or mask.dim() < 2 or not mask.numel():
        raise InputError(f"the noise mask of `{name}` is no mask of pictures: make the mask again.")
    with torch.inference_mode(False), torch.no_grad():
        mask = comfy.sampler_helpers.prepare_mask(mask.clone().float(), shape, "cpu")[:, :1]
    if not are_finite(mask):
        raise InputError(f"the noise mask of `{name}` holds {NOT_FINITE}: make the mask again.")
    return None if (mask == 1).all() else mask


def mask_at(mask: Tensor, sigma: Tensor, guider: Any, model_options: Mapping[str, Any]) -> Tensor:
    """The mask at a noise level, which a patch such as Differential Diffusion lets change.

    sigma: (B,). guider: the host's, while it samples. model_options: what the host gives its samplers.
    """
    change = model_options.get("denoise_mask_function")
    if change is None:
        return mask
    sigmas = model_options["transformer_options"]["sample_sigmas"]
    return change(sigma, mask, extra_options={"model": guider, "sigmas": sigmas})  # type: ignore[no-any-return]


def keeping_outside(conditioning: Conditioning, mask: Tensor, path: KnownPath, clean: Tensor) -> list[list[Any]]:
    """The same conditioning, with which a stock sampler keeps what is outside a noise mask.

    It carries the mask as a hook: the sampler's own masking starts from the LATENT that it is given, which is noise
    here.
    mask: (B, 1, h, w). path: of the inversion. clean: the picture's latents, (B, 4, h, w).
    """
    hook = comfy.hooks.TransformerOptionsHook(
        {"wrappers": {_PREDICT_NOISE: {KEY: [_masked_prediction(mask, path, clean)]}}}
    )
    group = comfy.hooks.HookGroup()
    group.add(hook)
    combine = comfy.hooks.HookGroup.combine_all_hooks
    return [[entry, {**options, "hooks": combine([options.get("hooks"), group])}] for entry, options in conditioning]


def _masked_prediction(mask: Tensor, path: KnownPath, clean: Tensor) -> Callable[..., Tensor]:
    """A wrapper of the host's `predict_noise` (which predicts the clean picture): its KSamplerX0Inpaint, with a known
    path in place of fresh noise."""

    def predict(executor: Any, x: Tensor, sigma: Tensor, model_options: dict[str, Any], seed: Any) -> Tensor:
        level = float(sigma[0])
        sigmas = model_options["transformer_options"]["sample_sigmas"]
        inside = mask_at(mask.to(x), sigma, executor.class_obj, model_options)
        known, x0 = (part.to(x) for part in path.at(level))
        if sigmas[-1] == 0 and level <= float(sigmas[-2]):  # the sampler lands on what it predicts here
            x0 = clean.to(x)
        prediction = executor(mixed(x, known, inside), sigma, model_options, seed)
        return mixed(prediction, x0, inside)

    return predict
