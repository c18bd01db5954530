"""Optimised prompts that are saved with an inversion: used again where they fit, told where they don't."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.data import Inversion
from single_image_studio.inversion.file import load_inversion, save_inversion
from single_image_studio.inversion.text_optimization import TextOptimizationSettings
from single_image_studio.support.errors import InputError

from ..helpers.conditionings import encode, with_options

pytestmark = pytest.mark.usefixtures("host")
SETTINGS = TextOptimizationSettings(steps=2, precision="fp32")


def latent(seed: int = 7, pictures: int = 1) -> dict[str, torch.Tensor]:
    return {"samples": torch.randn(pictures, 4, 8, 8, generator=torch.Generator().manual_seed(seed))}


def optimised(
    model: Any, target: Any, inversion: Inversion | None = None, seed: int = 7, settings: Any = SETTINGS
) -> tuple[Any, Any, bool]:
    """The prompt, its losses, and whether it had to be optimised: whether there were steps to count."""
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt
    from single_image_studio.pipelines.reporter import Reporter

    reporter = Reporter()
    with torch.inference_mode():
        prompt, losses = optimize_prompt(model, target, latent(seed), settings, reporter, inversion)
    return prompt, losses, reporter.total > 0


def inverted(model: Any, seed: int = 7) -> Inversion:
    from single_image_studio.host.latents import latents_from
    from single_image_studio.host.weights import fingerprint

    picture = latents_from(latent(seed))
    return Inversion(
        "direct",
        DDIMSchedule(2),
        5.0,
        torch.randn_like(picture),
        0.01,
        torch.randn(1, 1, 77, 96),
        torch.randn(2, *picture.shape),
        fingerprint(model),
        picture=picture,
    )


def kept(model: Any, clip: Any, folder: pathlib.Path, text: str = "a star") -> Inversion:
    """An inversion that went through a file with an optimised prompt."""
    from single_image_studio.pipelines.kept_prompts import keeping

    prompt, *_ = optimised(model, encode(clip, text))
    return load_inversion(save_inversion(keeping(inverted(model), prompt), "kept", [folder]))


def test_the_same_target_again_is_used_at_once_to_the_bit(demo_model: Any, tmp_path: pathlib.Path) -> None:
    model, clip, _ = demo_model
    first, losses, worked = optimised(model, encode(clip, "a star"))
    assert worked and len(losses["loss"]) == 2
    again, same_losses, worked = optimised(model, encode(clip, "a star"), kept(model, clip, tmp_path))
    assert not worked and same_losses == losses and torch.equal(again[0][0], first[0][0])


def test_another_target_or_other_settings_are_optimised(demo_model: Any, tmp_path: pathlib.Path) -> None:
    model, clip, _ = demo_model
    one = kept(model, clip, tmp_path)
    assert optimised(model, encode(clip, "a blue star"), one)[2]
    assert optimised(model, encode(clip, "a (star:1.05)"), one)[2]
    rounded = [[embedding.bfloat16().float(), options] for embedding, options in encode(clip, "a star")]
    assert not optimised(model, rounded, one)[2]
    for change in ({"seed": 1}, {"steps": 3}, {"rate_schedule": "cosine"}, {"timesteps": "golden_ratio"}):
        assert optimised(model, encode(clip, "a star"), one, settings=dataclasses.replace(SETTINGS, **change))[2]
    ranged = with_options(encode(clip, "a star"), start_percent=0.0, end_percent=0.5)
    assert optimised(model, ranged, one)[2], "what is kept was optimised over all noise levels"


def test_one_file_keeps_several_targets_of_its_picture(demo_model: Any, tmp_path: pathlib.Path) -> None:
    from single_image_studio.pipelines.kept_prompts import keeping

    model, clip, _ = demo_model
    one = kept(model, clip, tmp_path)
    other, *_ = optimised(model, encode(clip, "a heart"), one)
    both = load_inversion(save_inversion(keeping(keeping(one, other), other), "both", [tmp_path]))
    assert len(both.prompts) == 2
    assert (
        not optimised(model, encode(clip, "a heart"), both)[2] and not optimised(model, encode(clip, "a star"), both)[2]
    )


def test_of_another_picture_or_checkpoint_one_sentence_tells_it(
    demo_model: Any, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, clip, _ = demo_model
    one = kept(model, clip, tmp_path)
    assert optimised(model, encode(clip, "a star"), one, seed=8)[2]
    assert "`inversion` is of another picture than `latent`" in caplog.text
    caplog.clear()
    assert optimised(model, encode(clip, "a star"), dataclasses.replace(one, base_model="another"))[2]
    assert "`inversion` was made with another checkpoint" in caplog.text


def test_what_cannot_be_kept_is_refused(demo_model: Any) -> None:
    from single_image_studio.pipelines.kept_prompts import keeping

    model, clip, _ = demo_model
    star, own = encode(clip, "a star"), inverted(model)
    prompt, *_ = optimised(model, star)
    elsewhere = dataclasses.replace(own, picture=own.picture + 1)
    lacking = dataclasses.replace(own, picture=None)
    ranged, *_ = optimised(model, with_options(star, start_percent=0.0, end_percent=0.5))
    for inversion, given, words in (
        (own, star, "not a prompt that a file can keep"),
        (own, [*prompt, *prompt], "not a prompt that a file can keep"),
        (own, ranged, "not a prompt that a file can keep"),
        (elsewhere, prompt, "made for another picture"),
        (lacking, prompt, "made for another picture"),
        (dataclasses.replace(own, base_model="another"), prompt, "made with another checkpoint"),
    ):
        with pytest.raises(InputError, match=f"`optimized` .*{words}|`optimized` is {words}"):
            keeping(inversion, given)


def test_a_file_without_prompts_is_written_as_before(demo_model: Any, tmp_path: pathlib.Path) -> None:
    path = save_inversion(inverted(demo_model[0]), "plain", [tmp_path])
    with safe_open(path, "pt") as file:
        names = list(file.keys())
        assert not [name for name in names if "prompt" in name] and "prompts" not in file.metadata()
    assert load_inversion(path).prompts == ()


def test_an_earlier_version_finds_all_that_it_knows(demo_model: Any, tmp_path: pathlib.Path) -> None:
    """It reads names that it knows and leaves others alone: the file is as one without prompts, with names added."""
    model, clip, _ = demo_model
    one = kept(model, clip, tmp_path)
    plain = save_inversion(dataclasses.replace(one, prompts=()), "plain", [tmp_path])
    before, after = load_file(plain), load_file(tmp_path / "kept.safetensors")
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert set(after) - set(before) == {"prompt_1.target", "prompt_1.embeds"}
    with safe_open(plain, "pt") as old, safe_open(tmp_path / "kept.safetensors", "pt") as new:
        assert set(new.metadata()) - set(old.metadata()) == {"prompts"}
        assert new.metadata()["format_version"] == old.metadata()["format_version"] == "1"


@pytest.mark.parametrize(
    ("tensors", "prompts", "words"),
    [
        ({"prompt_1.embeds": torch.zeros(3, 77, 96)}, None, "not one of its pictures"),
        ({"prompt_1.embeds": torch.full((1, 77, 96), float("nan"))}, None, "not finite"),
        ({}, "[3]", "damaged"),
        ({}, '[{"settings": {}}]', "damaged"),
        ({}, json.dumps([{"settings": {}, "losses": []}] * 2), "damaged"),
    ],
)
def test_damaged_prompts_are_refused(
    demo_model: Any, tmp_path: pathlib.Path, tensors: dict[str, torch.Tensor], prompts: str | None, words: str
) -> None:
    model, clip, _ = demo_model
    kept(model, clip, tmp_path)
    path = tmp_path / "kept.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    changed = metadata if prompts is None else {**metadata, "prompts": prompts}
    save_file(load_file(path) | tensors, path, changed)
    with pytest.raises(InputError, match=words):
        load_inversion(path)
