"""SAM-HQ (Ke et al. 2023, arXiv:2306.01567): SAM with finer edges, as a Segmenter."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from . import original_sam_hq, transformers_api
from .family import Family, OriginalFormat, Source, in_folders
from .interfaces import Segmenter
from .preprocessing import Preprocessing, folder_preprocessing
from .sam import Sam, TransformersSam
from .sam_prompts import SamPrompts
from .weights import Weights


class TransformersSamHq(TransformersSam):
    """transformers' SamHQModel. Its decoder also reads the first encoder layer that looks at the whole picture."""

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        last, layers = self.encoder(pixels)[:2]
        return cast(Tensor, last), cast(Tensor, layers[0])

    def decode(self, features: Tensor, prompts: SamPrompts, *finer: Tensor) -> tuple[Tensor, Tensor]:
        return self._answer(prompts, image_embeddings=features, intermediate_embeddings=list(finer))


def network(source: Source) -> TransformersSamHq:
    """transformers' SAM-HQ. Raises: InputError when the weights do not fit the config."""
    return TransformersSamHq(transformers_api.build("SamHQConfig", "SamHQModel", source))


def original_network(weights: Weights, name: str) -> TransformersSamHq:
    """The same of an original checkpoint's weights."""
    return network(Source(name, original_sam_hq.config_of(weights), original_sam_hq.rename(weights)))


def _build(source: Source) -> Sam:
    net = network(source)
    return Sam(net, folder_preprocessing(source.folder, Preprocessing(None, net.side)))


def _load_original(weights: Weights, name: str) -> Sam:
    return Sam(original_network(weights, name))


SAM_HQ: Family[Segmenter] = in_folders(
    "a SAM-HQ", "sam_hq", _build, OriginalFormat(original_sam_hq.is_original, _load_original)
)
