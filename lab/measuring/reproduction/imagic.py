"""Imagic as its paper has it, to compare with: after the text, the whole UNet learns the picture, and edits are drawn
from fresh noise.

Source: Kawar et al. 2022, arXiv:2210.09276, section 3.2; the non-rigid editing paper's appendix C.
"""

from __future__ import annotations

import copy
import pathlib
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...hosting import in_process
from ..learning import pack_module

RATE, BATCH = 1e-4, 2
TUNED = {"Imagic, 20 steps of finetuning": 20, "Imagic, 80 steps of finetuning": 80}
"""Variants, and how long the UNet learns; a longer one goes on from a shorter."""


class Prompt:
    """What the pack's samplers ask of a prompt. context: (B, n, width)."""

    def __init__(self, context: Tensor) -> None:
        self.context = context


class Imagic:
    """A UNet of its own, which learns one picture at a time; afterwards it is as before."""

    def __init__(self, checkpoint: pathlib.Path, schedule: Any, guidance_scale: float) -> None:
        in_process.import_host()
        import comfy.sd

        with torch.inference_mode(False):
            model = comfy.sd.load_checkpoint_guess_config(str(checkpoint), output_vae=False, output_clip=False)[0].model
        self._unet = model.diffusion_model.float().requires_grad_(True)
        self._before = copy.deepcopy(self._unet.state_dict())
        scale = pack_module("host.scale")
        self.alpha_bar: Tensor = scale.alpha_bar_of(scale.sigmas_of(model.model_sampling))
        self._schedule, self._scale = schedule, guidance_scale

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[Any]) -> list[Tensor]:
        """As the pack's door to the UNet does it."""
        return [
            self._unet(latents, timesteps.float(), prompt.context.expand(len(latents), -1, -1)) for prompt in prompts
        ]

    def edits(
        self, latents: Tensor, optimized: Tensor, target: Tensor, empty: Tensor, alphas: Sequence[float], seed: int
    ) -> dict[str, Tensor]:
        """Of one picture, by variant: a picture an alpha, (alphas, 4, h, w). latents: (1, 4, h, w), clean, VP scale.

        optimized, target, empty: (1, n, width), encoded. Every alpha starts from the same noise.
        """
        with torch.inference_mode(False), torch.enable_grad():
            generator = torch.Generator().manual_seed(seed)
            picture, text = latents.detach().clone(), optimized.detach().clone()
            self._unet.load_state_dict(self._before)
            optimizer = torch.optim.Adam(self._unet.parameters(), lr=RATE)
            drawn, done = {}, 0
            for name, steps in TUNED.items():
                for _ in range(steps - done):
                    self._learn(optimizer, picture, text, generator)
                done = steps
                drawn[name] = self._draw(optimized, target, empty, alphas, seed)
        return drawn

    def _learn(
        self, optimizer: torch.optim.Optimizer, latents: Tensor, context: Tensor, generator: torch.Generator
    ) -> None:
        timesteps = torch.randint(len(self.alpha_bar), (BATCH,), generator=generator)
        noise = torch.randn(BATCH, *latents.shape[1:], generator=generator)
        noisy = pack_module("diffusion.process").add_noise(latents.expand_as(noise), noise, self.alpha_bar[timesteps])
        optimizer.zero_grad()
        (eps,) = self.predict_eps(noisy, timesteps, [Prompt(context)])
        F.mse_loss(eps, noise).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @torch.no_grad()
    def _draw(self, optimized: Tensor, target: Tensor, empty: Tensor, alphas: Sequence[float], seed: int) -> Tensor:
        sampling, side = pack_module("inversion.sampling"), 16
        contexts = [sampling.interpolate(target, optimized, alpha) for alpha in alphas]
        noise = torch.randn(1, 4, side, side, generator=torch.Generator().manual_seed(seed)).repeat(
            len(alphas), 1, 1, 1
        )
        guidance = sampling.Guidance([Prompt(empty)], self._scale)
        steps = self._schedule.down(self.alpha_bar)
        walk = sampling.sample(self, noise, [Prompt(torch.cat(contexts))], guidance, steps)
        return pack_module("diffusion.report").result_of(walk)  # type: ignore[no-any-return]
