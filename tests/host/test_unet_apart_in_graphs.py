"""Gated LoRAs in graphs as they come: errors, odd regions, other packs' patches, half precision, foreign LoRAs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.conditionings import encode
from ..helpers.gated import LEFT, PROMPT, Models, apart, far, merged, naming, sampled
from ..helpers.kept_apart import PHRASES


@pytest.mark.parametrize("when", [0, 3])
@pytest.mark.parametrize("end", ["error", "cancel", "out of memory"])
def test_nothing_is_left_behind(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, when: int, end: str
) -> None:
    import comfy.model_management as management

    ends = {"error": ValueError, "cancel": management.InterruptProcessingException,
            "out of memory": management.OOM_EXCEPTION}  # fmt: skip
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    plain = sampled(model, positive, negative, steps=5)
    wire, calls = apart(model, lora), []

    def fail(apply: Any, given: Any) -> Any:
        calls.append(1)
        if len(calls) > when:
            raise ends[end]
        return apply(given["input"], given["timestep"], **given["c"])

    wire.set_model_unet_function_wrapper(fail)
    with pytest.raises(ends[end]):
        sampled(wire, positive, negative, steps=5)
    assert not [m for m in model.model.modules() if m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m)]
    assert torch.equal(sampled(model, positive, negative, steps=5), plain)


def test_what_is_odd_about_a_region_is_told(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2), "two": (5, 6)})

    def told(wire: Any) -> str:
        caplog.clear()
        sampled(wire, positive, negative)
        return caplog.text

    assert not told(apart(apart(model, lora, region=LEFT), lora, "two", region=1 - LEFT))
    assert "was resized" in told(apart(model, lora, region=torch.ones(1, 100, 50)))
    assert "3 masks and the batch 2 pictures" in told(apart(model, lora, region=torch.ones(3, 128, 128)))
    assert "is empty" in told(apart(model, lora, region=torch.zeros(1, 128, 128)))
    assert "one, two overlap" in told(apart(apart(model, lora, region=LEFT), lora, "two", region=LEFT))
    assert "No prompt here says <three>" in told(apart(model, lora, "three"))


def test_prompts_that_tell_nothing_get_the_merged_loras_pictures(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Other packs' encoders, and training."""
    model, clip, _ = demo_model
    positive = encode(clip, PROMPT)
    assert far(sampled(apart(model, lora), positive, negative), sampled(merged(model, lora), positive, negative)) < 1e-4
    assert "`keep_apart` does nothing for one here" in caplog.text


def test_overlapping_regions_share() -> None:
    from single_image_studio.diffusion.regions import shared

    regions = torch.tensor([1.0, 1.0, 0.5, 0.0])[None, :, None, None] * torch.ones(1, 4, 1, 1)
    assert torch.allclose(shared(regions)[0, :, 0, 0], torch.tensor([0.4, 0.4, 0.2, 0.0]))


@pytest.mark.parametrize("hang", ["HyperTile", "ToMe", "FreeU V2", "image prompt (attention patch by side)"])
def test_other_packs_patches_keep_working(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, hang: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Both act: neither the plain model's nor the patch's own picture."""
    from ..helpers.artists_graphs import HANGS, Graph

    model, clip, vae = demo_model
    positive = naming(clip, {"one": (1, 2)})
    patched = HANGS[hang](Graph(model, clip, vae, {})).model
    pictures = [sampled(wire, positive, negative, steps=5) for wire in (apart(patched, lora), patched, model)]
    assert torch.isfinite(pictures[0]).all()
    assert far(pictures[0], pictures[1]) > 1e-3 and far(pictures[1], pictures[2]) > 1e-3
    assert not caplog.records


def test_half_precision(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    import comfy.model_management

    model, clip, _ = demo_model
    half = apart(model, lora, region=LEFT).clone()
    half.set_model_compute_dtype(torch.bfloat16)
    positive = naming(clip, {"one": (1, 2)})
    assert far(sampled(half, positive, negative), sampled(apart(model, lora, region=LEFT), positive, negative)) < 0.1
    comfy.model_management.unload_all_models()


def test_a_partially_loaded_model(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that wait elsewhere, and stock LoRAs that act on them only when they are asked for."""
    import comfy.model_management
    import comfy.model_patcher

    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    other = {name: tensor.flip(0) if tensor.dim() else tensor for name, tensor in lora.items()}
    wire = apart(merged(model, other), lora, region=LEFT)
    whole, load = sampled(wire, positive, negative), comfy.model_patcher.ModelPatcher.load

    def load_little(patcher: Any, device_to: Any = None, *_: Any, **__: Any) -> Any:
        return load(patcher, device_to, lowvram_model_memory=1)

    comfy.model_management.unload_all_models()
    monkeypatch.setattr(comfy.model_patcher.ModelPatcher, "load", load_little)
    part = sampled(wire, positive, negative)
    assert model.model.model_lowvram
    comfy.model_management.unload_all_models()
    assert far(part, whole) <= 1e-5


def test_a_phrase_in_a_later_chunk(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    """Attention knows no order of tokens: with the chunks in turned order it is the same picture."""
    model, clip, _ = demo_model
    ((embedding, options),) = naming(clip, {"one": (80, 81)}, PROMPT + ", on a green background" * 20)
    turned = [[embedding.roll(77, 1), {**options, PHRASES: {"one": (3, 4)}}]]
    elsewhere = [[embedding, {**options, PHRASES: {"one": (3, 4)}}]]
    wire = apart(model, lora, region=LEFT)
    later, first, other = (
        sampled(wire, positive, negative) for positive in ([[embedding, options]], turned, elsewhere)
    )
    assert far(later, first) <= 1e-4 < far(later, other)


def test_a_session_gates_by_region_and_looks_for_no_place(
    demo_model: Models, lora: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    """The same prediction at the same step, whatever came before; training sees the merged LoRA, to the bit."""
    from single_image_studio.host.session import UnetSession

    model, clip, _ = demo_model
    source, uncond = naming(clip, {"one": (1, 2)}), encode(clip, "")
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))

    def predicted(wire: Any, order: list[int], **more: Any) -> Tensor:
        def work(unet: Any) -> Tensor:
            return [unet.predict_x0(latents, torch.tensor([t]), [unet.prompts["source"]])[0] for t in order][-1]

        session = UnetSession(
            model=wire, shape=(1, 4, 16, 16), timesteps=[981, 501, 1], positive={"source": source},
            negative={"uncond": uncond}, **more,
        )  # fmt: skip
        with torch.inference_mode():
            return session.run(work)

    for wire in (apart(model, lora), apart(model, lora, region=LEFT)):
        assert torch.equal(predicted(wire, [981, 901, 1, 501]), predicted(wire, [501]))
        assert far(predicted(wire, [501]), predicted(model, [501])) > 1e-3
    assert "do not look for the place of one in the picture" in caplog.text
    training = {"clip": clip, "gradients": True, "precision": "fp32"}
    assert torch.equal(
        predicted(apart(model, lora), [501], **training), predicted(merged(model, lora), [501], **training)
    )


def test_what_cannot_be_told_apart_is_told(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A LoKr is a change of weights alone. A wrapper that runs a batch's rows one by one hides which is which."""
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    name = next(key for key in lora if key.endswith("attn2_to_q.lora_up.weight")).removesuffix(".lora_up.weight")
    side = len(lora[f"{name}.lora_up.weight"])
    lokr = {f"{name}.lokr_w1": torch.eye(2), f"{name}.lokr_w2": torch.full((side // 2, side // 2), 0.01)}
    plain = sampled(model, positive, negative)
    assert far(sampled(apart(model, lokr), positive, negative), plain) > 1e-4
    assert "acts on the whole picture" in caplog.text
    cut = apart(model, lora, region=LEFT).clone()

    def one_by_one(apply: Any, given: Any) -> Tensor:
        parts = []
        for i in range(len(given["input"])):
            conds = {k: v[i : i + 1] if isinstance(v, Tensor) else v for k, v in given["c"].items()}
            parts.append(apply(given["input"][i : i + 1], given["timestep"][i : i + 1], **conds))
        return torch.cat(parts)

    cut.set_model_unet_function_wrapper(one_by_one)
    assert far(sampled(cut, positive, negative), plain) < 1e-4
    assert caplog.text.count("Another pack runs `model` on parts of the batch") == 1


def test_a_lora_of_convolutions_is_gated_by_place(demo_model: Models, negative: Any) -> None:
    """As other trainers make them: everywhere, the stock loader's pictures; in a half, others."""
    model, clip, _ = demo_model
    positive, names = naming(clip, {"one": (1, 2)}), ("input_blocks_1_0_in_layers_2", "input_blocks_1_0_out_layers_3")
    unet, lora = model.model.diffusion_model, dict[str, Tensor]()
    for name, layer in zip(names, (unet.input_blocks[1][0].in_layers[2], unet.input_blocks[1][0].out_layers[3]),
                           strict=True):  # fmt: skip
        outputs, inputs, height, width = layer.weight.shape
        draw = torch.Generator().manual_seed(3)
        lora[f"lora_unet_{name}.lora_down.weight"] = 0.1 * torch.randn(2, inputs, height, width, generator=draw)
        lora[f"lora_unet_{name}.lora_up.weight"] = 0.1 * torch.randn(outputs, 2, 1, 1, generator=draw)
        lora[f"lora_unet_{name}.alpha"] = torch.tensor(1.0)
    stock, plain = (sampled(wire, positive, negative) for wire in (merged(model, lora), model))
    ones = torch.ones(1, 128, 128)
    assert far(stock, plain) > 1e-3
    assert far(sampled(apart(model, lora, region=ones), positive, negative), stock) <= 1e-4
    assert far(sampled(apart(model, lora, region=LEFT), positive, negative), stock) > 1e-3
