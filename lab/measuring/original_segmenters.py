"""The original programs of SAM 2 and SAM-HQ with given weights, to compare ours with. They are in no environment of the
pack's own: docs/masking.md has one that holds them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .masking_weights import Weights

_SAM2_CONFIGS = {"sam2_tiny": "t", "sam2_small": "s", "sam2_base_plus": "b+", "sam2_large": "l"}


class OriginalSam2(nn.Module):
    """The package sam2's model as its SAM2ImagePredictor asks it; as our TransformersSam2."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.side = int(model.image_size)

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        _, levels, _, sizes = self.model._prepare_backbone_features(self.model.forward_image(pixels))
        levels[-1] = levels[-1] + self.model.no_mem_embed
        finest, finer, coarse = (
            level.permute(1, 2, 0).reshape(1, -1, *size) for level, size in zip(levels, sizes, strict=True)
        )
        return coarse, finest, finer

    def decode(self, features: Tensor, prompts: Any, *finer: Tensor) -> tuple[Tensor, Tensor]:
        sparse, dense = self.model.sam_prompt_encoder(points=_points_of(prompts), boxes=None, masks=prompts.masks)
        masks, scores, _, _ = self.model.sam_mask_decoder(
            image_embeddings=features,
            image_pe=self.model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=prompts.ambiguous,
            repeat_image=len(sparse) > 1,
            high_res_features=list(finer),
        )
        return masks, scores


def _points_of(prompts: Any) -> tuple[Tensor, Tensor]:
    """Boxes as two points each, before the other points."""
    coordinates, labels = [], []
    if prompts.boxes is not None:
        coordinates.append(prompts.boxes.reshape(-1, 2, 2))
        labels.append(torch.tensor([[2, 3]]).expand(len(prompts.boxes), 2))
    if prompts.points is not None:
        coordinates.append(prompts.points)
        labels.append(prompts.labels)
    return torch.cat(coordinates, 1), torch.cat(labels, 1)


class OriginalSamHq(nn.Module):
    """The package segment-anything-hq's model as its SamPredictor asks it; as our TransformersSamHq."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.side = int(model.image_encoder.img_size)

    def encode(self, pixels: Tensor) -> tuple[Tensor, ...]:
        features, layers = self.model.image_encoder(pixels)
        return features, layers[0]

    def decode(self, features: Tensor, prompts: Any, *finer: Tensor) -> tuple[Tensor, Tensor]:
        points = None if prompts.points is None else (prompts.points, prompts.labels)
        sparse, dense = self.model.prompt_encoder(points=points, boxes=prompts.boxes, masks=prompts.masks)
        masks, scores = self.model.mask_decoder(
            image_embeddings=features,
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=prompts.ambiguous,
            hq_token_only=False,
            interm_embeddings=list(finer),
        )
        return masks, scores


def build_sam2(weights: Weights, model: str) -> OriginalSam2:
    """model: a key of SAM2. Every weight must find its place."""
    from sam2.build_sam import build_sam2 as build

    original = build(f"configs/sam2.1/sam2.1_hiera_{_SAM2_CONFIGS[model]}.yaml", None, device="cpu")
    original.load_state_dict(weights)
    return OriginalSam2(original.eval().requires_grad_(False))


def build_sam_hq(weights: Weights, model: str) -> OriginalSamHq:
    """model: a key of SAM. Every weight must find its place."""
    from segment_anything_hq import sam_model_registry

    original = sam_model_registry[model]()
    original.load_state_dict(weights)
    return OriginalSamHq(original.eval().requires_grad_(False))
