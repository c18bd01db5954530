"""The graph's MODEL and CLIP as training sees them: the terms of SingleInsert over the one door to the UNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import comfy.model_management
import torch
from torch import Tensor

from ..diffusion.ddim import DDIMSchedule
from ..support.finite import OTHER_WEIGHTS, require_finite
from . import text
from .checks import text_width
from .memory import OUT_OF_MEMORY, even_split, free_memory_after, graph_bytes
from .session import UnetSession
from .unet import Unet
from .vae import Posterior

T = TypeVar("T")
_PROMPT = "prompt"  # the one conditioning of a training; its embeddings change with every call
PROMPT_GRAPHS = 150 * 2**20  # bytes of the image encoder's and the text encoder's graphs


class ConceptModel:
    """Predictions under "* class" and "class", with gradients. Made by `with_concept_model`.

    alpha_bar: (1000,) float32, on the device. checkpointing: recompute blocks in backward; may be switched at any time.
    """

    out_of_memory = OUT_OF_MEMORY

    def __init__(self, unet: Unet, posterior: Posterior, class_word: str) -> None:
        self.unet, self.clip = unet, unet.clip
        self.device, self.alpha_bar = unet.device, unet.alpha_bar
        self._posterior = posterior
        self._class = text.class_tokens(self.clip, class_word)
        self._clip_tried = False

    @property
    def checkpointing(self) -> bool:
        return self.unet.checkpointing

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        self.unet.checkpointing = wanted

    @property
    def compute_dtype(self) -> torch.dtype:
        return self.unet.compute_dtype

    def predict_x0(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """The clean latents that the model sees in noisy ones: (B, 4, h, w) float32.

        latents: (B, 4, h, w), VP scale. timesteps: (B,) int64, 0 is cleanest. context: (1 or B, n, width).
        """
        prompt = self.unet.prompts[_PROMPT].with_context(context.expand(len(latents), -1, -1))
        (x0,) = self.unet.predict_x0(latents, timesteps, [prompt])
        return x0

    def encode(self, embedding: Tensor | None, prompt: str = "*") -> Tensor:
        """Encodes "* class" with the embedding in the place of "*", or the class word alone: (1, 77, width).

        embedding: (n, width), one row a token, or None. prompt: the words around it, which stand at *.
        Raises: InputError when the first encoding, before anything is learned, is not finite.
        """
        star = [] if embedding is None else [(row, 1.0) for row in embedding]
        before, after = text.tokens_around(self.clip, prompt)
        encoded = text.encode(self.clip, [*before, *star, *self._class, *after]).to(self.device)
        if not self._clip_tried:
            require_finite("clip", OTHER_WEIGHTS, encoded, verb="gives")
            self._clip_tried = True
        return encoded

    def draw_latents(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples of the VAE's posterior, in the model's scaled latent space: (count, 4, h, w)."""
        sample = self._posterior.sample(count, generator)
        return self.unet.base.process_latent_in(sample).float().to(self.device)  # type: ignore[no-any-return]

    def micro_batch(self, batch: int, reserved: int) -> int:
        """How many samples of a batch are likely to fit at once, so that it falls into as few, even parts as it can;
        0 when not even one is. Running out of memory later halves it.

        reserved: bytes that the optimiser will want, and has not taken yet.
        """
        if self.device.type == "cpu":
            return batch
        one = graph_bytes(self._posterior.mean.shape, self.compute_dtype, self.checkpointing)
        free = comfy.model_management.get_free_memory(self.device) - reserved - PROMPT_GRAPHS
        return even_split(batch, min(batch, int(free // one)))

    def free_memory(self, error: BaseException) -> None:
        """Lets go of what a step held that ran out of memory."""
        free_memory_after(error)


def with_concept_model(
    model: Any, clip: Any, posterior: Posterior, class_word: str, precision: str, work: Callable[[ConceptModel], T]
) -> T:
    """Calls `work` with the graph's models loaded for training, grad switched on; leaves MODEL and CLIP as they were.

    model, clip: wires, with whatever LoRAs and patches are on them. posterior: of the picture that is learned.
    precision: auto, fp32, bf16 or fp16. Returns what `work` returns.
    """

    def train(unet: Unet) -> T:
        with torch.enable_grad():
            return work(ConceptModel(unet, posterior, class_word))

    blank = [[torch.zeros(1, 77, text_width(clip)), {}]]
    session = UnetSession(
        model=model, clip=clip, shape=(1, *posterior.mean.shape[1:]), timesteps=DDIMSchedule().timesteps,
        positive={_PROMPT: blank}, gradients=True, precision=precision,
    )  # fmt: skip
    return session.run(train)
