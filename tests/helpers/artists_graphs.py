"""What can hang in an artist's graph: on MODEL, on LATENT, on prompts. For tests with the `host` fixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .conditionings import controlnet, encode, with_options
from .lora import some_lora


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


@hangs("concept kept apart, in a region")
def kept_apart(graph: Graph) -> Graph:
    from single_image_studio.host.phrases import PHRASES, WORDS
    from single_image_studio.host.unet_apart import with_lora_apart

    left = torch.zeros(1, 128, 128)
    left[..., :64] = 1
    model = with_lora_apart(graph.model, "mine", some_lora(graph.model, graph.clip), 1.0, region=left)
    told = {PHRASES: {"mine": (1, 2)}, WORDS: ()}
    return on_prompts(on_model(graph, model), lambda wire: with_options(wire, **told), "source", "target")


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
