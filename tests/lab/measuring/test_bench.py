"""What a training step computes: the pack's own trainings against the structure that the bench counts them by."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lab.measuring import bench, structures
from lab.measuring.structures import STRUCTURES, Structure

from ...helpers.opened_model import on_model

BATCH = 2


def structure(stage: str, name: str = "ours") -> Structure:
    return next(one for one in STRUCTURES if (one.stage, one.name) == (stage, name))


def counted(models: Any, picture: tuple[Any, Any], stage: str) -> tuple[int, int, int, int]:
    """One step of the pack's own training: samples through the UNet, those with a graph, and operations; last, those
    of the bench's structure on the same UNet."""
    from single_image_studio.concept.encoders import build_encoder
    from single_image_studio.concept.lora import LoraSet
    from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
    from single_image_studio.concept.training import Subject, train_stage1, train_stage2
    from single_image_studio.diffusion.report import result_of
    from single_image_studio.host.weights import attention_projections

    samples = [0, 0]

    def look(_: Any, inputs: tuple[Any, ...]) -> None:
        samples[0] += len(inputs[0])
        samples[1] += len(inputs[0]) * torch.is_grad_enabled()

    def train(model: Any) -> tuple[int, int]:
        unet, side = model.unet.base.diffusion_model, picture[0].shape[1] // 8
        expected = structures.operations(structure(stage), unet, BATCH, side, 96)
        encoder = build_encoder("none", 96, 0, torch.zeros(96))
        subject = Subject(picture[0].movedim(-1, 1).clone(), picture[1].clone())
        hook = unet.register_forward_pre_hook(look)
        with FlopCounterMode(display=False) as counter:
            if stage == "I":
                settings = Stage1Settings(class_word="heart", steps=1, batch_size=BATCH, encoder="none")
                result_of(train_stage1(model, encoder, subject, settings))
            else:
                targets = attention_projections(model.unet.patcher, model.clip)
                lora = LoraSet(targets, 4, torch.Generator().manual_seed(0))
                result_of(train_stage2(model, encoder, lora, subject, Stage2Settings(steps=1, batch_size=BATCH)))
        hook.remove()
        return counter.get_total_flops(), expected

    operations = on_model(models, picture[0], train)
    return samples[0] // BATCH, samples[1] // BATCH, *operations


@pytest.mark.parametrize("stage", ["I", "II"])
def test_training_computes_what_the_bench_counts(demo_model: Any, concept_picture: Any, stage: str) -> None:
    ours = structure(stage)
    forwards, backwards, operations, unet_alone = counted(demo_model, concept_picture, stage)
    assert (forwards, backwards) == (ours.forwards, ours.backwards)
    assert unet_alone <= operations < 1.1 * unet_alone  # the text encoder's come on top


def test_ours_is_half_of_the_published_first_stage(host: Any) -> None:
    """The UNet alone, at the demo's size: two forwards and a gradient to the prompt, against two with all weights."""
    ours, theirs = (
        structures.operations(structure("I", n), bench.small_unet(), 1, 16, 96) for n in ("ours", "published code")
    )
    assert 0.45 < ours / theirs < 0.55


def test_the_table_compares_with_the_published_code() -> None:
    rows = [
        bench.Measured(structure("I"), 2 * 10**12, 2**30, 2**20, [1.0, 3.0, 2.0]),
        bench.Measured(structure("I", "published code"), 5 * 10**12, 2**31, 2**21, [2.0, 4.0, 8.0]),
    ]
    ours, theirs = bench.table(rows).splitlines()[2:]
    assert ours == "| I | ours | 2 | 1 | 2.00 | 0.40 | 0.50 | 1 MB | 1.00 GB |"
    assert theirs == "| I | published code | 2 | 2 | 5.00 | 1.00 | 1.00 | 2 MB | 2.00 GB |"
    doubled = [*rows, *(bench.Measured(structure("II", r.structure.name), 10**12, 1, 1, [1.0]) for r in rows)]
    assert bench.goals(doubled).splitlines()[2:] == [
        "| Stage I | 0.40 | ≤ 0.41 | met |",
        "| Stage II | 1.00 | ≤ 0.75 | missed |",
    ]
