"""The one door to the graph's UNet: work that runs where the host would run a sampler.

There the host has loaded the model, ControlNets and whatever else hangs on MODEL and the conditionings, has resolved
areas, masks, hooks and timestep ranges, and cleans up afterwards. So every patch acts on training and editing exactly
as it acts on sampling, on old and new hosts alike, while an algorithm sees embeddings only. Loading, precision,
gradients, checkpointing and restoring stand here and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import comfy.model_management
import comfy.sampler_helpers
import comfy.samplers
import torch
from torch import Tensor

from ..support.warnings import warn
from .apart import together
from .conditioning import Conditioning, check_conditioning, context_of, entry_lengths
from .gradients import (
    DTYPES,
    differentiable_clip,
    differentiable_unet,
    out_of_place_patches,
    own_copy,
    static_memory,
    thaw,
    training_mode,
)
from .memory import graph_bytes
from .scale import sigmas_of
from .unet import Entries, HostPrompt, Unet
from .unet_apart import merged, without_finding
from .wrappers import leave_out_what_wraps_the_sampler

T = TypeVar("T")
_CFG_PATCHES = ("sampler_cfg_function", "sampler_post_cfg_function", "sampler_pre_cfg_function")


@dataclass(frozen=True, kw_only=True)
class UnetSession:
    """What some work needs of the graph; `run` opens the door for it and leaves everything as it was.

    model: a MODEL wire, with whatever LoRAs and patches are on it. clip: a CLIP wire to encode with inside, or None;
    it needs `gradients`.
    shape: of the latents that are worked on. timesteps: noisiest first; what a stock sampler would be told.
    positive, negative: conditionings by name, on the side where the host has them (it shares ControlNets and areas
    between the sides).
    gradients: weights are made fit for autograd, and grad may be switched on inside.
    precision: auto (the model's own), fp32, bf16 or fp16; what is computed in, whatever the weights are stored in. None
    is auto, for a node that has no such input.
    """

    model: Any
    shape: Sequence[int]
    timesteps: Sequence[int]
    positive: Mapping[str, Conditioning] = field(default_factory=dict)
    negative: Mapping[str, Conditioning] = field(default_factory=dict)
    clip: Any = None
    gradients: bool = False
    precision: str | None = None

    def run(self, work: Callable[[Unet], T]) -> T:
        """Calls `work` with the loaded UNet, where the host would call a sampler, and returns what it returns.

        Raises: InputError when a conditioning is empty, not finite, or of another width than the model reads; inside,
        when the first prediction under a prompt is not finite.
        """
        self._check()
        with contextlib.ExitStack() as stack:
            if self.gradients:
                stack.enter_context(training_mode())
            stack.enter_context(torch.no_grad())
            guider = self._guider()
            clip = self._own_clip()
            if self.gradients:
                self._load_whole(guider, clip)
            sampler = _InPlaceOfASampler(lambda model_options: self._inside(guider, model_options, clip, work))
            sigmas = sigmas_of(guider.model_patcher.get_model_object("model_sampling"))[list(self.timesteps)]
            blank = torch.zeros(tuple(self.shape))
            guider.sample(blank, blank, sampler, torch.cat([sigmas, sigmas.new_zeros(1)]), disable_pbar=True)
            return sampler.result  # type: ignore[no-any-return]

    @property
    def _sides(self) -> dict[str, Mapping[str, Conditioning]]:
        sides = {"positive": self.positive, "negative": self.negative}
        return {side: named for side, named in sides.items() if named}

    def _check(self) -> None:
        for named in self._sides.values():
            for name, conditioning in named.items():
                check_conditioning(self.model, name, conditioning)
        # training, which brings its CLIP, has no guidance that a patch could change
        if self.clip is None and any(self.model.model_options.get(patch) for patch in _CFG_PATCHES):
            warn("guidance_patch")

    def _guider(self) -> Any:
        """The host's guider for our copy of the MODEL and the conditionings of both sides."""
        model = without_finding(self.model) if self.clip is None else merged(self.model)  # training brings its CLIP
        patcher = (static_memory(model) if self.gradients else model).clone()
        if self.precision not in (None, "auto"):
            patcher.set_model_compute_dtype(DTYPES[self.precision])
        leave_out_what_wraps_the_sampler(patcher)
        guider = comfy.samplers.CFGGuider(patcher)
        conds = {side: [entry for wire in named.values() for entry in wire] for side, named in self._sides.items()}
        guider.inner_set_conds(own_copy(conds) if self.gradients else conds)
        return guider

    def _own_clip(self) -> Any:
        if self.clip is None:
            return None
        clip = together(self.clip).clone()
        clip.patcher = static_memory(clip.patcher)
        clip.cond_stage_model = clip.patcher.model
        return clip

    def _load_whole(self, guider: Any, clip: Any) -> None:
        """The host's own loading may leave part of a large model in CPU memory, where autograd cannot follow."""
        patcher = guider.model_patcher
        models, _ = comfy.sampler_helpers.get_additional_models(guider.original_conds, patcher.model_dtype())
        model = patcher.model
        room = graph_bytes(self.shape, model.manual_cast_dtype or model.get_dtype())
        wanted = [patcher, *models] if clip is None else [patcher, clip.patcher, *models]
        comfy.model_management.load_models_gpu(wanted, memory_required=room, force_full_load=True)

    def _inside(self, guider: Any, model_options: dict[str, Any], clip: Any, work: Callable[[Unet], T]) -> T:
        options = out_of_place_patches(model_options) if self.gradients else model_options
        unet = Unet(guider, options, self._places(), clip)
        unet.has_precision = self.precision is not None
        for side, named in self._sides.items():
            for name, conditioning in named.items():
                unet.prompts[name] = HostPrompt(name, context_of(conditioning).to(unet.device), side)
        with contextlib.ExitStack() as stack:
            if self.gradients:
                if clip is not None:  # the host made room for the UNet alone
                    self._load_whole(guider, clip)
                _make_fit_for_autograd([guider.model_patcher, *guider.loaded_models])
                stack.enter_context(differentiable_unet(unet.base.diffusion_model, lambda: unet.checkpointing))
            if clip is not None:
                stack.enter_context(differentiable_clip(clip.patcher))
            return work(unet)

    def _places(self) -> dict[str, Entries]:
        places = {}
        for side, named in self._sides.items():
            first = 0
            for name, conditioning in named.items():
                places[name] = Entries(side, first, entry_lengths(conditioning))
                first += len(conditioning)
        return places


class _InPlaceOfASampler(comfy.samplers.Sampler):  # type: ignore[misc]
    """Stands where the host expects a sampler, and runs something else there."""

    def __init__(self, run: Callable[[dict[str, Any]], Any]) -> None:
        self.run = run

    def sample(
        self, _model: Any, _sigmas: Any, extra: dict[str, Any], _callback: Any, noise: Tensor, *_: Any
    ) -> Tensor:
        self.result = self.run(extra["model_options"])
        return noise


def _make_fit_for_autograd(patchers: Sequence[Any]) -> None:
    for patcher in patchers:
        if isinstance(getattr(patcher, "model", None), torch.nn.Module):
            thaw(patcher.model)
