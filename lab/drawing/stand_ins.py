"""Small files that stand in for downloads where a shipped workflow wants a ControlNet or an upscaler:
`python -m lab.drawing.stand_ins FOLDER`.

They have the published layouts, so the stock loaders take them. Neither is trained: the ControlNet is a fresh one,
which changes nothing (`noise` makes it act), and the upscaler repeats pixels.
"""

from __future__ import annotations

import argparse
import pathlib

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

CONTROLNET, UPSCALER = "sis_demo_control.safetensors", "sis_demo_upscaler.safetensors"
CHECKPOINT = pathlib.Path(__file__).resolve().parents[1] / "weights" / "sis_demo_sd15.safetensors"
UNET = "model.diffusion_model."
# Zhang et al. 2023, arXiv:2302.05543: the hint's eight convolutions, the last as wide as the UNet
HINT_CHANNELS = (16, 16, 32, 32, 96, 96, 256)


def controlnet(checkpoint: dict[str, Tensor], noise: float = 0.0, seed: int = 0) -> dict[str, Tensor]:
    """A ControlNet for a checkpoint's UNet: a copy of its encoder, whose results go through convolutions of zeros, or
    of noise.

    checkpoint: as `load_file` gives it. noise: standard deviation of the hint's and the closing convolutions.
    """
    generator = torch.Generator().manual_seed(seed)
    unet = {name.removeprefix(UNET): weight for name, weight in checkpoint.items() if name.startswith(UNET)}
    made = {
        name: weight.clone()
        for name, weight in unet.items()
        if name.startswith(("time_embed.", "input_blocks.", "middle_block."))
    }

    def convolution(name: str, channels_in: int, channels_out: int, size: int) -> None:
        made[f"{name}.weight"] = torch.randn(channels_out, channels_in, size, size, generator=generator) * noise
        made[f"{name}.bias"] = torch.zeros(channels_out)

    widths = encoder_widths(unet)
    hint = (3, *HINT_CHANNELS, widths[0])
    for i, (channels_in, channels_out) in enumerate(zip(hint, hint[1:])):
        convolution(f"input_hint_block.{2 * i}", channels_in, channels_out, 3)
    for i, width in enumerate(widths):
        convolution(f"zero_convs.{i}.0", width, width, 1)
    convolution("middle_block_out.0", widths[-1], widths[-1], 1)
    return made


def encoder_widths(unet: dict[str, Tensor]) -> list[int]:
    """The channels that each of the UNet's input blocks gives."""
    widths = []
    for i in range(1 + max(int(name.split(".")[1]) for name in unet if name.startswith("input_blocks."))):
        ends = [f"input_blocks.{i}.{part}.weight" for part in ("0", "0.op", "0.out_layers.3")]
        widths.append(next(unet[name].shape[0] for name in ends if name in unet))
    return widths


def upscaler(scale: int = 4, features: int = 4) -> dict[str, Tensor]:
    """A four-times upscaler in Real-ESRGAN's compact layout (SRVGGNetCompact), which adds to the repeated pixels: here,
    nothing."""
    return {
        "body.0.weight": torch.zeros(features, 3, 3, 3),
        "body.0.bias": torch.zeros(features),
        "body.1.weight": torch.full((features,), 0.25),
        "body.2.weight": torch.zeros(3 * scale**2, features, 3, 3),
        "body.2.bias": torch.zeros(3 * scale**2),
    }


def furnish(base: pathlib.Path, noise: float = 0.0) -> None:
    """Writes both files into the `models` of a host's base directory."""
    for folder, name, weights in (
        ("controlnet", CONTROLNET, controlnet(load_file(CHECKPOINT), noise)),
        ("upscale_models", UPSCALER, upscaler()),
    ):
        (base / "models" / folder).mkdir(parents=True, exist_ok=True)
        save_file(weights, base / "models" / folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a host's base directory, as `python dev.py where` prints it")
    parser.add_argument("--noise", type=float, default=0.0)
    options = parser.parse_args()
    furnish(options.folder, options.noise)


if __name__ == "__main__":
    main()
