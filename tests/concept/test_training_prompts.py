"""Words around the phrase while a concept is learned, and a LoRA on a basis of its own."""

from __future__ import annotations

import pytest
import torch

from ..helpers.linear_model import WIDTH, LinearModel, first_draw, stage1, stage2

TWO_PROMPTS = "*\n* at sea"


def test_each_step_reads_one_of_the_training_prompts() -> None:
    model = LinearModel()
    stage1(model, training_prompts=TWO_PROMPTS)
    with_concept = [prompt for concept, prompt in model.read if concept]
    assert len(with_concept) == 30 and set(with_concept) == {"*", "* at sea"}
    assert sorted(prompt for concept, prompt in model.read if not concept) == ["*", "* at sea"]  # constants


def test_under_a_training_prompt_the_background_is_the_prompts_own() -> None:
    """One step under "class at sea", written out again: concept and target read these words."""
    model = LinearModel()
    result = stage1(model, steps=1, start=0.0, training_prompts="* at sea")
    x0, t, latents = first_draw(model)
    star, frozen = (model.predict_x0(latents, t, model.encode(e, "* at sea")) for e in (torch.zeros(1, WIDTH), None))
    below = torch.zeros(1, 1, 4, 4)
    below[:, :, 2:] = 1
    assert result.losses["background"][0] == pytest.approx((below * (star - frozen) ** 2).mean().item(), rel=1e-5)
    foreground = ((1 - below) * (star - x0) ** 2).mean().item()
    assert result.losses["foreground"][0] == pytest.approx(foreground, rel=1e-5)
    assert result.losses["foreground"][0] != pytest.approx(stage1(LinearModel(), 1, start=0.0).losses["foreground"][0])


def test_stage2_reads_the_class_word_under_the_same_prompt() -> None:
    model = LinearModel()
    stage2(model, torch.ones(1, WIDTH), training_prompts=TWO_PROMPTS)
    steps = [model.read[i : i + 3] for i in range(0, len(model.read), 3)]
    assert all(len({prompt for _, prompt in step}) == 1 for step in steps) and len(steps) == 20
    assert {step[0][1] for step in steps} == {"*", "* at sea"}


def test_a_step_that_is_tried_again_keeps_its_prompt() -> None:
    short = LinearModel()
    short.fail_over = 1
    whole = stage1(LinearModel(), training_prompts=TWO_PROMPTS)
    assert torch.allclose(whole.embedding, stage1(short, training_prompts=TWO_PROMPTS).embedding, atol=1e-4)


def test_an_orthogonal_basis_stays_as_it_is() -> None:
    result, lora = stage2(LinearModel(), torch.ones(1, WIDTH), lora_basis="orthogonal", rank=2)
    _, untrained = stage2(LinearModel(), torch.ones(1, WIDTH), steps=1, lora_basis="orthogonal", rank=2)
    for name, layer in lora.layers.items():
        down = result.lora[f"{name}.lora_down.weight"]
        assert torch.equal(down, untrained.layers[name].down)
        assert layer.up.abs().sum() > 0


def test_training_prompts_must_fit_one_chunk(demo_model) -> None:
    from single_image_studio.host.text import require_room
    from single_image_studio.support.errors import InputError

    clip = demo_model[1]
    require_room(clip, "heart", ["* " + "red " * 73])  # 73 words, "*" and "heart"
    with pytest.raises(InputError, match="`training_prompts` has a line of more than 75 tokens with its phrase"):
        require_room(clip, "heart", ["*", "* " + "red " * 74])
    with pytest.raises(InputError, match="`training_prompts`"):
        require_room(clip, "heart", ["* " + "red " * 200])
