"""A checkpoint opened for training, as a training node opens it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def on_model(
    models: tuple[Any, Any, Any], image: Tensor, work: Callable[[Any], T], class_word: str = "heart", **options: Any
) -> T:
    """`work` with the opened (MODEL, CLIP, VAE), inside inference mode as the executor has it."""
    from single_image_studio.host.concept_model import with_concept_model
    from single_image_studio.host.vae import posterior

    model, clip, vae = models
    with torch.inference_mode():
        precision = options.get("precision", "auto")
        return with_concept_model(model, clip, posterior(vae, image), class_word, precision, work)
