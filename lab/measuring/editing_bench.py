"""The pack's inversions, text optimisation and edits on a batch of the demo's pictures, through the host."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..world import painting
from . import sampling
from .editing_tasks import Task
from .learning import load_pack


class Bench:
    """The pack's algorithms on a batch of pictures with a prompt each, through the host."""

    def __init__(
        self, checkpoint: pathlib.Path, tasks: Sequence[Task], steps: int, cfg: float, inner_steps: int, text_steps: int
    ) -> None:
        load_pack()
        from single_image_studio.diffusion.ddim import DDIMSchedule

        self.model, self.clip, self.vae = sampling.load(checkpoint)
        self.cfg, self.inner_steps, self.text_steps = cfg, inner_steps, text_steps
        self.schedule = DDIMSchedule(steps)
        self.look_at(tasks)

    def look_at(self, tasks: Sequence[Task]) -> None:
        """Goes on with other pictures."""
        from single_image_studio.host import latents

        self.tasks = tasks
        pictures = np.stack([painting.render(task.scene)[0] for task in tasks])
        with torch.inference_mode():
            encoded = self.vae.encode(torch.from_numpy(pictures).float() / 255)
        self.latents = latents.latents_from({"samples": encoded})

    def decode(self, latents: Tensor) -> np.ndarray:
        """(N, 128, 128, 3) uint8, as VAEDecode and SaveImage give them."""
        from single_image_studio.host.latents import decode, latent_of

        with torch.inference_mode():
            return sampling.levels(decode(self.vae, latent_of(latents)))

    def prompts(self, which: str) -> list[list[Any]]:
        """source, target or empty, one row a picture."""
        with torch.inference_mode():
            return sampling.encode_many(
                self.clip, ["" if which == "empty" else getattr(task, which) for task in self.tasks]
            )

    def run(
        self, positive: dict[str, Any], algorithm: Callable[..., Any], gradients: bool = False
    ) -> tuple[Any, int, float]:
        """What `algorithm(unet, prompts)` returns, UNet evaluations a picture, and seconds a picture.

        positive: CONDITIONINGs by the names of its prompts; `uncond` is there too. gradients: it differentiates.
        """
        from single_image_studio.host.session import UnetSession

        began = time.perf_counter()
        session = UnetSession(
            model=self.model,
            shape=self.latents.shape,
            timesteps=self.schedule.timesteps,
            positive=positive,
            negative={"uncond": self.prompts("empty")},
            gradients=gradients,
            precision="fp32",
        )
        with torch.inference_mode():
            out, count = session.run(lambda unet: (algorithm(unet, unet.prompts), unet.evaluations))
        return out, count // len(self.tasks), (time.perf_counter() - began) / len(self.tasks)

    def settings(self, method: str, **null_text: Any) -> Any:
        """null_text: of its settings, where they differ from the bench's."""
        from single_image_studio.inversion.methods import InversionSettings
        from single_image_studio.inversion.null_text import NullTextSettings

        return InversionSettings(
            method=method,
            schedule=self.schedule,
            guidance_scale=self.cfg,
            null_text=NullTextSettings(**{"inner_steps": self.inner_steps, **null_text}),
        )

    def invert(self, method: str, source: str, **null_text: Any) -> tuple[Any, int, float]:
        """source: which prompt to invert with, `source` or `empty`. null_text: as in `settings`."""
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.methods import invert

        settings = self.settings(method, **null_text)

        def algorithm(model: Any, prompts: dict[str, Any]) -> Any:
            return result_of(invert(model, self.latents, prompts["source"], prompts["uncond"], settings))

        return self.run({"source": self.prompts(source)}, algorithm, gradients=settings.optimises)

    def optimize(self, which: str = "target", **changes: Any) -> tuple[Tensor, int, float]:
        """Imagic's embeddings of all targets. which: instead, of `source`. changes: of the optimisation's settings."""
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text

        settings = TextOptimizationSettings(**{"steps": self.text_steps, **changes})
        text, evaluations, seconds = self.run(
            {"target": self.prompts(which)},
            lambda model, prompts: result_of(optimize_text(model, self.latents, prompts["target"], settings)),
            gradients=True,
        )
        return text.embeds, evaluations, seconds

    def edit(self, inverted: Any, method: str, optimized: Tensor | None, cells: Sequence[Any]) -> list[np.ndarray]:
        """The pictures of every cell: (tasks, 128, 128, 3) uint8 each. optimized None: alpha begins at the source
        prompt."""
        return [self.decode(latents) for latents in self.edit_latents(inverted, method, optimized, cells)[0]]

    def edit_latents(
        self, inverted: Any, method: str, optimized: Tensor | None, cells: Sequence[Any], target: Tensor | None = None
    ) -> tuple[list[Tensor], int, float]:
        """Every cell's latents, (tasks, 4, 16, 16) each; UNet evaluations a picture, and seconds a picture.

        target: embeddings in place of the target prompt's, (tasks, n, width).
        """
        from single_image_studio.diffusion.report import result_of
        from single_image_studio.inversion.grid import EditPrompts, GridSampler
        from single_image_studio.inversion.sampling import Guidance

        back, settings = inverted.reconstruction, self.settings(method)
        scale, schedule = settings.sampling_scale, settings.sampling_schedule

        def algorithm(model: Any, prompts: dict[str, Any]) -> list[Tensor]:
            start = prompts["source"] if optimized is None else prompts["target"].with_context(optimized)
            guidance = Guidance([prompts["uncond"].with_context(e) for e in back.uncond_embeds], scale, back.offsets)
            end = prompts["target"] if target is None else prompts["target"].with_context(target)
            edit = EditPrompts(prompts["source"], end, start)
            return result_of(GridSampler(model, guidance, schedule).sample(inverted.noise_latents, edit, cells))

        return self.run({"source": self.prompts("source"), "target": self.prompts("target")}, algorithm)
