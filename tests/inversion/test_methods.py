from __future__ import annotations

import math

import pytest
import torch

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.backward import Backward
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.methods import METHODS, InversionSettings, Inverted, invert
from single_image_studio.inversion.null_text import NullTextSettings, null_text
from single_image_studio.inversion.reconstruction import Reconstruction
from single_image_studio.inversion.sampling import Guidance, sample
from single_image_studio.inversion.text_optimization import TextOptimizationSettings, optimize_text
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, ToyPrompt, picture, prompt, reports_of

SCHEDULE = DDIMSchedule(20)


def settings_of(method: str, scale: float = 3.0, **null: float) -> InversionSettings:
    return InversionSettings(
        method=method,
        schedule=SCHEDULE,
        guidance_scale=scale,
        null_text=NullTextSettings(**null),  # type: ignore[arg-type]
    )


def run(method: str, scale: float = 3.0, model: ToyModel | None = None, **null: float):  # type: ignore[no-untyped-def]
    """What was found, and with which settings. The reports are the schedule's steps, twice if the way up computes
    anything, and cost what was said."""
    settings = settings_of(method, scale, **null)
    reports, inverted = reports_of(invert(model or ToyModel(), picture(), prompt(1), prompt(2), settings))
    assert sum(report.cost for report in reports) == settings.cost
    ways = 1 if METHODS[method].eta else 2
    assert [(report.step, report.steps) for report in reports] == [(i, 20) for i in [*range(1, 21)] * ways]
    return inverted, settings


def rebuilt(inverted: Inverted, settings: InversionSettings) -> torch.Tensor:
    back = inverted.reconstruction
    guidance = Guidance([prompt(2).with_context(e) for e in back.uncond_embeds], settings.sampling_scale, back.offsets)
    steps = settings.sampling_schedule.down(ALPHA_BAR)
    return result_of(sample(ToyModel(), inverted.noise_latents, [prompt(1)], guidance, steps))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_reported_is_what_sampling_gives(method: str) -> None:
    inverted, settings = run(method)
    torch.testing.assert_close(rebuilt(inverted, settings), inverted.reconstruction.latents, rtol=1e-4, atol=1e-5)
    assert [len(errors) for errors in inverted.reconstruction.errors] == [20]


def test_null_text_comes_closer_than_guidance_alone() -> None:
    plain, _ = run("null_text", learning_rate=1e-12)
    better, _ = run("null_text", learning_rate=5e-2)
    assert better.psnr[0] > plain.psnr[0] + 10


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.exact])
def test_an_exact_method_is(method: str) -> None:
    exact, settings = run(method)
    torch.testing.assert_close(rebuilt(exact, settings), picture(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("method", "evaluations"), [("negative_prompt", 40), ("fixed_point", 80)])
def test_the_source_prompt_in_place_of_the_unconditional_one(method: str, evaluations: int) -> None:
    """No optimisation, and one evaluation a step on the way back."""
    model = ToyModel()
    inverted, _ = run(method, model=model)
    assert model.evaluations == evaluations
    assert torch.equal(inverted.reconstruction.uncond_embeds[0], prompt(1).context)


def test_corrected_steps_bring_the_picture_closer() -> None:
    assert run("fixed_point")[0].psnr[0] > run("negative_prompt")[0].psnr[0] + 5


def test_at_scale_one_there_is_nothing_to_optimise() -> None:
    model = ToyModel()
    inverted, settings = run("null_text", scale=1.0, model=model)
    assert not settings.optimises and model.evaluations == 40 and inverted.reconstruction.inner_steps is None
    ddim, _ = run("ddim")
    assert torch.equal(inverted.reconstruction.latents, ddim.reconstruction.latents)


def null_texts(model: ToyModel, settings: NullTextSettings) -> Reconstruction:
    trajectory = result_of(ddim_invert(ToyModel(), picture(), prompt(1), SCHEDULE))
    return result_of(null_text(model, trajectory, prompt(1), Guidance([prompt(2)], 3.0), SCHEDULE, settings))


def test_null_text_counts_and_stops_early() -> None:
    def used(tolerance: float) -> tuple[list[int], int]:
        model = ToyModel()
        back = null_texts(model, NullTextSettings(inner_steps=5, learning_rate=1e-2, tolerance=tolerance))
        return back.inner_steps[0], model.evaluations

    eager, count = used(1e6)
    assert eager == [1] * 20, "update first, then stop: at least one"
    assert count == 20 * 3, "the conditional once, the update, and one to go on"
    all_of_them, count = used(0.0)
    assert all_of_them[0] == 5 and count == sum(all_of_them) + 40


@pytest.mark.parametrize("method", METHODS)
def test_pictures_together_get_what_each_gets_alone(method: str) -> None:
    """With a tolerance that some pictures reach sooner than others."""
    settings = settings_of(method, inner_steps=4, learning_rate=5e-2, tolerance=3e-2)
    three = picture(7, pictures=3) * torch.tensor([0.2, 1.0, 2.0]).view(3, 1, 1, 1)

    def back(latents: torch.Tensor) -> Reconstruction:
        return result_of(invert(ToyModel(), latents, prompt(1), prompt(2), settings)).reconstruction

    together, alone = back(three), [back(three[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together.latents, torch.cat([one.latents for one in alone]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        together.uncond_embeds.expand(-1, 3, -1, -1),
        torch.cat([one.uncond_embeds for one in alone], 1),
        rtol=1e-4,
        atol=1e-5,
    )
    if method == "null_text":
        assert together.inner_steps == [one.inner_steps[0] for one in alone]
        assert len({tuple(inner) for inner in together.inner_steps}) > 1, "they should stop at different times"
    else:
        assert together.inner_steps is None and {one.inner_steps for one in alone} == {None}


def test_texts_optimised_together_are_as_alone() -> None:
    settings, two = TextOptimizationSettings(steps=4, batch_size=3), picture(1, pictures=2)
    together, losses = result_of(optimize_text(ToyModel(), two, prompt(1), settings))
    for i in range(2):
        alone, history = result_of(optimize_text(ToyModel(), two[i : i + 1], prompt(1), settings))
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-6)
        assert losses[i] == pytest.approx(history[0], rel=1e-4)


def test_null_embeddings_warm_start_from_the_step_before() -> None:
    back = null_texts(ToyModel(), NullTextSettings(inner_steps=1, learning_rate=1e-2, tolerance=0))
    steps = (back.uncond_embeds[1:] - back.uncond_embeds[:-1]).abs().amax((1, 2, 3))
    for i, moved in enumerate(steps, start=1):  # a first Adam step moves every number by the learning rate
        assert moved == pytest.approx(1e-2 * (1 - i / 100), rel=0.01)


def test_rates_stay_above_zero_beyond_the_reference() -> None:
    settings = NullTextSettings()
    assert settings.rate(49) == pytest.approx(0.0051) and settings.rate(0) == 0.01
    assert all(settings.rate(i) > 0 for i in range(999))


def test_text_optimisation_is_seeded_and_zero_steps_change_nothing() -> None:
    def embeds(seed: int, steps: int = 5) -> torch.Tensor:
        settings = TextOptimizationSettings(steps=steps, seed=seed, batch_size=2)
        return result_of(optimize_text(ToyModel(), picture(), prompt(1), settings)).embeds

    assert torch.equal(embeds(1), embeds(1)) and not torch.equal(embeds(1), embeds(2))
    assert torch.equal(embeds(1, steps=0), prompt(1).context)


@pytest.mark.parametrize("grad", [True, False])
def test_a_reader_of_the_reports_keeps_its_own_grad_mode(grad: bool) -> None:
    """A generator runs in its caller's thread: what it switches off must not stay off between its steps."""
    algorithms = [invert(ToyModel(), picture(), prompt(1), prompt(2), settings_of(method)) for method in METHODS]
    algorithms.append(optimize_text(ToyModel(), picture(), prompt(1), TextOptimizationSettings(steps=2)))
    with torch.set_grad_enabled(grad):
        for algorithm in algorithms:
            for report in algorithm:
                assert torch.is_grad_enabled() == grad
                assert report.latents is None or not report.latents.requires_grad


class Full(Exception):
    pass


class Tight(ToyModel):
    """A model whose backward does not fit until room is made. made: the errors after which it was."""

    def __init__(self, can_make_room: bool) -> None:
        super().__init__(out_of_memory=(Full,))
        self.made: list[BaseException] = []
        self.can_make_room = can_make_room

    def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
        if torch.is_grad_enabled() and not self.made:
            raise Full
        return super().predict_eps(latents, timesteps, prompts)

    def make_room(self, error: BaseException) -> bool:
        if self.can_make_room:
            self.made.append(error)
        return self.can_make_room


def test_a_backward_that_does_not_fit_is_tried_again_once() -> None:
    settings, tight = TextOptimizationSettings(steps=3), Tight(can_make_room=True)
    embeds = result_of(optimize_text(tight, picture(), prompt(1), settings)).embeds
    assert len(tight.made) == 1
    assert torch.equal(embeds, result_of(optimize_text(ToyModel(), picture(), prompt(1), settings)).embeds)
    with pytest.raises(Full):
        result_of(optimize_text(Tight(can_make_room=False), picture(), prompt(1), settings))


@pytest.mark.parametrize(("size", "scale"), [(1e-9, 65536.0), (0.5, 65536.0), (1.0, 4096.0)])
def test_half_precision_neither_rounds_a_gradient_to_nothing_nor_overflows(size: float, scale: float) -> None:
    """The gradient passes through float16, whose smallest number is 6e-8 and whose largest is 65,504."""
    leaf = torch.ones(1, 2, 2, requires_grad=True)
    backward = Backward(ToyModel())
    losses = backward(lambda embeds: (embeds.half().float() * size).sum().view(1), leaf)
    assert losses.item() == pytest.approx(4 * size) and backward.scale == scale
    torch.testing.assert_close(leaf.grad, torch.full((1, 2, 2), size), rtol=2e-3, atol=0.0)


def test_a_gradient_that_is_never_finite_is_refused() -> None:
    leaf = torch.zeros(1, 2, 2, requires_grad=True)
    with pytest.raises(InputError, match="`model` gives a gradient that is not finite.*precision"):
        Backward(ToyModel())(lambda embeds: embeds.sqrt().sum().view(1), leaf)


class Nan(ToyModel):
    """A model whose numbers have all become nan; gradients still reach the prompt."""

    def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
        return [latents * prompt.context.sum() * math.nan for prompt in prompts]


@pytest.mark.parametrize("method", METHODS)
def test_numbers_that_are_not_finite_are_refused(method: str) -> None:
    with pytest.raises(InputError, match="`model` gives numbers.*precision"):
        result_of(invert(Nan(), picture(), prompt(1), prompt(2), settings_of(method, 7.5)))


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="`model` gives a loss that is not finite before .*precision"):
        result_of(optimize_text(Nan(), picture(), prompt(1), TextOptimizationSettings(steps=1)))


def test_a_loss_that_becomes_none_is_the_learning_rates() -> None:
    class Later(ToyModel):
        def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
            found = super().predict_eps(latents, timesteps, prompts)
            return [eps * (math.nan if len(self.calls) > 2 else 1) for eps in found]

    with pytest.raises(InputError, match="the loss is not finite: use a lower `learning_rate`"):
        result_of(optimize_text(Later(), picture(), prompt(1), TextOptimizationSettings(steps=3)))


def test_prompts_are_not_changed() -> None:
    start = prompt(2)
    kept = start.context.clone()
    run("null_text")
    assert torch.equal(start.context, kept) and isinstance(start, ToyPrompt) and not start.context.requires_grad
