"""Names for looks: word vectors that a small network makes while the demo model trains."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

NAME_TOKEN = 265  # of `NAME` in CLIP's vocabulary
MOST_NAMES, LOOK = 3, 12  # names in a caption, numbers in a look
NAME_BLUR = 0.3  # of a name's vector, in deviations


class Namer(nn.Module):
    """Gives every look a word vector of its own: looks (N, 12) to (N, width). Needed in training only.

    The text encoder of a full-size Stable Diffusion has read the names of a great many people, animals and things, so
    that there is a word vector near almost any appearance, which is what inversion looks for. Ten colour words leave
    nothing to be found. A look's numbers lie in directions of their own, so that every step towards a look changes
    the picture towards it: inversion goes downhill.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.directions = nn.Linear(LOOK, width, bias=False)
        nn.init.orthogonal_(self.directions.weight)
        self.scale = nn.Parameter(torch.tensor(scale * math.sqrt(width / LOOK)))

    def forward(self, looks: Tensor) -> Tensor:
        vectors: Tensor = self.directions(looks) * self.scale
        return vectors


def called_by(
    prompt: Tensor, looks: Tensor, namer: Namer, generator: torch.Generator, words: Tensor | None = None
) -> Tensor:
    """The word vectors of the names in prompts, (names, width), in order. prompt: (B, 77); looks: (B, 3, 12).

    They are blurred a little, so that vectors near a name mean nearly the same: inversion walks through them. And it
    starts at a class's word: words, (N, width), are therefore mixed into half of the names, and mean nothing there.
    """
    counts = (prompt == NAME_TOKEN).sum(1)
    vectors = namer(looks[torch.arange(looks.shape[1]) < counts[:, None]])
    blur = vectors.detach().std() if len(vectors) else torch.tensor(0.0)
    vectors = vectors + NAME_BLUR * blur * torch.randn(vectors.shape, generator=generator)
    if words is None:
        return vectors
    chosen = words.detach()[torch.randint(len(words), (len(vectors),), generator=generator)]
    share = torch.rand(len(vectors), 1, generator=generator) * 2 - 1
    return vectors + share.clamp(min=0) * chosen
