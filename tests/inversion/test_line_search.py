"""Null-text's line search: its length against a numeric search, its evaluations, and how close it comes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.guidance import guide
from single_image_studio.diffusion.report import result_of
from single_image_studio.inversion.ddim import ddim_invert
from single_image_studio.inversion.line_search import best_length
from single_image_studio.inversion.methods import InversionSettings, invert
from single_image_studio.inversion.model import Prompt
from single_image_studio.inversion.noise_mask import KnownPath, MaskedModel
from single_image_studio.inversion.null_text import NullTextSettings, null_text
from single_image_studio.inversion.reconstruction import Reconstruction
from single_image_studio.inversion.sampling import Guidance
from single_image_studio.support.errors import InputError

from ..helpers.toy import ALPHA_BAR, ToyModel, ToyPrompt, picture, prompt

SCHEDULE, SCALE = DDIMSchedule(20), 5.0


class Counting(ToyModel):
    """Counts the forwards that keep a graph, beside all of them."""

    with_graph = 0

    def predict_eps(self, latents, timesteps, prompts):  # type: ignore[no-untyped-def]
        self.with_graph += torch.is_grad_enabled()
        return super().predict_eps(latents, timesteps, prompts)


class Linear(ToyModel):
    """A model whose prediction is linear in the prompt."""

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts) -> list[Tensor]:  # type: ignore[no-untyped-def]
        return [0.5 * latents + 0.3 * one.context.mean(1)[:, :4].view(-1, 4, 1, 1) for one in prompts]


def solved(model: ToyModel, cond: Prompt | None = None, **settings: float | str) -> Reconstruction:
    trajectory = result_of(ddim_invert(ToyModel(), picture(), prompt(1), SCHEDULE))
    searching = NullTextSettings(**{"solver": "line_search", "tolerance": 0.0, **settings})  # type: ignore[arg-type]
    guidance = Guidance([prompt(2)], SCALE)
    return result_of(null_text(model, trajectory, cond or prompt(1), guidance, SCHEDULE, searching))


def test_the_best_length_is_where_a_numeric_search_finds_it() -> None:
    """Of the landing of a guided DDIM step itself, whose unconditional prediction moves along a line."""
    eps_cond, start, end = picture(1, 3), picture(2, 3), picture(3, 3)
    step, latents, pivot = next(iter(SCHEDULE.down(ALPHA_BAR))), picture(4, 3), picture(5, 3)

    def error(length: Tensor) -> Tensor:
        eps = guide(eps_cond, start + length.view(-1, 1, 1, 1) * (end - start), SCALE)
        return step.move(latents, eps) - pivot

    length = best_length(error(torch.zeros(3)), error(torch.ones(3)) - error(torch.zeros(3)))
    lengths = torch.linspace(-3, 3, 6001)
    squares = torch.stack([error(one.expand(3)).square().flatten(1).sum(1) for one in lengths])
    torch.testing.assert_close(length, lengths[squares.argmin(0)], atol=2e-3, rtol=0)


def test_a_linear_model_is_solved_as_far_as_the_direction_allows_in_one_round() -> None:
    """After the best length along a line, what is left of the error is at a right angle to what the line changes."""
    trajectory = result_of(ddim_invert(Linear(), picture(), prompt(1), SCHEDULE))
    guidance, step = Guidance([prompt(2)], SCALE), next(iter(SCHEDULE.down(ALPHA_BAR)))
    settings = NullTextSettings(solver="line_search", inner_steps=1, tolerance=0.0, learning_rate=1.0)
    found = result_of(null_text(Linear(), trajectory, prompt(1), guidance, SCHEDULE, settings)).uncond_embeds[0]
    start = prompt(2).context

    def landing(embeds: Tensor) -> Tensor:
        latents, timesteps = trajectory[0], step.timesteps(trajectory[0])
        eps = Linear().predict_eps(latents, timesteps, [prompt(1), ToyPrompt(embeds)])
        return step.move(latents, guide(*eps, SCALE))

    left, change = landing(found) - trajectory[1], landing(found) - landing(start)
    assert change.norm() > 1e-3
    assert float((left * change).sum() / (left.norm() * change.norm()).clamp(min=1e-9)) == pytest.approx(0, abs=1e-3)


def test_evaluations_are_those_that_are_told() -> None:
    """Of a step: the conditional; of a round one with a graph and the trial; and the landing."""
    model = Counting()
    back = solved(model, inner_steps=8)
    rounds = sum(back.inner_steps[0])
    assert rounds == 2 * 20 and model.with_graph == rounds
    assert model.evaluations == 20 * 2 + 2 * rounds
    easy = Counting()
    back = solved(easy, inner_steps=8, tolerance=1e6)
    assert back.inner_steps == [[0] * 20] and easy.evaluations == 2 * 20, "looked at before anything is differentiated"
    assert torch.equal(back.uncond_embeds[-1], prompt(2).context)


def test_it_comes_as_close_as_adam_with_less_than_half_its_work() -> None:
    """Work in forwards; one with its backward is 2.14."""

    def work(model: Counting) -> float:
        return model.evaluations + 1.14 * model.with_graph

    adam, searching = Counting(), Counting()
    theirs, ours = solved(adam, solver="adam", learning_rate=5e-2), solved(searching, learning_rate=5e-2)
    assert ours.errors[0][-1] <= theirs.errors[0][-1]
    assert work(searching) < work(adam) / 2


def test_where_both_prompts_say_the_same_each_step_has_adams_one_update() -> None:
    settings = {"inner_steps": 10, "tolerance": 1e6}
    ours, theirs = (solved(ToyModel(), prompt(2), solver=solver, **settings) for solver in ("line_search", "adam"))
    assert ours.inner_steps == [[1] * 20] and torch.equal(ours.uncond_embeds, theirs.uncond_embeds)


def test_pictures_together_get_what_each_gets_alone() -> None:
    null_text_settings = NullTextSettings(solver="line_search", tolerance=3e-2)
    settings = InversionSettings(schedule=SCHEDULE, guidance_scale=3.0, null_text=null_text_settings)
    three = picture(7, pictures=3) * torch.tensor([0.2, 1.0, 2.0]).view(3, 1, 1, 1)

    def back(latents: Tensor) -> Reconstruction:
        return result_of(invert(ToyModel(), latents, prompt(1), prompt(2), settings)).reconstruction

    together, alone = back(three), [back(three[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together.latents, torch.cat([one.latents for one in alone]), rtol=1e-4, atol=1e-5)
    assert together.inner_steps == [one.inner_steps[0] for one in alone]
    assert len({tuple(inner) for inner in together.inner_steps}) > 1, "they should stop at different times"


def test_outside_a_noise_mask_nothing_moves() -> None:
    trajectory = result_of(ddim_invert(ToyModel(), picture(), prompt(1), SCHEDULE))
    mask = torch.zeros(1, 1, 3, 5)
    mask[..., 2:] = 1
    masked = MaskedModel(ToyModel(), lambda _: mask, KnownPath(trajectory, SCHEDULE.levels(ALPHA_BAR)))
    settings = NullTextSettings(solver="line_search", tolerance=0.0)
    back = result_of(null_text(masked, trajectory, prompt(1), Guidance([prompt(2)], SCALE), SCHEDULE, settings))
    torch.testing.assert_close(back.latents[..., :2], trajectory[-1][..., :2], rtol=1e-4, atol=1e-4)
    assert sum(back.inner_steps[0]) > 0 and back.errors[0][-1] < 0.1


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(InputError, match="`solver` is 'newton'; expected one of adam, line_search"):
        NullTextSettings(solver="newton")
