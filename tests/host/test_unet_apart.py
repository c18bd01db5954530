"""Concepts' LoRAs gated by tokens and by places, against the stock LoraLoader and the plain model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.conditionings import controlnet, with_options
from ..helpers.gated import LEFT, PROMPT, Models, apart, far, merged, naming, sampled
from ..helpers.stock_sampling import published_sigmas


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


@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm_2", "dpmpp_2m", "heunpp2"])
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
