"""Every long node under everything that hangs in an artist's graph: the table of docs/other_packs.md, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.quality import latent_psnr
from single_image_studio.inversion.methods import METHODS
from single_image_studio.support.errors import InputError

from ..helpers.artists_graphs import HANGS, Graph
from ..helpers.stock_sampling import host_samples, published_sigmas, star

STEPS = 4
TABLE = Path(__file__).parents[2] / "docs" / "other_packs.md"
Models = tuple[Any, Any, Any]


def learn(graph: Graph) -> Tensor:
    from single_image_studio.concept.settings import Stage1Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, learn_concept
    from single_image_studio.pipelines.reporter import Reporter

    settings = Stage1Settings(class_word="star", steps=1, batch_size=1, encoder="none", learning_rate=1e-2)
    concept = learn_concept(Checkpoint(graph.model, graph.clip, graph.vae), *pictured(), settings, Reporter())
    return concept.embedding


def tune(graph: Graph, bare: Graph) -> Tensor:
    """Stage II's LoRA, after a Stage I without patches."""
    from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
    from single_image_studio.pipelines.learn_concept import Checkpoint, learn_concept, tune_concept
    from single_image_studio.pipelines.reporter import Reporter

    first = Stage1Settings(class_word="star", steps=1, batch_size=1, encoder="none", learning_rate=1e-2)
    concept = learn_concept(Checkpoint(bare.model, bare.clip, bare.vae), *pictured(), first, Reporter())
    second = Stage2Settings(steps=1, batch_size=1, learning_rate=1e-3)
    tuned = tune_concept(Checkpoint(graph.model, graph.clip, graph.vae), concept, second, Reporter())
    return torch.cat([layer.flatten() for layer in tuned.lora.values()])


def pictured() -> tuple[Tensor, Tensor]:
    mask = torch.zeros(1, 128, 128)
    mask[:, 32:96, 32:96] = 1
    return torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(0)), mask


def optimise(graph: Graph) -> Tensor:
    from single_image_studio.inversion.text_optimization import TextOptimizationSettings
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt
    from single_image_studio.pipelines.reporter import Reporter

    settings = TextOptimizationSettings(steps=2, batch_size=4, seed=5)
    optimized, _ = optimize_prompt(graph.model, graph.prompts["target"], graph.latent, settings, Reporter())
    return torch.cat([entry[0] for entry in optimized], dim=1)


def invert(graph: Graph, method: str) -> Any:
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.inversion.null_text import NullTextSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures
    from single_image_studio.pipelines.reporter import Reporter

    settings = InversionSettings(
        method=method, schedule=DDIMSchedule(STEPS), guidance_scale=4.0, null_text=NullTextSettings(inner_steps=1)
    )
    prompts = SourcePrompts(source=graph.prompts["source"], uncond=graph.prompts["uncond"])
    return invert_pictures(graph.model, graph.latent, prompts, settings, Reporter())


def edits(graph: Graph, inversion: Any) -> tuple[Tensor, Tensor]:
    """The picture sampled back, and an edit: LATENT scale."""
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, sample_cells
    from single_image_studio.pipelines.reporter import Reporter

    prompts = EditConditioning(source=graph.prompts["source"], target=graph.prompts["target"])
    back, edit = sample_cells(graph.model, inversion, prompts, [Cell(0.0, 1.0), Cell(1.0, 0.25)], Reporter())
    return back["samples"], edit["samples"]


def by_the_host(graph: Graph, inversion: Any) -> Tensor:
    """The same edit by a stock guider and Euler on the plain wires: LATENT scale."""
    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, timestep_aware_conditioning
    from single_image_studio.pipelines.inversion_wires import plain_wires

    noise_latent, negative = plain_wires(inversion)
    prompts = EditConditioning(source=graph.prompts["source"], target=graph.prompts["target"])
    positive = timestep_aware_conditioning(prompts, Cell(1.0, 0.25), STEPS)
    sigmas = published_sigmas(graph.model, STEPS)
    scale = inversion.guidance_scale
    out = host_samples(graph.model, positive, negative, noise_latent["samples"], sigmas, scale)
    return out / (1 + sigmas[-1] ** 2).sqrt()


def told_is_back(graph: Graph, *hosts: str) -> None:
    """hosts: the methods whose edits the host's own sampler makes too."""
    for method in METHODS:
        inversion = invert(graph, method)
        back, edit = edits(graph, inversion)
        told, found = inversion.report["latent_psnr"][0], latent_psnr(back, graph.latent["samples"])
        assert found == pytest.approx(told, abs=0.1) or min(found, told) > 90, method
        if method in hosts:
            theirs = by_the_host(graph, inversion)
            assert (edit - theirs).norm() / theirs.norm() <= 1e-3, method


RUNS: dict[str, Callable[[Graph, Graph], Tensor]] = {
    "Stage I": lambda graph, bare: learn(graph),
    "Stage II": tune,
    "Text optimisation": lambda graph, bare: optimise(graph),
    "Inversion and edit": lambda graph, bare: torch.cat(edits(graph, invert(graph, "negative_prompt"))),
}


@pytest.fixture
def bare(demo_model: Models) -> Graph:
    return Graph(*demo_model, star(demo_model[2]))


@pytest.fixture(scope="module")
def unpatched() -> dict[str, Tensor]:
    """What each node makes where nothing hangs, for all of its column."""
    return {}


def cells() -> list[tuple[str, str, str]]:
    """(what hangs there, node, what happens) of the table in the docs."""
    rows = [line.strip("| \n").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    head, *body = rows
    return [(row[0], node, told) for row in body for node, told in zip(head[1:], row[1:], strict=True) if told != "–"]


def test_the_table_has_every_row_and_no_other() -> None:
    assert list(dict.fromkeys(name for name, _, _ in cells())) == list(HANGS)


@pytest.mark.parametrize(("name", "node", "told"), cells())
def test_cell(
    bare: Graph, unpatched: dict[str, Tensor], caplog: pytest.LogCaptureFixture, name: str, node: str, told: str
) -> None:
    run = RUNS[node]
    with torch.inference_mode():
        patched = HANGS[name](bare)
        caplog.clear()
        if told == "refused":
            with pytest.raises(InputError, match="`model`"):
                run(patched, bare)
            return
        if told in CHECKS:
            CHECKS[told](patched)
        found = run(patched, bare)
        if node not in unpatched:
            unpatched[node] = run(bare, bare)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert torch.isfinite(found).all()
    assert torch.equal(found, unpatched[node]) is (told in ("no effect", "warned"))
    assert any("`model`" in sentence for sentence in warned) is (told == "warned")


CHECKS: dict[str, Callable[[Graph], None]] = {
    "as KSampler": lambda graph: told_is_back(graph, "null_text", "negative_prompt"),
    "as KSampler *": lambda graph: told_is_back(graph, "negative_prompt"),
    "told = back": told_is_back,
}
