"""Word Heat Maps: the maps against attention computed by hand, and the picture against the host's own KSampler."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from single_image_studio.support.errors import InputError

from ..helpers.kept_apart import foo

PROMPT = "a photo of a red heart on a green background"
EMPTY = {"samples": torch.zeros(2, 4, 16, 12)}
MASK = torch.zeros(1, 128, 96)
MASK[:, :, :48] = 1


def sampling(**changes: Any) -> dict[str, Any]:
    usual = {"seed": 7, "steps": 3, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    return usual | changes


def encoded(clip: Any, prompt: str) -> Any:
    import nodes

    with torch.inference_mode():
        return nodes.CLIPTextEncode().encode(clip, prompt)[0]


def drawn(wires: tuple, prompt: str = PROMPT, words: str = "", latent: Any = None, **more: Any) -> Any:
    from single_image_studio.host.stock_sampling import Sampling
    from single_image_studio.pipelines.word_heatmaps import HeatmapWires, word_heatmaps

    known = {name: more.pop(name) for name in ("vae", "mask") if name in more}
    with torch.inference_mode():
        negative, start = encoded(wires[1], ""), latent or EMPTY
        found = HeatmapWires(model=wires[0], clip=wires[1], negative=negative, latent=start, **known)
        return word_heatmaps(found, prompt, words, Sampling(**sampling(**more)))


def stock(wires: tuple, prompt: str = PROMPT, latent: Any = None, **more: Any) -> Tensor:
    import nodes

    names = ("seed", "steps", "cfg", "sampler_name", "scheduler")
    chosen = sampling(**more)
    values = [chosen[name] for name in names]
    with torch.inference_mode():
        positive, negative = (encoded(wires[1], text) for text in (prompt, ""))
        out = nodes.KSampler().sample(wires[0], *values, positive, negative, latent or EMPTY, chosen["denoise"])
        return out[0]["samples"]


def looks(found: Any) -> list[dict[str, Any]]:
    return json.loads(found.report.partition("\n\n")[2])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"sampler_name": "dpmpp_sde", "scheduler": "karras"},
        {"cfg": 1.0},
        {"denoise": 0.5, "latent": {"samples": torch.ones(1, 4, 16, 16), "noise_mask": torch.ones(1, 128, 128) / 2}},
        {"latent": {"samples": torch.zeros(2, 4, 8, 8), "batch_index": [3, 1]}},
        {"latent": {"samples": torch.zeros(1, 16, 8, 8)}},
    ],
    ids=["euler", "sde", "no guidance", "noise mask", "batch index", "an empty SD 3 latent"],
)
def test_the_picture_is_the_stock_sampler_s_to_the_bit(demo_model, how: dict) -> None:
    wires = demo_model[:2]
    assert torch.equal(drawn(wires, **how).latent["samples"], stock(wires, **how))
    assert torch.equal(stock(wires, **how), stock(wires, **how))


def test_a_scheduler_that_a_pack_brings_later_is_known(host, monkeypatch: pytest.MonkeyPatch) -> None:
    from comfy.samplers import KSampler

    from single_image_studio.host.stock_sampling import Sampling

    monkeypatch.setattr(KSampler, "SCHEDULERS", [*KSampler.SCHEDULERS, "theirs"])
    assert Sampling(**sampling(scheduler="theirs")).scheduler == "theirs"


def test_with_concepts_kept_apart_the_picture_is_the_same_too(demo_model) -> None:
    wires, prompt = foo(demo_model[:2]), "<foo> heart and a star"
    found = drawn(wires, prompt)
    assert torch.equal(found.latent["samples"], stock(wires, prompt))
    assert [look["word"] for look in looks(found)[:2]] == ["<foo> heart", "heart"]


def test_nothing_stays_on_the_model(demo_model) -> None:
    model, clip, _ = demo_model
    drawn((model, clip))
    assert not model.wrappers.get("outer_sample")
    unet = model.model.diffusion_model
    assert not [name for name, module in unet.named_modules() if module._forward_hooks or module._forward_pre_hooks]


def by_hand(wires: tuple, tokens: list[int], pictures: int = 2) -> Tensor:
    """The mean over heads, layers and steps of how much each place attends to some tokens, each token counting the
    same: (pictures, h, w). Read from what the host's own attention is called with, and computed head by head."""
    import comfy.ldm.modules.attention as attention

    before, maps = attention.optimized_attention, []

    def watched(q: Tensor, k: Tensor, v: Tensor, heads: int, *rest: Any, **more: Any) -> Tensor:
        if k.shape[1] == 77:
            for row in range(pictures):  # the host puts the positive prompt first or last: told apart by its keys
                maps.append((q[row], q[row + pictures], k[row], k[row + pictures], heads))
        return before(q, k, v, heads, *rest, **more)

    attention.optimized_attention = watched
    try:
        stock(wires)
    finally:
        attention.optimized_attention = before
    sides = [torch.zeros(pictures, 16, 12), torch.zeros(pictures, 16, 12)]
    for number, (q1, q2, k1, k2, heads) in enumerate(maps):
        for side, (q, k) in enumerate(((q1, k1), (q2, k2))):
            width = q.shape[1] // heads
            total = torch.zeros(len(q))
            for head in range(heads):
                part = slice(head * width, (head + 1) * width)
                scores = (q[:, part] @ k[:, part].T / width**0.5).exp()
                total += scores[:, tokens].mean(1) / scores.sum(1) / heads
            height = round((len(q) * 16 / 12) ** 0.5)
            laid = total.reshape(1, 1, height, len(q) // height)
            sides[side][number % pictures] += F.interpolate(laid, (16, 12), mode="bilinear")[0, 0]
    return torch.stack(sides) / (len(maps) / pictures)


def test_the_maps_are_the_attention_computed_by_hand(demo_model) -> None:
    """Tokens: start, a, photo, of, a, red, heart, on, a, green, background."""
    wires = demo_model[:2]
    for words, tokens in {"heart": [6], "red heart": [5, 6], "a": [1, 4, 8]}.items():
        from single_image_studio.host.word_looks import WordLooks, looked_for, recording

        kept = WordLooks([words])
        positive = looked_for(encoded(wires[1], PROMPT), {words: tuple(tokens)})
        import nodes

        with torch.inference_mode():
            values = [sampling()[name] for name in ("seed", "steps", "cfg", "sampler_name", "scheduler")]
            nodes.KSampler().sample(recording(wires[0], kept), *values, positive, encoded(wires[1], ""), EMPTY)
            sides = by_hand(wires, tokens)
        maps = kept.attention
        assert maps is not None and maps.shape == (2, 1, 16, 12)
        assert min(float((side - maps[:, 0]).abs().max()) for side in sides) < 1e-5
        assert max(float((side - maps[:, 0]).abs().max()) for side in sides) > 1e-3  # the negative prompt's are others
        assert float(maps.std()) > 1e-4


def test_in_a_shape_every_layer_counts_alike(host) -> None:
    """Two layers and two evaluations of a picture of two places, with a word that one layer attends to far more."""
    from single_image_studio.host.word_looks import WordLooks

    kept = WordLooks(["heart"])
    strong, weak = torch.tensor([[0.5, 0.9]]), torch.tensor([[0.02, 0.0]])
    for layers in ((strong, weak), (weak, weak)):
        kept.add([layer[None, None] for layer in layers])
    assert torch.allclose(kept.attention[0, 0], (strong + 3 * weak) / 4)
    assert torch.allclose(kept.shape[0, 0], torch.tensor([[0.75, 0.25]]))


def test_words_are_found_wherever_they_stand(demo_model) -> None:
    from single_image_studio.host.word_places import words_of

    clip = foo(demo_model[:2])[1]

    def of(prompt: str, words: str = "") -> dict:
        return words_of(clip, clip.tokenize(prompt), words)

    assert of("a red heart and a (heart:1.3)", "heart, red heart") == {"heart": (3, 6), "red heart": (2, 3)}
    assert of("a <foo> heart", "<foo>\n<foo> heart") == {"<foo>": (2,), "<foo> heart": (2, 3)}
    assert of("a <foo> heart and a heart") == {"<foo> heart": (2, 3), "heart": (3,)}
    assert of("a photo of the snow") == {"photo": (2,), "snow": (5,)}
    assert of("word " * 80 + "heart", "heart")["heart"] == (77 + 6,)


def test_the_report_and_the_masks_speak_of_the_same_places(demo_model) -> None:
    model, clip, vae = demo_model
    found = drawn((model, clip), words="heart, green", vae=vae, mask=MASK)
    assert found.overlays.shape == (4, 128, 96, 3) and found.heatmaps.shape == (4, 128, 96)
    assert found.heatmaps.amin() == 0 and found.heatmaps.amax() == 1
    assert [(look["picture"], look["word"]) for look in looks(found)] == [
        (1, "heart"), (1, "green"), (2, "heart"), (2, "green")
    ]  # fmt: skip
    for look, heat in zip(looks(found), found.heatmaps):
        x, y = round(look["highest"][0] * 96 - 0.5), round(look["highest"][1] * 128 - 0.5)
        assert heat[y, x] == 1
        assert look["mask_area"] == pytest.approx(0.5) and 0 < look["in_mask"] < 1
        assert look["above_half"] == pytest.approx(float((heat > 0.5).float().mean()))
    assert found.report.startswith("- picture 1, 'heart': most at ")


def appended(n: Tensor, context: Tensor, value: Tensor, _: Any) -> tuple[Tensor, Tensor, Tensor]:
    """As image prompts add tokens."""
    longer, longer_value = (torch.cat([part, part[:, :4].roll(1, 1)], 1) for part in (context, value))
    return n, longer, longer_value


def shortened(n: Tensor, context: Tensor, value: Tensor, _: Any) -> tuple[Tensor, Tensor, Tensor]:
    """As a pack that keeps two tokens for each word."""
    return n, context[:, :-1:2], value[:, 1::2]


def repeated(n: Tensor, context: Tensor, value: Tensor, _: Any) -> tuple[Tensor, Tensor, Tensor]:
    """As a pack that asks several prompts in one call, the first row twice and then the second."""
    return n.repeat_interleave(2, 0), context.repeat_interleave(2, 0), value.repeat_interleave(2, 0)


@pytest.mark.parametrize(
    ("patch", "back", "is_seen"),
    [(appended, None, True), (shortened, None, False), (repeated, lambda n, _: n[::2], False)],
    ids=["appended", "shortened", "repeated"],
)
def test_what_another_pack_does_to_a_layer_s_tokens_and_rows(demo_model, patch: Any, back: Any, is_seen: bool) -> None:
    model, clip = demo_model[0].clone(), demo_model[1]
    model.set_model_attn2_patch(patch)
    if back:
        model.set_model_attn2_output_patch(back)
    for wires in ((model, clip), foo((model, clip))):  # one whose region is looked for, too
        plain = stock(wires, "a <foo> heart")
        if not is_seen:
            with pytest.raises(InputError, match="carries another pack's patch"):
                drawn(wires, "a <foo> heart", words="heart")
            continue
        found = drawn(wires, "a <foo> heart", words="heart")
        assert torch.equal(found.latent["samples"], plain) and found.heatmaps.amax() == 1


def test_one_mask_without_an_axis_for_pictures_is_for_all_of_them(demo_model) -> None:
    flat, whole = (drawn(demo_model[:2], words="heart", mask=mask) for mask in (MASK[0], MASK))
    assert looks(flat) == looks(whole) and len(looks(flat)) == 2


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float8_e4m3fn], ids=str)
def test_a_noise_mask_that_the_host_cannot_resize_is_as_one_that_it_can(demo_model, dtype: torch.dtype) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, 20:] = 1
    noisy = {"samples": torch.ones(1, 4, 8, 8)}
    one, other = (
        drawn(demo_model[:2], latent={**noisy, "noise_mask": each}).latent["samples"] for each in (mask, mask.to(dtype))
    )
    assert torch.equal(one, other) and not torch.equal(one, drawn(demo_model[:2], latent=noisy).latent["samples"])


def test_without_a_vae_the_maps_are_over_black(demo_model) -> None:
    found = drawn(demo_model[:2], words="heart")
    assert found.overlays.shape == (2, 128, 96, 3) and found.overlays.std() > 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"words": "dog"}, "`words`: 'dog' is not in `prompt`"),
        ({"words": "<bar>"}, "`words`: no concept is called <bar> here"),
        ({"prompt": " "}, "`prompt` has no words"),
        ({"mask": torch.full((1, 8, 8), torch.nan)}, "`mask` holds numbers that are not finite"),
        ({"latent": {"samples": torch.zeros(0, 4, 8, 8)}}, "`latent_image` holds no picture"),
        ({"denoise": 0.0}, "`denoise` is 0, so nothing is drawn"),
    ],
)
def test_what_cannot_be_looked_for_is_one_sentence(demo_model, changes: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        drawn(demo_model[:2], **changes)
