"""Where concepts are looked for in artists' graphs: stages, prompts with masks, late prompts, tiles, a name twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.conditionings import with_options
from ..helpers.gated import LEFT, Models, apart, far, naming, sampled
from ..helpers.kept_apart import PHRASES, entry, on, row
from ..helpers.lora import some_lora
from ..helpers.stock_sampling import host_samples, published_sigmas

Lora = dict[str, Tensor]


@pytest.mark.parametrize("first, last, evaluations", [(0, 20, 8), (0, 6, None), (8, 20, 1), (14, 20, 1)])
def test_a_stage_has_its_places_when_the_layout_stands(
    demo_model: Models, lora: Lora, negative: Any, first: int, last: int, evaluations: int | None
) -> None:
    """As KSampler (Advanced) and second passes run a part of the steps."""
    model, clip, _ = demo_model
    found, calls = list[int](), list[int]()
    wire = apart(model, lora, found=lambda _: found.append(len(calls))).clone()

    def count(apply: Any, given: Any) -> Tensor:
        calls.append(1)
        return apply(given["input"], given["timestep"], **given["c"])

    wire.set_model_unet_function_wrapper(count)
    latents = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    sigmas = published_sigmas(model, 20)[first : last + 1]
    with torch.inference_mode():
        host_samples(wire, naming(clip, {"one": (1, 2)}), negative, latents, sigmas, 4.0, noise=latents)
    # the wrapper above is called before ours, which looks when the next evaluation begins
    assert found == ([] if evaluations is None else [evaluations + 1])


def test_a_prompt_with_a_mask_has_no_say_elsewhere(demo_model: Models, lora: Lora, negative: Any) -> None:
    """Regional prompts: each concept is found where its own prompt is, but for the two cells that places grow by."""
    model, clip, _ = demo_model
    places = dict[str, Tensor]()
    wire = model
    for name in ("one", "two"):
        wire = apart(wire, lora, name, found=lambda found, name=name: places.update({name: found}))
    left, right = (
        with_options(naming(clip, {name: (1, 2)}), mask=mask, mask_strength=1.0, set_area_to_bounds=False)
        for name, mask in (("one", LEFT), ("two", 1 - LEFT))
    )
    sampled(wire, [*left, *right], negative, steps=8)
    assert places["one"].any() and not places["one"][..., 10:].any()
    assert places["two"].any() and not places["two"][..., :6].any()


def test_a_prompt_that_names_it_late(demo_model: Models, lora: Lora, negative: Any) -> None:
    model, clip, _ = demo_model
    places = list[Tensor]()
    early = with_options(naming(clip, {}), start_percent=0.0, end_percent=0.6)
    late = with_options(naming(clip, {"one": (1, 2)}), start_percent=0.6, end_percent=1.0)
    sampled(apart(model, lora, found=places.append), [*early, *late], negative, steps=10)
    assert len(places) == 1 and places[0].any()


def test_tiles_are_told_and_have_no_places(
    demo_model: Models, lora: Lora, negative: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model, clip, _ = demo_model
    places, positive = list[Tensor](), naming(clip, {"one": (1, 2)})

    def tiled(wire: Any) -> Any:
        def run(apply: Any, given: Any) -> Tensor:
            halves = given["input"].chunk(2, dim=-1)
            return torch.cat([apply(half, given["timestep"], **given["c"]) for half in halves], dim=-1)

        wire = wire.clone()
        wire.set_model_unet_function_wrapper(run)
        return wire

    plain, found, given = (
        sampled(tiled(wire), positive, negative, steps=5)
        for wire in (model, apart(model, lora, found=places.append), apart(model, lora, region=LEFT))
    )
    assert not places and caplog.text.count("tiles of the picture") == 2
    assert torch.equal(found, given) and far(found, plain) > 1e-3  # both by tokens alone


@pytest.mark.parametrize("is_seen", [True, False])
def test_layers_that_another_pack_has_changed_are_looked_at_only_where_they_can_tell(
    demo_model: Models, lora: Lora, negative: Any, caplog: pytest.LogCaptureFixture, is_seen: bool
) -> None:
    """Appended tokens leave the prompt as it is; of repeated rows nobody knows whose they are."""
    model, clip, _ = demo_model
    places, wire = list[Tensor](), model.clone()
    if is_seen:
        wire.set_model_attn2_patch(lambda n, k, v, _: (n, *(torch.cat([part, part[:, 1:5]], 1) for part in (k, v))))
    else:
        wire.set_model_attn2_patch(lambda n, k, v, _: tuple(part.repeat_interleave(2, 0) for part in (n, k, v)))
        wire.set_model_attn2_output_patch(lambda n, _: n[::2])
    sampled(apart(wire, lora, found=places.append), naming(clip, {"one": (1, 2)}), negative, steps=5)
    assert len(places) == is_seen and caplog.text.count("could not be seen") == (not is_seen)


@pytest.mark.parametrize("is_apart", [True, False])
def test_a_name_that_another_concept_has_got_is_no_longer_the_first_ones(
    demo_model: Models, negative: Any, is_apart: bool
) -> None:
    """As two Apply Concept nodes with the default name: the later one's picture is as without the earlier one."""
    model, clip, _ = demo_model
    wires = (model, clip), on((model, clip), "x", embedding=row(1), keep_apart=True)
    alone, both = (on(before, "x", embedding=row(2), lora={}, keep_apart=is_apart) for before in wires)
    pictures = [sampled(chain[0], [entry(chain[1], "<x> heart")], negative, steps=8) for chain in (both, alone)]
    assert torch.equal(*pictures)
    first = sampled(wires[1][0], [entry(wires[1][1], "<x> heart")], negative, steps=8)
    assert far(first, pictures[1]) > 1e-2


@pytest.mark.parametrize("is_apart", [True, False])
@pytest.mark.parametrize(
    "chain",
    [
        [("heart_3", ""), ("heart_2", "mine/heart_2"), ("heart_2", "old/heart_2")],  # its short name is another's
        [("heart_2", "mine/heart_2"), ("heart_2", "old/heart_2"), ("heart", "")],  # and is asked for later
        [("heart_2", ""), ("heart_2", ""), ("heart", "")],  # and was all that it had left
        [("heart_2", "mine/heart_2"), ("heart", ""), ("heart_2", "old/heart_2"), ("heart", "old/heart")],
        [("heart", "heart_2"), ("heart_2", ""), ("heart", "")],
    ],
)
def test_a_model_calls_its_concepts_as_the_conditionings_do(
    demo_model: Models, chain: list[tuple[str, str]], is_apart: bool
) -> None:
    """They are told from each other by their LoRAs' strengths and their rows. The last one may act on everything."""
    from single_image_studio.host import unet_apart

    wires = demo_model[:2]
    for number, (name, path) in enumerate(chain, 1):
        on_its_own = is_apart or number < len(chain)
        lora = some_lora(*wires)
        wires = on(
            wires, name, embedding=row(number), lora=lora, keep_apart=on_its_own, strength=number, nicknames=(path,)
        )
    known = wires[1].tokenizer.clip_l.concepts
    called = {float(concept.rows[0, 0]): concept.name for concept in known.values()}
    on_model = {concept.strength: concept.name for concept in unet_apart._on(wires[0])}
    numbers = range(1, len(chain) + is_apart)
    assert on_model == {number: called.get(float(row(number)[0, 0]), "") for number in numbers}
    for name, concept in known.items():
        assert list(entry(wires[1], f"<{name}> heart")[1][PHRASES]) == [concept.name]


def test_two_of_one_name_are_whom_the_prompt_calls_so(demo_model: Models, negative: Any) -> None:
    """Of two files of one name in two folders, the earlier goes by its path; its LoRA acts on that phrase."""
    model, clip, _ = demo_model
    lora = some_lora(model, clip)
    other = {name: tensor.flip(0) if tensor.dim() else tensor for name, tensor in lora.items()}
    alone = on((model, clip), "x", embedding=row(1), lora=lora, nicknames=("people/x",))
    both = on(alone, "x", "star", embedding=row(2), lora=other, nicknames=("pets/x",))
    pictures = [
        sampled(wires[0], [entry(wires[1], prompt)], negative, steps=8)
        for wires, prompt in ((alone, "<x> heart"), (both, "<people/x> heart"), (both, "<x> star"))
    ]
    assert far(pictures[0], pictures[1]) <= 1e-5 < far(pictures[0], pictures[2])
