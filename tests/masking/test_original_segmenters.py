"""Original checkpoints of SAM 2 and SAM-HQ in transformers' models. Parity with the original programs: `python -m
lab.measuring.masking_parity`, with the environment in docs/masking.md."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lab.measuring import masking_weights
from lab.measuring.masking_layers import Shapes
from lab.measuring.sam2_shapes import SAM2, SMALL_SAM2, Sam2Size, sam2_shapes
from lab.measuring.sam_shapes import SMALL_SAM, SamSize, sam_hq_shapes
from single_image_studio.masking import original_sam, original_sam2, original_sam_hq, transformers_api
from single_image_studio.masking.families import SEGMENTERS
from single_image_studio.masking.interfaces import Thing
from single_image_studio.masking.weights import Weights
from single_image_studio.support.errors import InputError

from ..helpers import masking_networks
from ..helpers.masking_networks import DECODER, PROMPTS, PYRAMID, SIDE, need, saved, spread

pytestmark = pytest.mark.slow
THINGS = [
    Thing((10.0, 5.0, 60.0, 50.0), ((20.0, 20.0, True), (55.0, 45.0, False))),
    Thing(points=((70.0, 30.0, True),)),
]
HEADS = r"output_hypernetworks_mlps\.\d|iou_prediction_head|pred_obj_score_head|hq_mask_mlp"
HQ_SIZE = SamSize(32, 2, 2, (1,), SIDE, 16, 2, 32, 32)


def meta(shapes: Shapes) -> Weights:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize(
    "model, tensors, numbers, positions",
    [
        ("sam2_tiny", 471, 38_962_754, 7),
        ("sam2_small", 519, 46_060_610, 7),
        ("sam2_base_plus", 615, 80_850_434, 14),
        ("sam2_large", 903, 224_446_898, 7),
    ],
)
def test_full_size_shapes_are_sam2_s(model: str, tensors: int, numbers: int, positions: int) -> None:
    """Both counts are those of the package sam2's own models."""
    _, size = SAM2[model]
    shapes = sam2_shapes(size)
    assert len(shapes) == tensors and sum(torch.Size(shape).numel() for shape in shapes.values()) == numbers
    assert original_sam2.is_original(meta(shapes))
    vision = original_sam2.config_of(meta(shapes), model)["vision_config"]
    backbone = vision["backbone_config"]
    assert backbone["blocks_per_stage"] == list(size.blocks) and backbone["hidden_size"] == size.width
    assert backbone["window_positional_embedding_background_size"] == [positions] * 2
    attended = backbone["global_attention_blocks"]
    assert len(attended) == 3 and max(attended) == sum(size.blocks[:3]) - 1


def test_the_tiny_one_s_config_is_the_class_s_own() -> None:
    """transformers' defaults are those of sam2.1_hiera_tiny."""
    config = need("Sam2Config")
    weights = meta(sam2_shapes(Sam2Size()))
    ours = config.from_dict(original_sam2.config_of(weights, "x")).to_dict()
    assert json.dumps(ours, default=str, sort_keys=True) == json.dumps(config().to_dict(), default=str, sort_keys=True)


def test_every_weight_of_pictures_has_a_place() -> None:
    weights = masking_weights.original_sam2(SMALL_SAM2)
    film = ("memory_", "maskmem_", "mask_downsample.", "obj_ptr_", "no_obj_", "no_mem_pos_enc")
    kept = {name: weight for name, weight in weights.items() if not name.startswith(film)}
    renamed = original_sam2.rename(weights)
    positions = renamed["shared_image_embedding.positional_embedding"].numel()  # under two names
    assert sum(w.numel() for w in renamed.values()) == sum(w.numel() for w in kept.values()) + positions
    points = [weights[f"sam_prompt_encoder.point_embeddings.{i}.weight"] for i in range(4)]
    assert torch.equal(renamed["prompt_encoder.point_embed.weight"], torch.cat(points))
    hq = masking_weights.original_sam_hq(SMALL_SAM)
    assert len(original_sam_hq.rename(hq)) == len(hq) + 1


def small_sam2() -> Any:
    """Sizes that an original checkpoint can have."""
    backbone = need("Sam2HieraDetConfig")(
        hidden_size=8, image_size=[SIDE, SIDE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8], window_size_per_stage=[4, 2, 2, 2], global_attention_blocks=[3],
    )  # fmt: skip
    vision = need("Sam2VisionConfig")(backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], **PYRAMID)
    decoder = DECODER | {"num_attention_heads": 8}
    return need("Sam2Model")(
        need("Sam2Config")(vision_config=vision, prompt_encoder_config=PROMPTS, mask_decoder_config=decoder)
    )


def small_sam_hq() -> Any:
    vision = {
        "hidden_size": 32, "output_channels": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIDE,
        "patch_size": 16, "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 16, "mlp_dim": 32,
    }  # fmt: skip
    decoder = DECODER | {"num_attention_heads": 8, "vit_dim": 32, "layer_norm_eps": 1e-5}
    prompts = PROMPTS | {"image_embedding_size": 4}
    config = need("SamHQConfig")
    return need("SamHQModel")(config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder))


LAYERS = {"conv1": 0, "norm": 1, "conv2": 3}
COMMON = (  # by hand, from transformers' names to the originals', one after the other
    (r"shared_image_embedding\.positional_embedding", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"patch_embed\.projection", "patch_embed.proj"),
    (rf"({HEADS})\.layers\.0", r"\1.layers.1"),
    (rf"({HEADS})\.proj_in", r"\1.layers.0"),
    (rf"({HEADS})\.proj_out", r"\1.layers.2"),
    (r"layer_norm_final_attn", "norm_final_attn"),
    (r"upscale_layer_norm", "output_upscaling.1"),
    (r"upscale_conv1", "output_upscaling.0"),
    (r"upscale_conv2", "output_upscaling.3"),
    (r"mask_embed\.conv(\d)", lambda m: f"mask_downscaling.{3 * int(m[1]) - 3}"),
    (r"mask_embed\.layer_norm(\d)", lambda m: f"mask_downscaling.{3 * int(m[1]) - 2}"),
)
TO_SAM2 = (
    *COMMON,
    (r"mlp\.proj_in", "mlp.layers.0"),
    (r"mlp\.proj_out", "mlp.layers.1"),
    (r"vision_encoder\.backbone", "image_encoder.trunk"),
    (r"vision_encoder\.neck\.convs\.(\d)", r"image_encoder.neck.convs.\1.conv"),
    (r"no_memory_embedding", "no_mem_embed"),
    (r"o_proj", "out_proj"),
    (r"\.layer_norm(\d)", r".norm\1"),
    (r"^(mask_decoder|prompt_encoder)", r"sam_\1"),
)
TO_SAM_HQ = (
    *COMMON,
    (r"vision_encoder\.neck\.conv(\d)", lambda m: f"image_encoder.neck.{2 * int(m[1]) - 2}"),
    (r"vision_encoder\.neck\.layer_norm(\d)", lambda m: f"image_encoder.neck.{2 * int(m[1]) - 1}"),
    (r"vision_encoder\.layers", "image_encoder.blocks"),
    (r"vision_encoder", "image_encoder"),
    (r"\.layer_norm(\d)", r".norm\1"),
    (r"encoder\.point_embed\.", "encoder.point_embeddings."),
    (r"hq_token", "hf_token"),
    (r"hq_mask_mlp", "hf_mlp"),
    (r"compress_vit_(\w+)", lambda m: f"compress_vit_feat.{LAYERS[m[1]]}"),
    (r"mask_decoder\.encoder_(\w+)", lambda m: f"mask_decoder.embedding_encoder.{LAYERS[m[1]]}"),
    (r"mask_decoder\.mask_(conv1|norm|conv2)", lambda m: f"mask_decoder.embedding_maskfeature.{LAYERS[m[1]]}"),
)


def as_original(weights: Weights, table: Any) -> Weights:
    out = {}
    for name, weight in weights.items():
        for pattern, replacement in table:
            name = re.sub(pattern, replacement, name)
        out[name] = weight
    out.pop("prompt_encoder.shared_embedding.positional_embedding", None)
    out.pop("sam_prompt_encoder.shared_embedding.positional_embedding", None)
    points = out.pop("sam_prompt_encoder.point_embed.weight", torch.zeros(0))
    return out | {f"sam_prompt_encoder.point_embeddings.{i}.weight": row[None] for i, row in enumerate(points)}


@pytest.mark.parametrize("kind", ["sam2", "sam_hq"])
def test_a_checkpoint_gives_the_masks_of_its_folder(tmp_path, monkeypatch, picture, kind: str) -> None:
    """The folder is the library's own; the checkpoint has its weights under the original's names."""
    make, table = {"sam2": (small_sam2, TO_SAM2), "sam_hq": (small_sam_hq, TO_SAM_HQ)}[kind]
    torch.manual_seed(0)
    model = spread(make().eval())
    positions = model.shared_image_embedding.positional_embedding  # originals have one for the picture and for points
    model.prompt_encoder.shared_embedding.positional_embedding.data.copy_(positions)
    weights = as_original(model.state_dict(), table)
    if kind == "sam2":
        original_sam2_file = masking_networks.original_sam2(tmp_path / "x.pt", monkeypatch)
        names = torch.load(original_sam2_file, weights_only=True)["model"]
        weights |= {name: weight for name, weight in names.items() if name not in weights}  # a film's
        assert set(weights) == set(names)
        torch.save({"model": weights}, tmp_path / "x.pt")
    else:
        assert set(weights) == set(sam_hq_shapes(HQ_SIZE))
        torch.save(weights, tmp_path / "x.pt")
    folder, file = SEGMENTERS.load(saved(model, tmp_path / "folder")), SEGMENTERS.load(tmp_path / "x.pt")
    wanted, found = (each.masks(each.encode(picture), THINGS) for each in (folder, file))
    assert wanted.std() > 1e-3 and (found - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("name, class_name", [("sam2.pt", "Sam2Model"), ("hq.pth", "SamHQModel")])
def test_an_older_library_is_named(tmp_path, monkeypatch, name: str, class_name: str) -> None:
    import transformers

    path = make_file(tmp_path / name, monkeypatch)
    monkeypatch.setattr(transformers, "__version__", "4.51.3")
    version = ".".join(map(str, transformers_api.SINCE[class_name]))
    with pytest.raises(InputError, match=rf"^{name} needs transformers {version} or newer, and 4\.51\.3 is installed"):
        SEGMENTERS.load(path)


def make_file(path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    if path.name.startswith("sam2"):
        return masking_networks.original_sam2(path, monkeypatch)
    return masking_networks.original_sam_hq(path)


def changed(path: pathlib.Path, change: Callable[[Weights], None]) -> pathlib.Path:
    content = torch.load(path, weights_only=True)
    change(content.get("model", content))
    torch.save(content, path)
    return path


def drop(part: str) -> Callable[[Weights], None]:
    def act(weights: Weights) -> None:
        for name in [name for name in weights if part in name]:
            del weights[name]

    return act


@pytest.mark.parametrize("part", [".blocks.0.", "mask_tokens", "neck", "mask_downscaling", "iou_prediction_head"])
@pytest.mark.parametrize("name", ["sam2.pt", "hq.pth"])
def test_files_that_lack_weights_are_one_sentence(tmp_path, monkeypatch, name: str, part: str) -> None:
    need({"sam2.pt": "Sam2Model", "hq.pth": "SamHQModel"}[name])
    with pytest.raises(InputError) as error:
        SEGMENTERS.load(changed(make_file(tmp_path / name, monkeypatch), drop(part)))
    assert "\n" not in str(error.value) and ("download it again" in str(error.value) or "choose" in str(error.value))


def test_a_film_s_parts_are_not_needed(tmp_path, monkeypatch, picture) -> None:
    need("Sam2Model")
    path = masking_networks.original_sam2(tmp_path / "sam2.pt", monkeypatch)
    whole = SEGMENTERS.load(path).encode(picture)
    for part in ("memory_", "maskmem_", "obj_ptr_", "no_obj_", "no_mem_pos_enc", "mask_downsample."):
        changed(path, drop(part))
    assert torch.equal(SEGMENTERS.load(path).encode(picture).features, whole.features)


def test_other_sizes_and_other_kinds_are_told(tmp_path, monkeypatch) -> None:
    path = masking_networks.original_sam2(tmp_path / "sam2.pt", monkeypatch)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"^sam2\.pt is a SAM 2 of no published size: use its Hugging Face folder"):
        SEGMENTERS.load(path)
    changed(path, lambda w: w.update({"sam_mask_decoder.hf_token.weight": torch.zeros(1, 32)}))
    with pytest.raises(InputError, match=r"sam2\.pt is not a SAM \(version 1\) nor a SAM-HQ nor a SAM 2"):
        SEGMENTERS.load(path)
    hq = masking_networks.original_sam_hq(tmp_path / "hq.pth")
    with pytest.raises(InputError, match="^hq.pth is of a kind which segment-anything cannot read"):
        SEGMENTERS.load(hq, "segment-anything")
    weights = torch.load(hq, weights_only=True)
    assert not original_sam.is_original(weights)
    assert original_sam_hq.is_original(weights)
