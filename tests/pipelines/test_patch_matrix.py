"""Every long node under everything that hangs in an artist's graph: the table of docs/other_packs.md, cell by cell."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from single_image_studio.diffusion.ddim import DDIMSchedule
from single_image_studio.diffusion.quality import latent_psnr
from single_image_studio.inversion.methods import METHODS
from single_image_studio.support.errors import InputError

from ..helpers.conditionings import controlnet, encode, with_options
from ..helpers.lora import some_lora

STEPS = 4
TABLE = Path(__file__).parents[2] / "docs" / "other_packs.md"
Models = tuple[Any, Any, Any]


@dataclass
class Graph:
    """An artist's wires. extra: changes a CONDITIONING; on: which prompts it hangs on."""

    model: Any
    clip: Any
    vae: Any
    latent: dict[str, Tensor]
    extra: Callable[[Any], Any] = lambda conditioning: conditioning
    on: tuple[str, ...] = field(default=("source", "target", "uncond"))

    def prompt(self, name: str, text: str) -> Any:
        conditioning = encode(self.clip, text)
        return self.extra(conditioning) if name in self.on else conditioning

    @property
    def prompts(self) -> dict[str, Any]:
        texts = {"source": "a star", "target": "a blue heart", "uncond": ""}
        return {name: self.prompt(name, text) for name, text in texts.items()}


Hang = Callable[[Graph], Graph]
HANGS: dict[str, Hang] = {}


def hangs(name: str) -> Callable[[Hang], Hang]:
    def add(hang: Hang) -> Hang:
        HANGS[name] = hang
        return hang

    return add


def on_model(graph: Graph, model: Any) -> Graph:
    return Graph(model, graph.clip, graph.vae, graph.latent)


def on_prompts(graph: Graph, extra: Callable[[Any], Any], *names: str) -> Graph:
    return Graph(graph.model, graph.clip, graph.vae, graph.latent, extra, names or graph.on)


def stock_node(module: str, name: str, *values: Any) -> Any:
    """What one of the host's own nodes gives, of either API."""
    import importlib

    node = getattr(importlib.import_module(module), name)
    result = node.execute(*values) if hasattr(node, "execute") else getattr(node(), node.FUNCTION)(*values)
    return getattr(result, "result", getattr(result, "args", result))[0]


@hangs("LoRA on MODEL")
def lora(graph: Graph) -> Graph:
    import comfy.sd

    return on_model(
        graph, comfy.sd.load_lora_for_models(graph.model, graph.clip, some_lora(graph.model, graph.clip), 1, 0)[0]
    )


@hangs("FreeU V2")
def freeu(graph: Graph) -> Graph:
    return on_model(graph, stock_node("comfy_extras.nodes_freelunch", "FreeU_V2", graph.model, 1.3, 1.4, 0.9, 0.2))


@hangs("HyperTile")
def hypertile(graph: Graph) -> Graph:
    return on_model(graph, stock_node("comfy_extras.nodes_hypertile", "HyperTile", graph.model, 32, 2, 3, False))


@hangs("ToMe")
def tome(graph: Graph) -> Graph:
    """The host's, at every depth: its node acts at the largest alone, where the demo model has no attention."""
    from comfy_extras.nodes_tomesd import get_functions

    back: list[Callable[[Tensor], Tensor]] = []

    def merge(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        side = round(query.shape[1] ** 0.5)
        merged, unmerge = get_functions(query, 0.5, (len(query), 4, side, side))
        back.append(unmerge)
        return merged(query), key, value

    model = graph.model.clone()
    model.set_model_attn1_patch(merge)
    model.set_model_attn1_output_patch(lambda hidden, options: back.pop()(hidden))
    return on_model(graph, model)


@hangs("PAG")
def pag(graph: Graph) -> Graph:
    return on_model(graph, stock_node("comfy_extras.nodes_pag", "PerturbedAttentionGuidance", graph.model, 3.0))


@hangs("RescaleCFG")
def rescale_cfg(graph: Graph) -> Graph:
    return on_model(graph, stock_node("comfy_extras.nodes_model_advanced", "RescaleCFG", graph.model, 0.7))


@hangs("image prompt (attention patch by side)")
def image_prompt(graph: Graph) -> Graph:
    def patch(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        added = 0.5 * torch.randn(hidden.shape[-1], generator=torch.Generator().manual_seed(7)).to(hidden)
        sides = options["cond_or_uncond"]
        return torch.cat([c if side else c + added for c, side in zip(hidden.chunk(len(sides)), sides, strict=True)])

    model = graph.model.clone()
    model.set_model_attn2_output_patch(patch)
    return on_model(graph, model)


@hangs("`model_function_wrapper`")
def wrapper(graph: Graph) -> Graph:
    def louder(apply_model: Callable[..., Tensor], call: dict[str, Any]) -> Tensor:
        return apply_model(call["input"], call["timestep"], **call["c"]) * 1.02

    model = graph.model.clone()
    model.set_model_unet_function_wrapper(louder)
    return on_model(graph, model)


@hangs("EasyCache")
def easycache(graph: Graph) -> Graph:
    return on_model(
        graph, stock_node("comfy_extras.nodes_easycache", "EasyCacheNode", graph.model, 0.2, 0.15, 0.95, False)
    )


@hangs("LazyCache")
def lazycache(graph: Graph) -> Graph:
    return on_model(
        graph, stock_node("comfy_extras.nodes_easycache", "LazyCacheNode", graph.model, 0.2, 0.15, 0.95, False)
    )


@hangs("context windows")
def context_windows(graph: Graph) -> Graph:
    """Over the pictures of a batch, as for films; one picture is one window."""
    import inspect

    from comfy_extras.nodes_context_windows import ContextWindowsManualNode as Node

    given = {"model": graph.model, "context_length": 16, "context_overlap": 4, "context_schedule": "standard_static"}
    given |= {"context_stride": 1, "closed_loop": False, "fuse_method": "pyramid", "dim": 0, "freenoise": False}
    wanted = inspect.signature(Node.execute).parameters  # newer hosts want more
    return on_model(graph, Node.execute(**{name: value for name, value in given.items() if name in wanted}).result[0])


@hangs("LCM sampling")
def lcm(graph: Graph) -> Graph:
    return on_model(
        graph, stock_node("comfy_extras.nodes_model_advanced", "ModelSamplingDiscrete", graph.model, "lcm", False)
    )


@hangs("v-prediction")
def v_prediction(graph: Graph) -> Graph:
    return on_model(
        graph,
        stock_node("comfy_extras.nodes_model_advanced", "ModelSamplingDiscrete", graph.model, "v_prediction", True),
    )


@hangs("LoRA hook with keyframes")
def hook(graph: Graph) -> Graph:
    import comfy.hooks

    hooks = comfy.hooks.create_hook_lora(some_lora(graph.model, graph.clip), strength_model=1.0, strength_clip=0.0)
    frames = comfy.hooks.HookKeyframeGroup()
    for strength, start in ((0.2, 0.0), (0.6, 0.5)):
        frames.add(comfy.hooks.HookKeyframe(strength=strength, start_percent=start))
    hooks.set_keyframes_on_hooks(frames)
    return on_prompts(graph, lambda conditioning: comfy.hooks.set_hooks_for_conditioning(conditioning, hooks))


@hangs("ControlNet")
def control(graph: Graph) -> Graph:
    net = controlnet(graph.model)
    options = {"control": net, "control_apply_to_uncond": False}
    return on_prompts(graph, lambda conditioning: with_options(conditioning, **options), "source", "target")


def half_masked(graph: Graph) -> dict[str, Tensor]:
    return {**graph.latent, "noise_mask": torch.linspace(1.5, -0.5, 128).clamp(0, 1).expand(1, 1, 128, 128)}


@hangs("noise mask")
def noise_mask(graph: Graph) -> Graph:
    return Graph(graph.model, graph.clip, graph.vae, half_masked(graph))


@hangs("noise mask with Differential Diffusion")
def differential(graph: Graph) -> Graph:
    model = stock_node("comfy_extras.nodes_differential_diffusion", "DifferentialDiffusion", graph.model)
    return Graph(model, graph.clip, graph.vae, half_masked(graph))


@hangs("timestep range")
def timestep_range(graph: Graph) -> Graph:
    ranged = {"start_percent": 0.0, "end_percent": 0.6}
    return on_prompts(graph, lambda conditioning: with_options(conditioning, **ranged), "target", "uncond")


@hangs("area")
def area(graph: Graph) -> Graph:
    def at_the_left(conditioning: Any) -> Any:
        return [
            *with_options(conditioning, area=(16, 8, 0, 0), strength=1.0),
            *encode(graph.clip, "a white background"),
        ]

    return on_prompts(graph, at_the_left, "target")


@hangs("mask on a prompt")
def prompt_mask(graph: Graph) -> Graph:
    mask = torch.zeros(1, 128, 128)
    mask[:, :, :64] = 1.0
    masked = {"mask": mask, "mask_strength": 0.8, "set_area_to_bounds": False}
    return on_prompts(graph, lambda conditioning: with_options(conditioning, **masked), "target")


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
    import comfy.samplers

    from single_image_studio.inversion.grid import Cell
    from single_image_studio.pipelines.edit_picture import EditConditioning, timestep_aware_conditioning
    from single_image_studio.pipelines.inversion_wires import plain_wires

    noise_latent, negative = plain_wires(inversion)
    prompts = EditConditioning(source=graph.prompts["source"], target=graph.prompts["target"])
    guider = comfy.samplers.CFGGuider(graph.model)
    guider.set_conds(timestep_aware_conditioning(prompts, Cell(1.0, 0.25), STEPS), negative)
    guider.set_cfg(inversion.guidance_scale)
    sigmas = graph.model.get_model_object("model_sampling").sigmas.detach().clone().float()
    sigmas = sigmas[[*DDIMSchedule(STEPS).timesteps, 0]]
    samples = noise_latent["samples"]
    sampler = comfy.samplers.sampler_object("euler")
    out = guider.sample(torch.zeros_like(samples), samples, sampler, sigmas, disable_pbar=True, seed=0)
    return out / (1 + sigmas[-1] ** 2).sqrt()


def told_is_back(graph: Graph) -> None:
    for method in METHODS:
        inversion = invert(graph, method)
        back, _ = edits(graph, inversion)
        told, found = inversion.report["latent_psnr"][0], latent_psnr(back, graph.latent["samples"])
        assert found == pytest.approx(told, abs=0.1) or min(found, told) > 90, method


def as_ksampler(graph: Graph, *methods: str) -> None:
    told_is_back(graph)
    for method in methods or ("null_text", "negative_prompt"):
        inversion = invert(graph, method)
        _, ours = edits(graph, inversion)
        theirs = by_the_host(graph, inversion)
        assert (ours - theirs).norm() / theirs.norm() <= 1e-3, method


RUNS: dict[str, Callable[[Graph, Graph], Tensor]] = {
    "Stage I": lambda graph, bare: learn(graph),
    "Stage II": tune,
    "Text optimisation": lambda graph, bare: optimise(graph),
    "Inversion and edit": lambda graph, bare: torch.cat(edits(graph, invert(graph, "negative_prompt"))),
}


@pytest.fixture
def bare(demo_model: Models) -> Graph:
    from lab.world import painting, random_scenes

    picture, _ = painting.render(random_scenes.sample_concept(random.Random(9), "star"))
    with torch.inference_mode():
        return Graph(*demo_model, {"samples": demo_model[2].encode(torch.from_numpy(picture)[None].float() / 255)})


def cells() -> list[tuple[str, str, str]]:
    """(what hangs there, node, what happens) of the table in the docs."""
    rows = [line.strip("| \n").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    head, *body = rows
    return [(row[0], node, told) for row in body for node, told in zip(head[1:], row[1:], strict=True) if told != "–"]


def test_the_table_has_every_row_and_no_other() -> None:
    assert list(dict.fromkeys(name for name, _, _ in cells())) == list(HANGS)


@pytest.mark.parametrize(("name", "node", "told"), cells())
def test_cell(bare: Graph, caplog: pytest.LogCaptureFixture, name: str, node: str, told: str) -> None:
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
        found, plain = run(patched, bare), run(bare, bare)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert torch.isfinite(found).all()
    assert torch.equal(found, plain) is (told in ("no effect", "warned"))
    assert any("`model`" in sentence for sentence in warned) is (told == "warned")


CHECKS: dict[str, Callable[[Graph], None]] = {
    "as KSampler": as_ksampler,
    "as KSampler *": lambda graph: as_ksampler(graph, "negative_prompt"),
    "told = back": told_is_back,
}
