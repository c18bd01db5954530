"""Names for looks: word vectors that a small network makes while the demo model trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn

NAME_TOKEN = 265  # of `NAME` in CLIP's vocabulary
MOST_NAMES, LOOK = 2, 12  # names in a caption, numbers in a look
NAME_BLUR = 0.15  # of a name's vector, in deviations


class Namer(nn.Module):
    """Gives every look a word vector of its own: looks (N, 12) to (N, width). Needed in training only.

    The text encoder of a full-size Stable Diffusion has read the names of a great many people, animals and things, so
    that there is a word vector near almost any appearance, which is what inversion looks for. Ten colour words leave
    nothing to be found.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LOOK, 256),
            nn.SiLU(),
            nn.Linear(256, 256),
            nn.SiLU(),
            nn.Linear(256, width),
            nn.LayerNorm(width, elementwise_affine=False),
        )
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, looks: Tensor) -> Tensor:
        return self.layers(looks) * self.scale


def called_by(prompt: Tensor, looks: Tensor, namer: Namer, generator: torch.Generator) -> Tensor:
    """The word vectors of the names in prompts, (names, width), in order. prompt: (B, 77); looks: (B, 2, 12).

    They are blurred a little, so that vectors near a name mean nearly the same: inversion walks through them.
    """
    counts = (prompt == NAME_TOKEN).sum(1)
    vectors = namer(looks[torch.arange(looks.shape[1]) < counts[:, None]])
    return vectors + NAME_BLUR * namer.scale.detach() * torch.randn(vectors.shape, generator=generator)
