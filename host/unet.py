"""The one door to the graph's UNet: work that runs where the host would run a sampler.

There the host has loaded the model, ControlNets and whatever else hangs on MODEL and the conditionings, has resolved
areas, masks, hooks and timestep ranges, and cleans up afterwards. So every patch acts on training and editing exactly
as it acts on sampling, on old and new hosts alike, while an algorithm sees embeddings only. Loading, precision,
gradients, checkpointing and restoring stand here and nowhere else.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import comfy.conds
import comfy.model_management
import comfy.sampler_helpers
import comfy.samplers
import torch
from torch import Tensor

from ..diffusion.process import eps_from_x0
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
from .memory import OUT_OF_MEMORY, free_memory_after
from .progress import throw_if_cancelled
from .scale import alpha_bar_of, sigmas_of, x_of

T = TypeVar("T")
Entry = dict[str, Any]
log = logging.getLogger("single_image_studio")
_CROSS = "c_crossattn"
# Backward keeps what inference would drop; a guess, which only decides how much else the host unloads first.
ACTIVATIONS = 6
_CFG_PATCHES = ("sampler_cfg_function", "sampler_post_cfg_function", "sampler_pre_cfg_function")


@dataclass(frozen=True)
class HostPrompt:
    """A conditioning's embeddings, and a way to predict with others in their place.

    context: (1 or B, n, width): the embeddings of all its entries, one after the other along the tokens.
    """

    name: str
    context: Tensor

    def with_context(self, context: Tensor) -> HostPrompt:
        return HostPrompt(self.name, context)


@dataclass(frozen=True)
class _Entries:
    """Where a prompt's entries stand: in which of the host's two lists, from which on, and how many tokens each has."""

    side: str
    first: int
    lengths: list[int]


class Unet:
    """The loaded UNet, with all that hangs on MODEL and the conditionings. Made by `UnetSession.run`.

    prompts: by the names that the session was given. clip: the session's, ready for gradients, or None.
    alpha_bar: (1000,) float32 on the device. evaluations: so far, one a prompt and picture.
    checkpointing: recompute blocks in backward; may be switched at any time.
    """

    out_of_memory = OUT_OF_MEMORY

    def __init__(self, guider: Any, model_options: dict[str, Any], places: Mapping[str, _Entries], clip: Any) -> None:
        self.base = guider.inner_model
        self.device: torch.device = guider.model_patcher.load_device
        self.patcher, self.clip = guider.model_patcher, clip
        self.sigmas = sigmas_of(self.base.model_sampling, self.device)
        self.alpha_bar = alpha_bar_of(self.sigmas)
        self.prompts: dict[str, HostPrompt] = {}
        self.evaluations = 0
        self.checkpointing = False
        self._model_options, self._places = model_options, places
        self._sides: dict[str, list[Entry]] = dict(guider.conds)
        entries = [entry for side in self._sides.values() for entry in side]
        self._ranged = any("timestep_start" in entry or "timestep_end" in entry for entry in entries)

    @property
    def compute_dtype(self) -> torch.dtype:
        """What the UNet computes in, whatever its weights are stored in."""
        return self.base.manual_cast_dtype or self.base.get_dtype()  # type: ignore[no-any-return]

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[HostPrompt]) -> list[Tensor]:
        """The noise that the model sees under each prompt; see `inversion.model.EpsModel`."""
        alpha_bar = self.alpha_bar[timesteps]
        return [eps_from_x0(latents, x0, alpha_bar) for x0 in self.predict_x0(latents, timesteps, prompts)]

    def predict_x0(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[HostPrompt]) -> list[Tensor]:
        """The clean latents that the model sees in noisy ones, under each prompt: (B, 4, h, w) float32 each.

        latents: (B, 4, h, w), VP scale. timesteps: (B,) int64, 0 is cleanest. All prompts go through the UNet in one
        pass where memory allows; gradients flow where grad is on.
        Raises: the host's InterruptProcessingException when the user has pressed cancel.
        """
        throw_if_cancelled()
        # the host reads a batch's ranges off its first timestep
        if self._ranged and len(timesteps) > 1 and len(timesteps.unique()) > 1:
            singles = zip(latents.split(1), timesteps.split(1), strict=True)
            predictions = [self.predict_x0(*single, prompts) for single in singles]
            return [torch.cat(list(x0s)) for x0s in zip(*predictions, strict=True)]
        sigma = self.sigmas[timesteps]
        entries = [self._with_context(prompt.name, prompt.context) for prompt in prompts]
        self.evaluations += len(prompts) * len(latents)
        return [x0.float() for x0 in self._calculate(entries, x_of(latents, sigma), sigma)]

    def make_room(self, error: BaseException) -> bool:
        """After running out of memory in a backward: from now on recomputes blocks instead of keeping them.

        Returns False when that has been done already.
        """
        if self.checkpointing:
            return False
        log.info("Memory is short: going on with gradient checkpointing.")
        free_memory_after(error)
        self.checkpointing = True
        return True

    def _calculate(self, entries: list[list[Entry]], x: Tensor, sigma: Tensor) -> list[Tensor]:
        other = self._model_options.get("sampler_calc_cond_batch_function")
        if other is not None:
            options = self._model_options
            batch = {"conds": entries, "input": x, "sigma": sigma, "model": self.base, "model_options": options}
            return other(batch)  # type: ignore[no-any-return]
        return comfy.samplers.calc_cond_batch(self.base, entries, x, sigma, self._model_options)

    def _with_context(self, name: str, context: Tensor) -> list[Entry]:
        """A processed conditioning with other embeddings.

        The host may have appended entries (an area needs its opposite on the other side); those share the embedding
        *object* of the entry that they were made from, by which they are known here.
        """
        place = self._places[name]
        entries = self._sides[place.side]
        own = entries[place.first : place.first + len(place.lengths)]
        parts = context.to(self.device).split(place.lengths, dim=1)
        new = {
            id(entry["model_conds"][_CROSS]): comfy.conds.CONDCrossAttn(part)
            for entry, part in zip(own, parts, strict=True)
        }
        return [
            {**entry, "model_conds": {**entry["model_conds"], _CROSS: new[key]}}
            for entry in entries
            if (key := id(entry["model_conds"][_CROSS])) in new
        ]


@dataclass(frozen=True, kw_only=True)
class UnetSession:
    """What some work needs of the graph; `run` opens the door for it and leaves everything as it was.

    model: a MODEL wire, with whatever LoRAs and patches are on it. clip: a CLIP wire to encode with inside, or None.
    shape: of the latents that are worked on. timesteps: noisiest first; what a stock sampler would be told.
    positive, negative: conditionings by name, on the side where the host has them (it shares ControlNets and areas
    between the sides).
    gradients: weights are made fit for autograd, and grad may be switched on inside.
    precision: auto (the model's own), fp32, bf16 or fp16; what is computed in, whatever the weights are stored in.
    """

    model: Any
    shape: Sequence[int]
    timesteps: Sequence[int]
    positive: Mapping[str, Conditioning] = field(default_factory=dict)
    negative: Mapping[str, Conditioning] = field(default_factory=dict)
    clip: Any = None
    gradients: bool = False
    precision: str = "auto"

    def run(self, work: Callable[[Unet], T]) -> T:
        """Calls `work` with the loaded UNet, where the host would call a sampler, and returns what it returns.

        Raises: InputError when a conditioning is empty, or of another width than the model reads.
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
        if any(self.model.model_options.get(patch) for patch in _CFG_PATCHES):
            log.warning(
                "`model` carries a patch of the guidance (such as RescaleCFG), which inversion and its sampler do not"
                " use: the stock KSampler route does."
            )

    def _guider(self) -> Any:
        """The host's guider for our copy of the MODEL and the conditionings of both sides."""
        patcher = (static_memory(self.model) if self.gradients else self.model).clone()
        if self.precision != "auto":
            patcher.set_model_compute_dtype(DTYPES[self.precision])
        guider = comfy.samplers.CFGGuider(patcher)
        conds = {side: [entry for wire in named.values() for entry in wire] for side, named in self._sides.items()}
        guider.inner_set_conds(own_copy(conds) if self.gradients else conds)
        return guider

    def _own_clip(self) -> Any:
        if self.clip is None:
            return None
        clip = self.clip.clone()
        clip.patcher = static_memory(clip.patcher)
        clip.cond_stage_model = clip.patcher.model
        return clip

    def _load_whole(self, guider: Any, clip: Any) -> None:
        """The host's own loading may leave part of a large model in CPU memory, where autograd cannot follow."""
        patcher = guider.model_patcher
        models, _ = comfy.sampler_helpers.get_additional_models(guider.original_conds, patcher.model_dtype())
        room = patcher.model.memory_required([1, *self.shape[1:]]) * ACTIVATIONS
        wanted = [patcher, *models] if clip is None else [patcher, clip.patcher, *models]
        comfy.model_management.load_models_gpu(wanted, memory_required=room, force_full_load=True)

    def _inside(self, guider: Any, model_options: dict[str, Any], clip: Any, work: Callable[[Unet], T]) -> T:
        options = out_of_place_patches(model_options) if self.gradients else model_options
        unet = Unet(guider, options, self._places(), clip)
        for named in self._sides.values():
            for name, conditioning in named.items():
                unet.prompts[name] = HostPrompt(name, context_of(conditioning).to(unet.device))
        with contextlib.ExitStack() as stack:
            if self.gradients:
                if clip is not None:  # the host made room for the UNet alone
                    self._load_whole(guider, clip)
                _make_fit_for_autograd([guider.model_patcher, *guider.loaded_models])
                stack.enter_context(differentiable_unet(unet.base.diffusion_model, lambda: unet.checkpointing))
            if clip is not None:
                stack.enter_context(differentiable_clip(clip.patcher))
            return work(unet)

    def _places(self) -> dict[str, _Entries]:
        places = {}
        for side, named in self._sides.items():
            first = 0
            for name, conditioning in named.items():
                places[name] = _Entries(side, first, entry_lengths(conditioning))
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
