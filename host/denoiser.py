"""The graph's MODEL and CLIP as a differentiable denoiser, in the terms of the papers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import comfy.model_management
import torch
from torch import Tensor

from ..diffusion.process import eps_from_x0
from . import text
from .gradients import PRECISIONS, checkpointed_blocks, gradients, out_of_place_text_encoder
from .scale import alpha_bar_of, sigmas_of, x_of
from .vae import Posterior

OUT_OF_MEMORY: tuple[type[BaseException], ...] = (comfy.model_management.OOM_EXCEPTION, MemoryError)


class Denoiser:
    """Predictions of a loaded SD 1.x model, with gradients. Made by `open_denoiser`.

    alpha_bar: (1000,) float32, on the device. checkpointing: recompute blocks in backward; may be switched at any time.
    """

    def __init__(self, patcher: Any, clip: Any, posterior: Posterior | None, class_word: str) -> None:
        self.patcher = patcher
        self.base = patcher.model
        self.clip = clip
        self.device: torch.device = patcher.load_device
        self.sigmas = sigmas_of(self.base.model_sampling, self.device)
        self.alpha_bar = alpha_bar_of(self.sigmas)
        self.checkpointing = False
        self._posterior = posterior
        self._class = text.class_tokens(clip, class_word) if clip is not None else []

    @property
    def compute_dtype(self) -> torch.dtype:
        return self.base.manual_cast_dtype or self.base.get_dtype()  # type: ignore[no-any-return]

    def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """The clean latents that the model sees in noisy ones: (B, 4, h, w) float32.

        latents: (B, 4, h, w), VP scale. timesteps: (B,) int64, 0 is cleanest. context: (1 or B, n, width).
        """
        sigma = self.sigmas[timesteps]
        x = x_of(latents, sigma)
        options = dict(self.patcher.model_options.get("transformer_options", {}))
        options |= {"sigmas": sigma, "cond_or_uncond": [0]}
        context = context.to(self.device).expand(len(latents), -1, -1)
        return self.base.apply_model(x, sigma, c_crossattn=context, transformer_options=options).float()  # type: ignore[no-any-return]

    def predict_eps(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """The noise that the model sees; arguments as in `predict_x0`."""
        return eps_from_x0(latents, self.predict_x0(latents, timesteps, context), self.alpha_bar[timesteps])

    def encode(self, embedding: Tensor | None) -> Tensor:
        """Encodes "* class" with the embedding in the place of "*", or the class word alone: (1, 77, width).

        embedding: (n, width), one row a token, or None.
        """
        star = [] if embedding is None else [(row, 1.0) for row in embedding]
        return text.encode(self.clip, [*star, *self._class]).to(self.device)

    def draw_latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples of the VAE's posterior, in the model's scaled latent space: (count, 4, h, w)."""
        if self._posterior is None:
            raise ValueError("this denoiser was opened without a picture")
        sample = self._posterior.sample(count, generator)
        return self.base.process_latent_in(sample).float().to(self.device)  # type: ignore[no-any-return]

    def micro_batch(self, batch: int) -> int:
        """How many samples are likely to fit at once, halving from `batch`; running out of memory later halves
        again."""
        if self.device.type == "cpu" or self._posterior is None:
            return batch
        # An inference estimate covers one layer's activations at a time; backward keeps them all. The factor is a guess
        # on the safe side of what a full-size model showed (docs/full_size.md); the halving corrects it.
        one = self.base.memory_required([1, *self._posterior.mean.shape[1:]]) * (4 if self.checkpointing else 12)
        free = comfy.model_management.get_free_memory(self.device)
        while batch > 1 and one * batch > free:
            batch = (batch + 1) // 2
        return batch


def with_precision(model: Any, precision: str) -> Any:
    """A clone that computes in the given dtype whatever its weights are stored in; "auto" keeps the model's own."""
    clone = model.clone()
    if precision != "auto":
        clone.set_model_compute_dtype(PRECISIONS[precision])
    return clone


@contextlib.contextmanager
def open_denoiser(
    model: Any, clip: Any | None, posterior: Posterior | None, class_word: str, precision: str = "auto"
) -> Iterator[Denoiser]:
    """Loads the graph's models for training and yields a `Denoiser`; leaves MODEL and CLIP as they were.

    model: a MODEL wire, with whatever LoRAs and patches are on it. clip: a CLIP wire or None.
    precision: auto, fp32, bf16 or fp16.
    """
    model = with_precision(model, precision)
    patchers = (model,) if clip is None else (model, clip.clone().patcher)
    with contextlib.ExitStack() as stack:
        loaded = stack.enter_context(gradients(*patchers))
        own_clip = None
        if clip is not None:
            own_clip = clip.clone()
            own_clip.patcher = loaded[1]
            own_clip.cond_stage_model = loaded[1].model
            stack.enter_context(out_of_place_text_encoder(own_clip.cond_stage_model))
        denoiser = Denoiser(loaded[0], own_clip, posterior, class_word)
        stack.enter_context(checkpointed_blocks(loaded[0].model.diffusion_model, lambda: denoiser.checkpointing))
        yield denoiser


def free_memory_after(error: BaseException) -> None:
    """Lets go of what a failed step held, so that a smaller one can be tried."""
    logging.info("out of memory: %s", error)
    comfy.model_management.soft_empty_cache()


class PeakMemory:
    """The most memory that the work has used: on the GPU what torch allocated, on the CPU the process's resident
    set."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def gigabytes(self) -> float | None:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**30
        try:
            import resource
        except ImportError:  # Windows
            return None
        import sys

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
