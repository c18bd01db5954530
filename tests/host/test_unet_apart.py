"""Concepts' LoRAs gated by tokens and by places, against the stock LoraLoader and the plain model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.conditionings import controlnet, encode, with_options
from ..helpers.lora import some_lora
from ..helpers.stock_sampling import host_samples, published_sigmas

PROMPT = "a heart and a blue star"
PHRASES, WORDS = "single_image_studio_phrases", "single_image_studio_words"
LEFT = torch.zeros(1, 128, 128)
LEFT[..., :64] = 1
Models = tuple[Any, Any, Any]


def naming(clip: Any, phrases: Mapping[str, tuple[int, ...]], text: str = PROMPT) -> Any:
    """A prompt that says of itself which of its tokens are whose phrase."""
    words = (("blue", (5,)), ("star", (6,)))
    return with_options(encode(clip, text), **{PHRASES: dict(phrases), WORDS: words})


def apart(model: Any, lora: dict[str, Tensor], name: str = "one", strength: float = 0.8, **how: Any) -> Any:
    from single_image_studio.host.unet_apart import with_lora_apart

    return with_lora_apart(model, name, lora, strength, **how)


def merged(model: Any, lora: dict[str, Tensor], strength: float = 0.8) -> Any:
    import comfy.sd

    return comfy.sd.load_lora_for_models(model, None, dict(lora), strength, 0)[0]


def sampled(
    model: Any, positive: Any, negative: Any, sampler: str = "euler", pictures: int = 2, steps: int = 3, **more: Any
) -> Tensor:
    shape = (pictures, 4, 16, 16)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    sigmas = published_sigmas(model, 1000 // (1000 // steps))
    with torch.inference_mode():
        return host_samples(model, positive, negative, torch.zeros(shape), sigmas, 4.0, sampler, noise, **more)


@pytest.fixture
def lora(demo_model: Models) -> dict[str, Tensor]:
    return some_lora(*demo_model[:2], 0.1)


@pytest.fixture
def negative(demo_model: Models) -> Any:
    return encode(demo_model[1], "")


def far(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_everywhere_is_what_the_stock_loader_gives(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    ours = sampled(apart(model, lora, region=torch.ones(1, 128, 128), by_tokens=False), positive, negative)
    stock = sampled(merged(model, lora), positive, negative)
    assert far(ours, stock) <= 1e-4
    assert far(stock, sampled(model, positive, negative)) > 1e-2


def test_nowhere_is_the_plain_model_to_the_bit(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    model, clip, _ = demo_model
    positive = naming(clip, {})
    plain = sampled(model, positive, negative)
    assert torch.equal(sampled(apart(model, lora, region=torch.zeros(1, 128, 128)), positive, negative), plain)
    assert torch.equal(sampled(apart(model, lora), positive, negative), plain)  # not named, no place
    assert torch.equal(sampled(apart(model, lora, strength=0.0), positive, negative), plain)


def test_tokens_alone_change_keys_and_values_at_the_phrase_only(demo_model: Models, lora: dict[str, Tensor]) -> None:
    """Against the same layers' outputs with the whole update, token by token."""
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    plain, ours = (_first_outputs(wire, positive) for wire in (model, apart(model, lora)))
    for projection in ("to_k", "to_v"):
        changed = (ours[projection] - plain[projection]).abs().amax(2)
        assert (changed[:, [1, 2]] > 0).all()
        assert not changed[:, [0, *range(3, 77)]].any()
    whole = _first_outputs(apart(model, lora, region=torch.ones(1, 128, 128), by_tokens=False), positive)
    assert torch.allclose(ours["to_k"][:, [1, 2]], whole["to_k"][:, [1, 2]], atol=1e-5)


def _first_outputs(model: Any, positive: Any) -> dict[str, Tensor]:
    """What the first cross-attention's keys and values are in the first call, of the positive prompt alone."""
    unet, seen = model.model.diffusion_model, dict[str, Tensor]()
    attention = next(module for name, module in unet.named_modules() if name.endswith("attn2"))

    def keep(name: str) -> Callable[..., None]:
        def hook(_: Any, inputs: Any, output: Tensor) -> None:
            seen.setdefault(name, output.clone())

        return hook

    def sample() -> None:
        import comfy.samplers

        guider = comfy.samplers.CFGGuider(model)
        guider.inner_set_conds({"positive": positive})
        shape = (1, 4, 16, 16)
        with torch.inference_mode():
            guider.sample(torch.ones(shape), torch.zeros(shape), _Once(handles), published_sigmas(model, 4), seed=0)

    handles: list[Any] = []

    class _Once:
        """A sampler of one call, whose hooks come after those of the concepts."""

        def __init__(self, _: Any) -> None: ...

        def sample(self, wrap: Any, sigmas: Any, extra: Any, callback: Any, noise: Tensor, *_: Any) -> Tensor:
            for name in ("to_k", "to_v"):
                handles.append(getattr(attention, name).register_forward_hook(keep(name)))
            try:
                wrap(noise * sigmas[0], sigmas[:1], **extra)
            finally:
                for handle in handles:
                    handle.remove()
            return noise

    sample()
    return seen


@pytest.mark.parametrize("how", ["regions", "by itself"])
def test_the_order_of_concepts_does_not_matter(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, how: str
) -> None:
    model, clip, _ = demo_model
    second = {name: tensor.flip(0) if tensor.dim() else tensor for name, tensor in lora.items()}
    regions = {"one": LEFT, "two": 1 - LEFT} if how == "regions" else {}
    positive = naming(clip, {"one": (1, 2), "two": (5, 6)})
    one, two = (
        (lambda m: apart(m, lora, region=regions.get("one"))),
        (lambda m: apart(m, second, "two", region=regions.get("two"))),
    )
    pictures = [sampled(wire, positive, negative, steps=8) for wire in (two(one(model)), one(two(model)), one(model))]
    assert far(pictures[0], pictures[1]) <= 1e-5
    assert far(pictures[0], pictures[2]) > 1e-3


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm_2", "dpmpp_2m"])
def test_a_region_is_found_once_a_run_with_any_sampler(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, sampler: str
) -> None:
    model, clip, _ = demo_model
    found: list[Tensor] = []
    wire = apart(model, lora, found=found.append)
    positive = naming(clip, {"one": (1, 2)})
    for _ in range(2):  # each run finds its own
        picture = sampled(wire, positive, negative, sampler, steps=10)
    assert len(found) == 2 and torch.equal(*found)
    assert found[0].shape == (2, 16, 16) and set(found[0].unique().tolist()) <= {0.0, 1.0}
    assert 0 < found[0].mean() < 0.9
    assert far(picture, sampled(model, positive, negative, sampler, steps=10)) > 1e-3


def test_a_phrase_is_attended_to_in_its_region_only(demo_model: Models, lora: dict[str, Tensor]) -> None:
    from single_image_studio.host.gates import CallGates
    from single_image_studio.host.token_marks import Chunk, Prompt, Rows

    rows = Rows((Chunk(Prompt(77, {"one": (1, 2)}), 1), Chunk(Prompt(77), 1)))
    regions = torch.zeros(2, 1, 4, 4)
    regions[..., :2] = 1
    gates = CallGates(["one"], [True], rows, regions, [True], torch.zeros(0))
    bias = gates.attention_bias(4, 4, 154)
    assert bias is not None and bias.shape == (2, 16, 154)
    outside = bias[0].reshape(4, 4, 154)[:, 2:]
    assert (outside[..., [1, 2, 78, 79]] <= -1e3).all()  # a short prompt beside a longer one is repeated
    assert not outside[..., [0, 3, 77]].any() and not bias[0].reshape(4, 4, 154)[:, :2].any() and not bias[1].any()


def test_areas_crop_regions_alike(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    """An area over the left half, in a region of the left half: the same as a region of all."""
    model, clip, _ = demo_model
    wires = [with_options(wire, area=(16, 8, 0, 0)) for wire in (naming(clip, {"one": (1, 2)}), negative)]
    regions = (LEFT, torch.ones(1, 128, 128))
    pictures = [sampled(apart(model, lora, region=region), *wires) for region in regions]
    assert far(*pictures) <= 1e-5
    right = sampled(apart(model, lora, region=1 - LEFT), *wires)
    assert far(right, pictures[0]) > 1e-3


def test_with_controlnet_and_a_stock_lora_beside(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    """Everywhere, it is what two stock LoRAs give."""
    model, clip, _ = demo_model
    other = {name: tensor.flip(0) if tensor.dim() else tensor for name, tensor in lora.items()}
    positive = with_options(naming(clip, {}), control=controlnet(model), control_apply_to_uncond=True)
    ours = apart(merged(model, other), lora, region=torch.ones(1, 128, 128), by_tokens=False)
    stock = merged(merged(model, other), lora)
    assert far(sampled(ours, positive, negative), sampled(stock, positive, negative)) <= 1e-4


def test_sides_go_through_in_one_pass(demo_model: Models, lora: dict[str, Tensor], negative: Any) -> None:
    """Also where one side's prompt is longer than the other's."""
    model, clip, _ = demo_model
    calls: list[int] = []
    wire = apart(model, lora, region=LEFT).clone()

    def count(apply: Any, given: Any) -> Any:
        calls.append(len(given["input"]))
        return apply(given["input"], given["timestep"], **given["c"])

    wire.set_model_unet_function_wrapper(count)
    for text in (PROMPT, PROMPT + ", on a green background" * 20):
        calls.clear()
        sampled(wire, naming(clip, {"one": (1, 2)}, text), negative, pictures=1)
        assert set(calls) == {2}


class Broken(Exception):
    pass


@pytest.mark.parametrize("when", [0, 3])
def test_nothing_is_left_behind_after_an_error(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, when: int
) -> None:
    model, clip, _ = demo_model
    positive = naming(clip, {"one": (1, 2)})
    plain = sampled(model, positive, negative, steps=5)
    wire, calls = apart(model, lora), []

    def fail(apply: Any, given: Any) -> Any:
        calls.append(1)
        if len(calls) > when:
            raise Broken
        return apply(given["input"], given["timestep"], **given["c"])

    wire.set_model_unet_function_wrapper(fail)
    with pytest.raises(Broken):
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
    assert "No prompt here names <three>" in told(apart(model, lora, "three"))


def test_prompts_that_tell_nothing_get_the_merged_loras_pictures(
    demo_model: Models, lora: dict[str, Tensor], negative: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Other packs' encoders, and training."""
    model, clip, _ = demo_model
    positive = encode(clip, PROMPT)
    assert far(sampled(apart(model, lora), positive, negative), sampled(merged(model, lora), positive, negative)) < 1e-4
    assert "as if `keep_apart` were off" in caplog.text


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
    assert "no places are looked for here: one" in caplog.text
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
