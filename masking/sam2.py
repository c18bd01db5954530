"""SAM 2 and 2.1 (Ravi et al. 2024, arXiv:2408.00714) and EdgeTAM (Zhou et al. 2025, arXiv:2501.07256) as Segmenters of
single pictures."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import original_sam2, transformers_api
from .family import Family, OriginalFormat, Source, in_folders
from .interfaces import Embedding, Segmenter
from .preprocessing import Preprocessing, folder_preprocessing
from .sam import Sam, TransformersSam
from .sam_prompts import SamPrompts
from .weights import Weights


class TransformersSam2(TransformersSam):
    """transformers' Sam2Model, and EdgeTamModel, which differs in its encoder alone."""

    @property
    def side(self) -> int:
        return int(self.model.config.prompt_encoder_config.image_size)

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(1, 3, side, side) to the coarsest features, then those of four and two times their size, finest first.

        As the model's own get_image_embeddings, with all after the encoder in float32.
        """
        finest, finer, coarse = (level.float() for level in self.encoder(pixels).fpn_hidden_states)
        decoder = self.model.mask_decoder
        still = self.model.no_memory_embedding.reshape(1, -1, 1, 1)  # no earlier pictures of a film
        return coarse + still, decoder.conv_s0(finest), decoder.conv_s1(finer)

    def decode(self, features: Tensor, prompts: SamPrompts, *finer: Tensor) -> tuple[Tensor, Tensor]:
        return self._answer(boxes_as_points(prompts), image_embeddings=[*finer, features])


def boxes_as_points(prompts: SamPrompts) -> SamPrompts:
    """Boxes as two points each, labelled 2 and 3, before the other points, as the original program reads them. The
    library's own way with boxes lacks in version 4.56 the token that ends a list of points."""
    if prompts.boxes is None:
        return prompts
    corners = prompts.boxes.reshape(-1, 2, 2)
    ends = torch.tensor([[2, 3]], device=corners.device).expand(len(corners), 2)
    if prompts.points is None or prompts.labels is None:
        return replace(prompts, boxes=None, points=corners, labels=ends)
    points, labels = torch.cat([corners, prompts.points], 1), torch.cat([ends, prompts.labels], 1)
    return replace(prompts, boxes=None, points=points, labels=labels)


class Sam2(Sam):
    """Boxes and points in, masks out. The picture is stretched to the square, whatever its sides are."""

    def _enlarge(self, low: Tensor, embedding: Embedding) -> Tensor:
        """In one step, as the original does it."""
        return F.interpolate(low, embedding.size, mode="bilinear", align_corners=False)[:, 0]


def network(source: Source, kind: str = "Sam2") -> TransformersSam2:
    """transformers' SAM 2. kind: the beginning of its classes' names.

    Raises: InputError when the weights do not fit the config.
    """
    return TransformersSam2(transformers_api.build(f"{kind}Config", f"{kind}Model", source))


def original_network(weights: Weights, name: str) -> TransformersSam2:
    """The same of an original checkpoint's weights."""
    return network(Source(name, original_sam2.config_of(weights, name), original_sam2.rename(weights)))


def _build(source: Source, kind: str = "Sam2") -> Sam2:
    net = network(source, kind)
    return Sam2(net, folder_preprocessing(source.folder, Preprocessing(None, net.side, square=True)))


def _load_original(weights: Weights, name: str) -> Sam2:
    net = original_network(weights, name)
    return Sam2(net, Preprocessing(None, net.side, square=True))


_edgetam = functools.partial(_build, kind="EdgeTam")
# The published folders hold what films need too, and say so; a picture needs the rest.
SAM2_FAMILIES: tuple[Family[Segmenter], ...] = (
    in_folders("a SAM 2", "sam2", _build, OriginalFormat(original_sam2.is_original, _load_original)),
    in_folders("a SAM 2", "sam2_video", _build),
    in_folders("an EdgeTAM", "edgetam", _edgetam),
    in_folders("an EdgeTAM", "edgetam_video", _edgetam),
)
