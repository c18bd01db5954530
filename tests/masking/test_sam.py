"""SAM's routes: both programs on the same weights, and the segmenter's own arithmetic."""

from __future__ import annotations

import pytest
import torch

from lab.measuring import masking_weights
from single_image_studio.masking import original_sam
from single_image_studio.masking.families import SEGMENTERS
from single_image_studio.masking.interfaces import Embedding, Thing
from single_image_studio.masking.preprocessing import Preprocessing
from single_image_studio.masking.sam import POSITIONS, Sam, published_config
from single_image_studio.masking.sam_prompts import AT_ONCE
from single_image_studio.support.errors import InputError

BOXES = [Thing((5.0, 5.0, 40.0, 50.0)), Thing((0.0, 0.0, 90.0, 60.0)), Thing((60.0, 10.0, 61.0, 59.0))]


@pytest.mark.parametrize("model", list(masking_weights.SAM))
def test_full_size_configs_are_the_published_ones(model: str) -> None:
    size = masking_weights.SAM[model][2]
    shapes = masking_weights.sam_shapes(size)
    config = original_sam.config_of({name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    published = published_config({POSITIONS: torch.empty(1, 64, 64, size.width, device="meta")})
    from transformers import SamConfig

    ours, wanted = SamConfig.from_dict(config).to_dict(), SamConfig.from_dict(published).to_dict()
    # the original's, transformers'
    assert (
        ours["mask_decoder_config"].pop("layer_norm_eps") == 1e-5
        and wanted["mask_decoder_config"].pop("layer_norm_eps") == 1e-6
    )
    for part in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        assert ours[part] == wanted[part], part


def test_every_weight_has_a_place() -> None:
    weights = masking_weights.original_sam(masking_weights.SMALL_SAM)
    out = original_sam.rename(weights)
    assert len(out) == len(weights) + 1  # the places of points and of the picture share one table, under two names
    with pytest.raises(InputError, match="not a whole SAM checkpoint .*mask_tokens"):
        original_sam.config_of({k: v for k, v in weights.items() if "mask_tokens" not in k})


def test_the_three_routes_agree(small_models, picture) -> None:
    """The original file through transformers and through segment-anything, and the same weights as a Hugging Face
    folder."""
    pytest.importorskip("segment_anything")
    path = small_models / "sams" / "small_sam.pth"
    routes = {
        "transformers": SEGMENTERS.load(path),
        "package": SEGMENTERS.load(path, "segment-anything"),
        "folder": SEGMENTERS.load(path.with_suffix("")),
    }
    embeddings = {name: route.encode(picture) for name, route in routes.items()}
    masks = {name: route.masks(embeddings[name], BOXES) for name, route in routes.items()}
    assert masks["package"].shape == (3, 60, 90) and masks["package"].std() > 0.01
    for name in ("transformers", "folder"):
        assert (embeddings[name].features - embeddings["package"].features).abs().max() <= 1e-4
        assert (masks[name] - masks["package"]).abs().max() <= 1e-4


def test_boxes_are_decoded_alike_in_any_number(small_models, picture) -> None:
    segmenter = SEGMENTERS.load(small_models / "sams" / "small_sam")
    embedding = segmenter.encode(picture)
    many = BOXES * AT_ONCE
    together = segmenter.masks(embedding, many)
    assert together.shape == (len(many), 60, 90)
    assert torch.allclose(together[1:2], segmenter.masks(embedding, [BOXES[1]]), atol=1e-5)
    assert segmenter.masks(embedding, []).shape == (0, 60, 90)


@pytest.mark.parametrize("name, package", [("small_sam", ""), ("small_sam.pth", "segment-anything")])
def test_half_precision_keeps_the_decoder_whole(small_models, picture, name: str, package: str) -> None:
    if package:
        pytest.importorskip("segment_anything")
    segmenter = SEGMENTERS.load(small_models / "sams" / name, package)
    exact = segmenter.encode(picture).features
    segmenter.use_half(torch.bfloat16)
    close = segmenter.encode(picture)
    assert close.features.dtype == torch.float32
    assert (close.features - exact).abs().max() / exact.std() < 0.1
    assert {p.dtype for key, p in segmenter.net.named_parameters() if "_encoder." not in key or "prompt" in key} == {
        torch.float32
    }
    assert segmenter.masks(close, BOXES).isfinite().all()


class Ramp(torch.nn.Module):
    """A decoder that tells where the box is: its logit is positive right of the box's left side."""

    side = 16

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[torch.Tensor] = []

    @property
    def encoder(self):
        return self

    def encode(self, pixels):
        self.seen.append(pixels)
        return pixels.mean(1, keepdim=True)

    def decode(self, features, prompts):
        x = torch.arange(4).float() * 4 + 2
        masks = (x[None, None, None] - prompts.boxes[:, :1, None, None]).expand(-1, 1, 4, 4)
        return masks, torch.ones(len(masks), 1)


def test_padding_and_coordinates_by_hand() -> None:
    """An 8×32 picture fills 4×16 of the square; a box from its middle on is at 8 there."""
    net = Ramp()
    segmenter = Sam(net, Preprocessing(None, 16, (0.0,) * 3, (1.0,) * 3))
    embedding = segmenter.encode(torch.ones(8, 32, 3))
    assert embedding.size == (8, 32) and embedding.resized == (4, 16)
    assert (
        net.seen[0].shape == (1, 3, 16, 16)
        and net.seen[0][:, :, :4].min() == 1
        and net.seen[0][:, :, 4:].abs().max() == 0
    )
    mask = segmenter.masks(embedding, [Thing((16.0, 0.0, 32.0, 8.0))]) > 0
    assert mask.shape == (1, 8, 32) and not mask[..., :16].any() and mask[..., 16:].all()


def test_a_folder_whose_two_configs_disagree_still_fits_its_square() -> None:
    segmenter = Sam(Ramp(), Preprocessing(None, 1024))
    assert segmenter.encode(torch.zeros(20, 40, 3)).resized == (8, 16)
    assert isinstance(segmenter.encode(torch.zeros(20, 40, 3)), Embedding)
