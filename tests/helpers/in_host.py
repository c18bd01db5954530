"""Runs an algorithm on the demo model as a node would."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule


def in_host(model: Any, latents: Tensor, conds: dict[str, Any], algorithm: Any, gradients: bool = False) -> Any:
    """In inference mode, through the host's conditioning machinery, in fp32. conds: CONDITIONINGs; `uncond` is the
    negative one."""
    from single_image_studio.host.session import UnetSession

    positive = {k: v for k, v in conds.items() if k != "uncond"}
    negative = {k: v for k, v in conds.items() if k == "uncond"}
    session = UnetSession(
        model=model,
        shape=latents.shape,
        timesteps=DDIMSchedule().timesteps,
        positive=positive,
        negative=negative,
        gradients=gradients,
        precision="fp32",
    )
    with torch.inference_mode():
        return session.run(lambda unet: algorithm(unet, unet.prompts))
