"""Which kind of model an embedding or a latent was made for, as its size tells: for sentences that a person reads."""

from __future__ import annotations

SD1 = "Stable Diffusion 1.x"
UNKNOWN = "another kind of model"
_BY_WIDTH = {
    768: SD1,
    1024: "Stable Diffusion 2.x",
    1280: "the SDXL refiner",
    2048: "SDXL",
    4096: "Stable Diffusion 3, Flux or another model with a T5 text encoder",
}
_BY_CHANNELS = {3: "a model that works on pixels", 8: "an audio model", 16: "Stable Diffusion 3, Flux or a like model"}
_BY_DIMENSIONS = {1: "an audio model", 3: "a video model, or an image model built like one (Qwen-Image)"}


def kind_of_width(width: int) -> str:
    """width: how many numbers each token's embedding has."""
    return _BY_WIDTH.get(width, UNKNOWN)


def kind_of_latents(channels: int, dimensions: int = 2) -> str:
    """channels: of the latents. dimensions: 1 for sound, 2 for pictures, 3 for video."""
    if dimensions in _BY_DIMENSIONS:
        return _BY_DIMENSIONS[dimensions]
    return _BY_CHANNELS.get(channels, UNKNOWN)
