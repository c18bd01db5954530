"""What the pack's own nodes do with a CLIP that keeps concepts apart, and with its conditionings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.kept_apart import encoded, entry, on

PROMPT = "<foo> heart and a star"
Conditioning = list[list[Any]]


@pytest.fixture
def chains(demo_model) -> dict[bool, tuple[Any, Any]]:
    return {kept: on(demo_model[:2], "foo", keep_apart=kept) for kept in (True, False)}


def conditioning(clip: Any, prompt: str = PROMPT) -> Conditioning:
    return [entry(clip, prompt)]


def bare(wire: Conditioning) -> Conditioning:
    return [[embedding, {"pooled_output": values["pooled_output"]}] for embedding, values in wire]


def test_the_wires_it_is_put_on_stay_as_they_were(demo_model, stock_picture) -> None:
    before = stock_picture(*demo_model)
    chain = on(demo_model[:2], "foo")
    stock_picture(*chain, demo_model[2], PROMPT)
    assert torch.equal(stock_picture(*demo_model), before)


def test_learning_on_it_is_learning_as_before(chains, demo_model, concept_picture) -> None:
    """Both stages see each concept's LoRA on the whole text encoder, whether it is kept apart or not."""
    from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, learn_concept, tune_concept
    from single_image_studio.pipelines.reporter import Reporter

    def learn(chain: tuple[Any, Any]) -> Tensor:
        checkpoint = Checkpoint(*chain, demo_model[2])
        one = Stage1Settings(class_word="heart", steps=2, batch_size=1, encoder="none", learning_rate=1e-2)
        two = Stage2Settings(steps=2, batch_size=1, learning_rate=1e-3)
        with torch.inference_mode():
            concept = learn_concept(checkpoint, *concept_picture[:2], one, Reporter())
            tuned = tune_concept(checkpoint, concept, two, Reporter())
        return torch.cat([tuned.embedding.flatten(), *(weight.flatten() for weight in tuned.lora.values())])

    before = encoded(chains[True][1], PROMPT)
    assert torch.equal(learn(chains[True]), learn(chains[False]))
    assert torch.equal(encoded(chains[True][1], PROMPT), before)


def test_optimising_a_prompt_of_it(chains) -> None:
    """Gradients flow to the embeddings as they came, and what the conditioning tells of its words stays."""
    from single_image_studio.inversion.text_optimization import TextOptimizationSettings
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt
    from single_image_studio.pipelines.reporter import Reporter

    model, clip = chains[True]
    latent = {"samples": torch.zeros(1, 4, 16, 16)}

    def optimise(wire: Conditioning) -> Conditioning:
        with torch.inference_mode():
            return optimize_prompt(model, wire, latent, TextOptimizationSettings(steps=2, batch_size=2), Reporter())[0]

    wire = conditioning(clip)
    ((found, values),), ((same, _),) = optimise(wire), optimise(bare(wire))
    assert torch.equal(found, same) and not torch.equal(found, wire[0][0])
    assert values["single_image_studio_phrases"] == {"foo": (1, 2)}


def test_inverting_with_it_and_keeping_the_inversion(chains, host, caplog: pytest.LogCaptureFixture) -> None:
    """What is told of the words of `uncond` is no loss for the file."""
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.inversion.data import Inversion
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.keep_inversion import keep_inversion
    from single_image_studio.pipelines.reporter import Reporter

    model, clip = chains[True]
    latent = {"samples": torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))}
    settings = InversionSettings(method="direct", schedule=DDIMSchedule(2), guidance_scale=2.0)

    def invert(source: Conditioning, uncond: Conditioning) -> Inversion:
        prompts = SourcePrompts(source=source, uncond=uncond)
        with torch.inference_mode():
            return invert_pictures(model, latent, prompts, settings, Reporter())

    source, uncond = conditioning(clip), conditioning(clip, "")
    found, same = invert(source, uncond), invert(bare(source), bare(uncond))
    assert torch.equal(found.noise_latents, same.noise_latents)
    keep_inversion(found, "apart")
    assert "uncond" not in caplog.text
