"""SAM-HQ, SAM 2, EdgeTAM and MM-Grounding-DINO on small random weights, against transformers' own processors and
models."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import pytest
import torch

from single_image_studio.masking import transformers_api
from single_image_studio.masking.detection_prompt import parse_prompt, tokenize
from single_image_studio.masking.families import DETECTORS, SEGMENTERS
from single_image_studio.masking.family import Source
from single_image_studio.masking.interfaces import Thing
from single_image_studio.support.errors import InputError

from ..helpers.masking_networks import DECODER, PROMPTS, PYRAMID, SIDE, hq_decoder, need, saved, spread

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers")

BOX = (10.0, 5.0, 60.0, 50.0)
THINGS = {
    "box": Thing(BOX),
    "box and points": Thing(BOX, ((20.0, 20.0, True), (55.0, 45.0, False))),
    "a click": Thing(points=((70.0, 30.0, True),)),
    "points": Thing(points=((70.0, 30.0, True), (80.5, 10.25, True), (5.0, 5.0, False))),
}
HIERA = {
    "hidden_size": 8,
    "image_size": [SIDE, SIDE],
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [8, 16, 32, 64],
    "num_attention_heads_per_stage": [1, 1, 2, 2],
    "window_size_per_stage": [4, 2, 2, 2],
    "global_attention_blocks": [3],
}


def sam_hq() -> Any:
    config = need("SamHQConfig")
    vision = {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
        "mlp_dim": 32,
    }
    prompts = PROMPTS | {"image_embedding_size": 4}
    sizes = {"vision_config": vision, "prompt_encoder_config": prompts, "mask_decoder_config": DECODER}
    sizes["mask_decoder_config"] = DECODER | {"vit_dim": 32}
    return need("SamHQModel")(config(**sizes))


def sam2() -> Any:
    vision = need("Sam2VisionConfig")(
        backbone_config=need("Sam2HieraDetConfig")(**HIERA), backbone_channel_list=[64, 32, 16, 8], **PYRAMID
    )
    sizes = {"prompt_encoder_config": PROMPTS, "mask_decoder_config": DECODER}
    return need("Sam2Model")(need("Sam2Config")(vision_config=vision, **sizes))


def sam2_video() -> Any:
    vision = need("Sam2VisionConfig")(
        backbone_config=need("Sam2HieraDetConfig")(**HIERA), backbone_channel_list=[64, 32, 16, 8], **PYRAMID
    )
    sizes = {"prompt_encoder_config": PROMPTS, "mask_decoder_config": DECODER, "image_size": SIDE}
    sizes |= {"memory_attention_hidden_size": 32, "memory_attention_feed_forward_hidden_size": 32}
    sizes |= {"memory_attention_num_attention_heads": 1, "memory_encoder_hidden_size": 32}
    return need("Sam2VideoModel")(need("Sam2VideoConfig")(vision_config=vision, **sizes))


def edgetam() -> Any:
    pytest.importorskip("timm")
    if transformers.__version__ < "5":
        pytest.skip("it would look up a backbone in the hub")
    arguments = {"in_chans": 3, "features_only": True, "out_indices": (0, 1, 2, 3)}
    backbone = need("TimmWrapperConfig")(architecture="repvit_m0_9", model_args=arguments)
    vision = need("EdgeTamVisionConfig")(backbone_config=backbone, backbone_channel_list=[384, 192, 96, 48], **PYRAMID)
    sizes = {"prompt_encoder_config": PROMPTS, "mask_decoder_config": DECODER}
    return need("EdgeTamModel")(need("EdgeTamConfig")(vision_config=vision, **sizes))


MODELS = {"sam_hq": sam_hq, "sam2": sam2, "sam2_video": sam2_video, "edgetam": edgetam}


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder as published ones are, with weights spread so that answers differ."""
    torch.manual_seed(0)
    model = spread(MODELS[request.param]().eval())
    return saved(model, tmp_path_factory.mktemp("models") / request.param)


@pytest.mark.parametrize("name", THINGS)
def test_segmenters_answer_as_the_library_s_own(folder: pathlib.Path, picture: torch.Tensor, name: str) -> None:
    thing, segmenter = THINGS[name], SEGMENTERS.load(folder)
    if folder.name.startswith("sam2") and thing.box and transformers.__version__ < "4.57":
        pytest.skip("it reads boxes otherwise than the original program, and than later versions")
    stretched = folder.name != "sam_hq"
    kind = {"sam_hq": "SamHQ", "edgetam": "EdgeTam"}.get(folder.name, "Sam2")
    model = need(f"{kind}Model").from_pretrained(folder).eval()
    if kind == "SamHQ" and transformers.__version__ >= "4.54":  # which draws masks from the wrong features
        model.mask_decoder.forward = functools.partial(hq_decoder, model.mask_decoder)
    if stretched:
        processor = need("Sam2Processor")(need("Sam2ImageProcessorFast")(size={"height": SIDE, "width": SIDE}), SIDE)
    else:
        sizes = {"size": {"longest_edge": SIDE}, "pad_size": {"height": SIDE, "width": SIDE}}
        processor = need("SamHQProcessor")(need("SamImageProcessor")(**sizes))
    inputs = processor(
        (picture * 255).byte().numpy(),
        input_points=[[[list(p[:2]) for p in thing.points]]] if thing.points else None,
        input_labels=[[[int(p[2]) for p in thing.points]]] if thing.points else None,
        input_boxes=[[list(thing.box)]] if thing.box else None,
        return_tensors="pt",
    )
    inputs["pixel_values"] = ours = pixels_of(segmenter, picture)  # ours is resized by another library
    shapes = [inputs.pop(key) for key in ("original_sizes", "reshaped_input_sizes") if key in inputs]
    prompts = {key: value.float() if value.is_floating_point() else value for key, value in inputs.items()}
    assert ours.shape == (1, 3, SIDE, SIDE)
    with torch.no_grad():
        out = model(multimask_output=name == "a click", **prompts)
        masks = processor.post_process_masks(out.pred_masks, *shapes, binarize=False)
    wanted = masks[0][0, int(out.iou_scores[0, 0].argmax())]
    found = segmenter.masks(segmenter.encode(picture), [thing])[0]
    assert wanted.std() > 1e-3 and (found - wanted).abs().max() <= 1e-5


def pixels_of(segmenter: Any, picture: torch.Tensor) -> torch.Tensor:
    """What the segmenter gives its network."""
    seen: list[torch.Tensor] = []
    encode = segmenter.net.encode

    def spy(pixels: torch.Tensor) -> Any:
        seen.append(pixels)
        return encode(pixels)

    segmenter.net.encode = spy
    segmenter.encode(picture)
    del segmenter.net.encode
    return seen[0]


def test_a_rough_mask_a_batch_and_half_precision(folder: pathlib.Path, picture: torch.Tensor) -> None:
    segmenter = SEGMENTERS.load(folder)
    rough = torch.zeros(60, 90)
    rough[10:40, 20:50] = 1
    things = [*THINGS.values(), Thing(BOX, mask=rough), *THINGS.values()]
    exact = segmenter.encode(picture)
    together = segmenter.masks(exact, things)
    for thing, mask in zip(things, together):
        assert torch.allclose(segmenter.masks(exact, [thing])[0], mask, atol=1e-5)
    assert (together[4] - together[0]).abs().max() > 1e-3
    segmenter.use_half(torch.bfloat16)
    close = segmenter.encode(picture)
    assert close.finer and close.nbytes == exact.nbytes
    assert (close.features - exact.features).abs().max() / exact.features.std() < 0.2
    assert segmenter.masks(close, things).isfinite().all()


@pytest.fixture(scope="module")
def mm_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    swin = transformers.SwinConfig(
        embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, out_indices=[2, 3, 4]
    )
    bert = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=30522
    )
    config = need("MMGroundingDinoConfig")(
        backbone_config=swin, text_config=bert, d_model=32, num_queries=20, encoder_layers=1, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        disable_custom_kernels=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = need("MMGroundingDinoForObjectDetection")(config).eval()
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and "level" not in name:
            torch.nn.init.normal_(weight, std=0.8 / weight[0].numel() ** 0.5)
    return saved(model, tmp_path_factory.mktemp("models") / "mm")


def test_mm_grounding_dino_answers_as_the_library_s_own(mm_folder: pathlib.Path, picture: torch.Tensor) -> None:
    detector = DETECTORS.load(mm_folder)
    prompt = parse_prompt("a red heart . hat")
    ids = torch.tensor([tokenize(prompt, detector.tokenizer).ids])
    pixels = detector.preprocessing(picture)
    model = need("MMGroundingDinoForObjectDetection").from_pretrained(mm_folder).eval()
    with torch.no_grad():
        wanted = model(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids))
        logits, boxes = detector.net(pixels, ids)
    finite = wanted.logits.isfinite()
    assert torch.equal(finite, logits.isfinite()) and (logits - wanted.logits)[finite].abs().max() <= 1e-5
    assert (boxes - wanted.pred_boxes).abs().max() <= 1e-5 and boxes.std() > 1e-3
    wanted_scores = wanted.logits.sigmoid().amax(-1)[0]
    assert detector.detect(picture, prompt, 0.0, 0.0)
    assert detector.best_score() == pytest.approx(float(wanted_scores.max()), abs=1e-6)


@pytest.mark.parametrize("name, version", transformers_api.SINCE.items())
def test_a_library_that_is_too_old_says_which_one_is_needed(monkeypatch, name: str, version: tuple[int, int]) -> None:
    class Older:
        __version__ = "4.50.0"

    monkeypatch.setattr(transformers_api, "_transformers", lambda: Older)
    needed = rf"^my_model needs transformers {version[0]}\.{version[1]} or newer, and 4\.50\.0 is installed"
    with pytest.raises(InputError, match=needed):
        transformers_api.build("Config", name, Source("my_model", {}, {}))


def test_a_package_that_is_missing_is_named(monkeypatch) -> None:
    class Without:
        __version__ = "5.0"

        class Config:
            @staticmethod
            def from_dict(_):
                raise ImportError("TimmWrapperModel requires the timm library but it was not found\nadvice")

        Model = None

    monkeypatch.setattr(transformers_api, "_transformers", lambda: Without)
    with pytest.raises(
        InputError, match=r"^edge needs a package that is not there \(TimmWrapperModel requires the timm"
    ):
        transformers_api.build("Config", "Model", Source("edge", {}, {}))


def test_the_hub_is_switched_off_while_a_network_is_made(monkeypatch) -> None:
    import huggingface_hub.constants as hub

    class Looks:
        __version__ = "5.0"

        class Config:
            @staticmethod
            def from_dict(_):
                assert hub.HF_HUB_OFFLINE is True
                raise OSError("not in the cache")

        Model = None

    monkeypatch.setattr(transformers_api, "_transformers", lambda: Looks)
    before = hub.HF_HUB_OFFLINE
    with pytest.raises(InputError, match=r"^edge does not fit what its config says \(not in the cache\)"):
        transformers_api.build("Config", "Model", Source("edge", {}, {}))
    assert before == hub.HF_HUB_OFFLINE
