"""SAM-HQ (Ke et al. 2023, arXiv:2306.01567): SAM with finer edges, as a Segmenter."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from . import original_sam_hq, transformers_api
from .family import Family, OriginalFormat, Source, in_folders
from .interfaces import Segmenter
from .preprocessing import Preprocessing, folder_preprocessing
from .sam import Sam, TransformersSam
from .sam_prompts import SamPrompts
from .weights import Weights


class TransformersSamHq(TransformersSam):
    """transformers' SamHQModel. Its decoder also reads the first encoder layer that looks at the whole picture.

    From version 4.54 on, transformers draws the masks from what goes into the decoder's attention, with rows and
    columns exchanged, and not from what comes out of it, as the original program and version 4.53 do. Here they always
    come from what comes out (`_keep`, `_give`); where the library is right, this changes nothing.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._attended: Tensor | None = None
        model.mask_decoder.transformer.register_forward_hook(self._keep)
        model.mask_decoder.upscale_conv1.register_forward_pre_hook(self._give)

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        last, layers = self.encoder(pixels)[:2]
        return cast(Tensor, last), cast(Tensor, layers[0])

    def decode(self, features: Tensor, prompts: SamPrompts, *finer: Tensor) -> tuple[Tensor, Tensor]:
        return self._answer(prompts, image_embeddings=features, intermediate_embeddings=list(finer))

    def _keep(self, _: Any, __: Any, answer: tuple[Tensor, ...]) -> None:
        """answer: of the attention; tokens and features of the picture, (N, 1, h * w, C)."""
        self._attended = answer[1]

    def _give(self, _: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """inputs: (N, C, h, w), of the layers that draw masks. Returns the same of the attention's answer."""
        attended, self._attended = self._attended, None
        if attended is None:
            raise RuntimeError("SAM-HQ's decoder draws masks before it attends")
        return (attended.transpose(2, 3).reshape_as(inputs[0]),)


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
