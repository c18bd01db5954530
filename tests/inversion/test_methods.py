from __future__ import annotations

import math

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.inversion.data import Inversion
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.methods import InversionSettings, invert, units
from single_image_studio.inversion.null_text import NullTextSettings, null_text
from single_image_studio.inversion.sampling import Guidance, sample
from single_image_studio.inversion.stepping import Backward, Room
from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, ToyPrompt, picture, prompt

SCHEDULE = DDIMSchedule(20)


def run(method: str, scale: float = 3.0, model: ToyModel | None = None, **null: float):  # type: ignore[no-untyped-def]
    settings = InversionSettings(method, SCHEDULE, scale, NullTextSettings(**null))  # type: ignore[arg-type]
    seen: list[int] = []
    found = invert(
        (model or ToyModel()).predict_eps,
        picture(),
        prompt(1),
        prompt(2),
        settings,
        ALPHA_BAR,
        Room(),
        lambda phase: seen.append(phase.done),
    )
    assert seen[-1] == units(settings) and seen == sorted(seen)
    return found, settings


def rebuilt(found, settings):  # type: ignore[no-untyped-def]
    uncond = [prompt(2).with_context(e) for e in found.uncond_embeds]
    return sample(
        ToyModel().predict_eps,
        found.noise_latents,
        lambda _: prompt(1),
        Guidance(uncond, settings.sampling_scale, found.offsets),
        SCHEDULE,
        ALPHA_BAR,
    )


@pytest.mark.parametrize("method", ["null_text", "negative_prompt", "direct", "ddim"])
def test_what_is_reported_is_what_sampling_gives(method: str) -> None:
    found, settings = run(method)
    torch.testing.assert_close(rebuilt(found, settings), found.reconstruction, rtol=1e-4, atol=1e-5)
    assert [len(errors) for errors in found.errors] == [20]


def test_null_text_comes_closer_than_guidance_alone_and_direct_is_exact() -> None:
    plain, settings = run("null_text", learning_rate=1e-12)
    better, _ = run("null_text", learning_rate=5e-2)
    assert better.psnr[0] > plain.psnr[0] + 10
    exact, settings = run("direct")
    torch.testing.assert_close(rebuilt(exact, settings), picture(), rtol=1e-5, atol=1e-5)


def test_negative_prompt_optimises_nothing() -> None:
    model = ToyModel()
    found, _ = run("negative_prompt", model=model)
    assert model.evaluations == 40 and torch.equal(found.uncond_embeds[0], prompt(1).context)


def test_at_scale_one_there_is_nothing_to_optimise() -> None:
    model = ToyModel()
    found, settings = run("null_text", scale=1.0, model=model)
    assert not settings.optimises and model.evaluations == 40 and found.inner_steps == [[]]
    ddim, _ = run("ddim")
    assert torch.equal(found.reconstruction, ddim.reconstruction)


def test_null_text_counts_and_stops_early() -> None:
    trajectory = ddim_invert(ToyModel().predict_eps, picture(), prompt(1), SCHEDULE, ALPHA_BAR)

    def used(tolerance: float) -> tuple[list[int], int]:
        model = ToyModel()
        found = null_text(
            model.predict_eps,
            trajectory,
            prompt(1),
            prompt(2),
            SCHEDULE,
            ALPHA_BAR,
            3.0,
            NullTextSettings(5, 1e-2, tolerance),
        )
        return found.inner_steps[0], model.evaluations

    eager, count = used(1e9)
    assert eager == [1] * 20, "update first, then stop: at least one"
    assert count == 20 * 3, "the conditional once, the update, and one to go on"
    all_of_them, count = used(0.0)
    assert all_of_them[0] == 5 and count == sum(all_of_them) + 40


@pytest.mark.parametrize("method", ["null_text", "negative_prompt", "direct", "ddim"])
def test_pictures_together_get_what_each_gets_alone(method: str) -> None:
    """With a tolerance that some pictures reach sooner than others."""
    settings = InversionSettings(method, SCHEDULE, 3.0, NullTextSettings(4, 5e-2, 3e-2))
    three = picture(7, pictures=3) * torch.tensor([0.2, 1.0, 2.0]).view(3, 1, 1, 1)

    def found(latents: torch.Tensor):  # type: ignore[no-untyped-def]
        return invert(
            ToyModel().predict_eps, latents, prompt(1), prompt(2), settings, ALPHA_BAR, Room(), lambda *_: None
        )

    together, alone = found(three), [found(three[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(
        together.reconstruction, torch.cat([one.reconstruction for one in alone]), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        together.uncond_embeds.expand(-1, 3, -1, -1),
        torch.cat([one.uncond_embeds for one in alone], 1),
        rtol=1e-4,
        atol=1e-5,
    )
    assert together.inner_steps == [one.inner_steps[0] for one in alone]
    if method == "null_text":
        assert len({tuple(inner) for inner in together.inner_steps}) > 1, "they should stop at different times"


def test_texts_optimised_together_are_as_alone() -> None:
    settings, two = TextOptimizationSettings(steps=4, batch_size=3), picture(1, pictures=2)
    together, losses = optimize_text(ToyModel().predict_eps, two, prompt(1), ALPHA_BAR, settings)
    for i in range(2):
        alone, history = optimize_text(ToyModel().predict_eps, two[i : i + 1], prompt(1), ALPHA_BAR, settings)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-6)
        assert losses[i] == pytest.approx(history[0], rel=1e-4)


def test_null_embeddings_warm_start_from_the_step_before() -> None:
    trajectory = ddim_invert(ToyModel().predict_eps, picture(), prompt(1), SCHEDULE, ALPHA_BAR)
    found = null_text(
        ToyModel().predict_eps, trajectory, prompt(1), prompt(2), SCHEDULE, ALPHA_BAR, 3.0, NullTextSettings(1, 1e-2, 0)
    )
    steps = (found.embeds[1:] - found.embeds[:-1]).abs().amax((1, 2, 3))
    for i, moved in enumerate(steps, start=1):  # a first Adam step moves every number by the learning rate
        assert moved == pytest.approx(1e-2 * (1 - i / 100), rel=0.01)


def test_rates_stay_above_zero_beyond_the_reference() -> None:
    settings = NullTextSettings()
    assert settings.rate(49) == pytest.approx(0.0051) and settings.rate(0) == 0.01
    assert all(settings.rate(i) > 0 for i in range(999))


def test_text_optimisation_is_seeded_and_zero_steps_change_nothing() -> None:
    def found(seed: int, steps: int = 5) -> torch.Tensor:
        settings = TextOptimizationSettings(steps=steps, seed=seed, batch_size=2)
        return optimize_text(ToyModel().predict_eps, picture(), prompt(1), ALPHA_BAR, settings)[0]

    assert torch.equal(found(1), found(1)) and not torch.equal(found(1), found(2))
    assert torch.equal(found(1, steps=0), prompt(1).context)


class Full(Exception):
    pass


def test_a_backward_that_does_not_fit_is_tried_again_once() -> None:
    made: list[BaseException] = []

    class Tight(ToyModel):
        def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
            if torch.is_grad_enabled() and not made:
                raise Full
            return super().predict_eps(latents, timesteps, prompts)

    def make(error: BaseException) -> bool:
        made.append(error)
        return True

    settings = TextOptimizationSettings(steps=3)
    tight, _ = optimize_text(Tight().predict_eps, picture(), prompt(1), ALPHA_BAR, settings, Room((Full,), make))
    roomy, _ = optimize_text(ToyModel().predict_eps, picture(), prompt(1), ALPHA_BAR, settings)
    assert len(made) == 1 and torch.equal(tight, roomy)
    made.clear()
    with pytest.raises(Full):
        optimize_text(Tight().predict_eps, picture(), prompt(1), ALPHA_BAR, settings, Room((Full,), lambda _: False))


@pytest.mark.parametrize(("size", "scale"), [(1e-9, 65536.0), (0.5, 65536.0), (1.0, 4096.0)])
def test_half_precision_neither_rounds_a_gradient_to_nothing_nor_overflows(size: float, scale: float) -> None:
    """The gradient passes through float16, whose smallest number is 6e-8 and whose largest is 65,504."""
    leaf = torch.ones(1, 2, 2, requires_grad=True)
    backward = Backward()
    losses = backward(lambda: (leaf.half().float() * size).sum().view(1), leaf)
    assert losses.item() == pytest.approx(4 * size) and backward.scale == scale
    torch.testing.assert_close(leaf.grad, torch.full((1, 2, 2), size), rtol=2e-3, atol=0.0)


def test_a_gradient_that_is_never_finite_is_refused() -> None:
    leaf = torch.zeros(1, 2, 2, requires_grad=True)
    with pytest.raises(InputError, match="gradient is not finite.*precision"):
        Backward()(lambda: leaf.sqrt().sum().view(1), leaf)


@pytest.mark.parametrize("method", ["null_text", "negative_prompt", "direct", "ddim"])
def test_numbers_that_are_not_finite_are_refused(method: str) -> None:
    with pytest.raises(InputError, match="precision"):
        invert(
            lambda z, t, prompts: [z * math.nan for _ in prompts],
            picture(),
            prompt(1),
            prompt(2),
            InversionSettings(method, SCHEDULE),
            ALPHA_BAR,
            Room(),
            lambda *_: None,
        )


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="loss became nan.*precision"):
        optimize_text(
            lambda z, t, p: [z * p[0].context.sum() * math.nan],
            picture(),
            prompt(1),
            ALPHA_BAR,
            TextOptimizationSettings(steps=1),
        )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"inner_steps": 0}, "`inner_steps`"),
        ({"learning_rate": 0.0}, "`learning_rate`"),
        ({"learning_rate": math.nan}, "`learning_rate`"),
        ({"tolerance": -1.0}, "`tolerance`"),
        ({"tolerance": math.nan}, "`tolerance`"),
    ],
)
def test_impossible_null_text_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        NullTextSettings(**change)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"method": "magic"}, "`method`"), ({"guidance_scale": -1.0}, "`cfg`"), ({"guidance_scale": math.nan}, "`cfg`")],
)
def test_impossible_inversion_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        InversionSettings(**change)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"steps": -1}, "`steps`"), ({"batch_size": 0}, "`batch_size`"), ({"learning_rate": 0.0}, "`learning_rate`")],
)
def test_impossible_text_optimisation_settings(change, named: str) -> None:
    with pytest.raises(InputError, match=named):
        TextOptimizationSettings(**change)


def test_parts_that_do_not_fit_make_no_inversion() -> None:
    good = {
        "method": "ddim",
        "schedule": SCHEDULE,
        "guidance_scale": 1.0,
        "noise_latents": picture(),
        "noise_alpha_bar": 0.01,
        "uncond_embeds": prompt(1).context[None],
    }
    Inversion(**good)  # type: ignore[arg-type]
    for change in (
        {"method": "x"},
        {"noise_latents": torch.zeros(1, 16, 2, 2)},
        {"uncond_embeds": torch.zeros(3, 1, 5, 6)},
        {"offsets": torch.zeros(2, 1, 4, 3, 5)},
    ):
        with pytest.raises(InputError):
            Inversion(**{**good, **change})  # type: ignore[arg-type]


def test_prompts_are_not_changed() -> None:
    start = prompt(2)
    kept = start.context.clone()
    run("null_text")
    assert torch.equal(start.context, kept) and isinstance(start, ToyPrompt) and not start.context.requires_grad
