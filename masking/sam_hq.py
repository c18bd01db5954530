"""SAM-HQ (Ke et al. 2023, arXiv:2306.01567): SAM with finer edges, as a Segmenter."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from . import transformers_api
from .family import Family, Source, in_folders
from .interfaces import Segmenter
from .preprocessing import Preprocessing, folder_preprocessing
from .sam import Sam, TransformersSam
from .sam_prompts import SamPrompts


class TransformersSamHq(TransformersSam):
    """transformers' SamHQModel. Its decoder also reads the first encoder layer that looks at the whole picture."""

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        last, layers = self.encoder(pixels)[:2]
        return cast(Tensor, last), cast(Tensor, layers[0])

    def decode(self, features: Tensor, prompts: SamPrompts, *finer: Tensor) -> tuple[Tensor, Tensor]:
        return self._answer(prompts, image_embeddings=features, intermediate_embeddings=list(finer))


def _build(source: Source) -> Sam:
    net = TransformersSamHq(transformers_api.build("SamHQConfig", "SamHQModel", source))
    return Sam(net, folder_preprocessing(source.folder, Preprocessing(None, net.side)))


SAM_HQ: Family[Segmenter] = in_folders("a SAM-HQ", "sam_hq", _build)
