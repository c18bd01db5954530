"""The demo's autoencoder: a linear encoder that folds exactly into TAESD's layers, and a decoder that learns the edges.

The encoder is a *linear* 8x8 patch projection (which the TAESD layout can hold exactly, see `fold_encoder`), so that
latents cost nothing while the UNet trains and are smooth; the decoder is TAESD's, and learns to draw the edges.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 8
GAIN = 2.5  # latents = GAIN * (rgb - 0.5) for the three colour channels: about unit deviation


class LinearEncoder(nn.Module):
    """(B, 3, H, W) pictures in [0, 1] to (B, 4, H/8, W/8) latents. Starts as three mean colours and a luminance
    slope."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(4, 3, PATCH, PATCH)
        for channel in range(3):
            weight[channel, channel] = GAIN / PATCH**2
        slope = torch.linspace(-1, 1, PATCH)
        weight[3] = GAIN * 1.5 * (slope[None, :] + slope[:, None]) / (3 * PATCH**2)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.tensor([-0.5 * GAIN] * 3 + [0.0]))

    def forward(self, pictures: Tensor) -> Tensor:
        return F.conv2d(pictures, self.weight, self.bias, stride=PATCH)


def _places() -> Iterator[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """Where a patch's pixels lie in the folded projection: (channel, row, column) of its 2x2 kernel and (rgb, y, x).

    channel = rgb*16 + (row, column in the 2x2 of stage 1)*4 + (row, column of stage 2).
    """
    for channel, row, column in itertools.product(range(48), range(2), range(2)):
        rgb, inner, outer = channel // 16, (channel // 4) % 4, channel % 4
        y, x = row * 4 + (outer // 2) * 2 + inner // 2, column * 4 + (outer % 2) * 2 + inner % 2
        yield (channel, row, column), (rgb, y, x)


def fold_encoder(linear: LinearEncoder, encoder: nn.Sequential) -> None:
    """Writes the linear encoder into TAESD's layers, exactly.

    Two stride-2 convolutions move pixels into channels (3 -> 12 -> 48), the third applies the projection to a 2x2 block
    of those, which is a whole 8x8 patch. Blocks end in a ReLU: pixels are not negative, and the signed result travels
    as its positive and negative part.
    """
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        convs = [layer for layer in encoder if isinstance(layer, nn.Conv2d)]
        first, to_12, to_48, project, last = convs
        for c in range(3):
            first.weight[c, c, 1, 1] = 1.0
        for conv, count in ((to_12, 3), (to_48, 12)):
            for c in range(count):
                for row in range(2):
                    for column in range(2):
                        conv.weight[c * 4 + row * 2 + column, c, row + 1, column + 1] = 1.0
        for (channel, row, column), (rgb, y, x) in _places():
            value = linear.weight[:, rgb, y, x]
            project.weight[0:4, channel, row + 1, column + 1] = value
            project.weight[4:8, channel, row + 1, column + 1] = -value
        for z in range(4):
            last.weight[z, z, 1, 1] = 1.0
            last.weight[z, z + 4, 1, 1] = -1.0
        last.bias.copy_(linear.bias)


def unfold_encoder(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The linear encoder's state, read back from a checkpoint that holds it folded; the inverse of `fold_encoder`."""
    numbers = sorted(
        {
            int(key[len(prefix) :].split(".")[0])
            for key in weights
            if key.startswith(prefix) and key[len(prefix) :].count(".") == 1
        }
    )
    project, last = (f"{prefix}{n}" for n in numbers[-2:])
    linear = LinearEncoder()
    with torch.no_grad():
        folded = weights[f"{project}.weight"].float()
        for (channel, row, column), (rgb, y, x) in _places():
            linear.weight[:, rgb, y, x] = folded[0:4, channel, row + 1, column + 1]
        linear.bias.copy_(weights[f"{last}.bias"].float())
    return linear.state_dict()


def state_of(checkpoint: pathlib.Path) -> dict[str, dict[str, Tensor]]:
    """The autoencoder of a demo checkpoint, in the form that `lab.training.train_vae` saves."""
    import safetensors.torch

    weights = safetensors.torch.load_file(checkpoint)
    first = "first_stage_model.taesd_decoder."
    decoder = {k.removeprefix(first): v.float() for k, v in weights.items() if k.startswith(first)}
    return {"encoder": unfold_encoder(weights, "first_stage_model.taesd_encoder."), "decoder": decoder}


def start_decoder(decoder: nn.Sequential) -> None:
    """Starts the decoder as a nearest-neighbour enlargement: three colour channels pass through, the rest is noise to
    learn from."""
    convs = [layer for layer in decoder if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=5**0.5)
                if module.bias is not None:
                    module.bias.zero_()
        for layer in decoder:
            if hasattr(layer, "conv"):
                layer.conv[-1].weight.mul_(0.5)
                layer.conv[-1].weight[:3] = 0
        for conv in convs:
            conv.weight[:3] = 0
            for c in range(3):
                conv.weight[c, c, 1, 1] = 1.0
        convs[0].weight[:3] /= GAIN
        convs[0].bias[:3] = 0.5
        convs[-1].weight[:, 3:] *= 0.1
