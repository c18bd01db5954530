"""The loaded UNet: predictions under prompts, with all that hangs on MODEL and the conditionings."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import comfy.conds
import comfy.model_management
import comfy.samplers
import torch
from torch import Tensor

from ..diffusion.process import eps_from_x0
from ..support.finite import OTHER_WEIGHTS, require_finite
from .hooks import Keyframes, has_keyframes
from .memory import OUT_OF_MEMORY, free_memory_after
from .noise_masks import mask_at
from .progress import throw_if_cancelled
from .randomness import same_chance
from .recomputing import Recomputing
from .scale import alpha_bar_of, sigmas_of, x_of

Entry = dict[str, Any]
log = logging.getLogger("single_image_studio")
_CROSS = "c_crossattn"


@dataclass(frozen=True)
class HostPrompt:
    """A conditioning's embeddings, and a way to predict with others in their place.

    context: (1 or B, n, width): the embeddings of all its entries, one after the other along the tokens.
    side: positive or negative; patches that treat these differently (image prompts) go by it.
    """

    name: str
    context: Tensor
    side: str = "positive"

    def with_context(self, context: Tensor) -> HostPrompt:
        return replace(self, context=context)

    def of_picture(self, index: int) -> HostPrompt:
        """One picture's part of a prompt that has embeddings for each."""
        return self if len(self.context) == 1 else self.with_context(self.context[index : index + 1])


@dataclass(frozen=True)
class Entries:
    """Where a prompt's entries stand: in which of the host's two lists, from which on, and how many tokens each has."""

    side: str
    first: int
    lengths: list[int]


class Unet:
    """The loaded UNet, with all that hangs on MODEL and the conditionings. Made by `UnetSession.run`.

    prompts: by the names that the session was given. clip: the session's, ready for gradients, or None.
    alpha_bar: (1000,) float32 on the device. evaluations: so far, one a prompt and picture.
    checkpointing: recompute blocks in backward; may be switched at any time. sides_differ: whether a prompt may be
    predicted otherwise on the negative side, as other packs' patches are on the model. has_precision: whether the node
    lets a person choose what is computed in.
    """

    out_of_memory = OUT_OF_MEMORY

    def __init__(self, guider: Any, model_options: dict[str, Any], places: Mapping[str, Entries], clip: Any) -> None:
        self.base = guider.inner_model
        self.device: torch.device = guider.model_patcher.load_device
        self.patcher, self.clip = guider.model_patcher, clip
        self.sigmas = sigmas_of(self.base.model_sampling, self.device)
        self.alpha_bar = alpha_bar_of(self.sigmas)
        self.prompts: dict[str, HostPrompt] = {}
        self.evaluations = 0
        self.checkpointing = self.has_precision = False
        self._tried: set[str] = set()
        self._model_options, self._places = model_options, places
        self.sides_differ = _is_patched(model_options)
        self._sides: dict[str, list[Entry]] = dict(guider.conds)
        self._keyframes = Keyframes(self.patcher)
        self._guider = guider
        self._ranged = any(_changes_with_time(entry) for side in self._sides.values() for entry in side)

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
        Raises: InputError when the first prediction under a prompt is not finite; the host's
        InterruptProcessingException when the user has pressed cancel.
        """
        throw_if_cancelled()
        # the host reads a batch's ranges off its first timestep
        if self._ranged and len(timesteps) > 1 and len(timesteps.unique()) > 1:
            predictions = [
                self.predict_x0(latents[i : i + 1], timesteps[i : i + 1], [prompt.of_picture(i) for prompt in prompts])
                for i in range(len(latents))
            ]
            return [torch.cat(list(x0s)) for x0s in zip(*predictions, strict=True)]
        sigma = self.sigmas[timesteps]
        self.evaluations += len(prompts) * len(latents)
        x0s: list[Tensor | None] = [None] * len(prompts)
        for places in _one_of_each_side(prompts):
            together = [prompts[i] for i in places if i is not None]
            entries = [None if i is None else self._entries(prompts[i], sigma, together) for i in places]
            with same_chance(int(timesteps[0]), self.device) if self.sides_differ else contextlib.nullcontext():
                predicted = self._calculate(entries, x_of(latents, sigma), sigma)
            for i, x0 in zip(places, predicted, strict=True):
                if i is not None:
                    x0s[i] = x0.float()
        found = [x0 for x0 in x0s if x0 is not None]
        new = {prompt.name for prompt in prompts} - self._tried
        if new:  # once a prompt: each look waits for the device
            self.require_finite(*found)
            self._tried |= new
        return found

    def require_finite(self, *results: Tensor | None) -> None:
        """Raises: InputError that names `model` when something that it gave is not finite."""
        advice = OTHER_WEIGHTS
        if self.compute_dtype == torch.float16:
            instead = "set `precision` to fp32" if self.has_precision else "start ComfyUI with --fp32-unet"
            advice = f"it is computed in fp16, which may overflow; {instead}, {advice}"
        require_finite("model", advice, *results, verb="gives")

    def masking(self, mask: Tensor) -> Callable[[Tensor], Tensor]:
        """A noise mask (B, 1, h, w) at each timestep, as the patches of MODEL have it."""
        here = mask.to(self.device)
        return lambda timesteps: mask_at(here, self.sigmas[timesteps], self._guider, self._model_options)

    def pictures_at_once(self, shape: Sequence[int], most: int) -> int:
        """How many pictures are likely to fit in one evaluation of both sides of guidance, from 1 to `most`; by the
        host's own count, with the room that it leaves. shape: of their latents, (…, h, w)."""
        one = 1.5 * self.base.memory_required([2, 4, *shape[-2:]])
        free = comfy.model_management.get_free_memory(self.device)
        return max(1, min(most, int(free // one)))

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

    def _calculate(self, entries: list[list[Entry] | None], x: Tensor, sigma: Tensor) -> list[Tensor]:
        # checkpointing keeps its own account of what an operation keeps
        remade = torch.is_grad_enabled() and not self.checkpointing
        with Recomputing() if remade else contextlib.nullcontext():
            return self._calculated(entries, x, sigma)

    def _calculated(self, entries: list[list[Entry] | None], x: Tensor, sigma: Tensor) -> list[Tensor]:
        other = self._model_options.get("sampler_calc_cond_batch_function")
        if other is not None:
            options = self._model_options
            batch = {"conds": entries, "input": x, "sigma": sigma, "model": self.base, "model_options": options}
            return other(batch)  # type: ignore[no-any-return]
        return comfy.samplers.calc_cond_batch(self.base, entries, x, sigma, self._model_options)

    def _entries(self, prompt: HostPrompt, sigma: Tensor, together: Sequence[HostPrompt]) -> list[Entry]:
        """A prompt's processed conditioning for a prediction at one noise level.

        together: the prompts that are predicted with it, itself too.
        """
        entries = self._with_context(prompt.name, prompt.context)
        if len(together) > 1:
            entries = self._without_opposites_of_others(entries, together)
        level = float(sigma[0])
        return [{**e, "hooks": self._keyframes.at(e["hooks"], level)} if has_keyframes(e) else e for e in entries]

    def _with_context(self, name: str, context: Tensor) -> list[Entry]:
        """A processed conditioning with other embeddings.

        The host may have appended entries (an area needs its opposite on the other side); those share the embedding
        *object* of the entry that they were made from, by which they are known here.
        """
        place = self._places[name]
        entries = self._sides[place.side]
        own = self._own(name)
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

    def _without_opposites_of_others(self, entries: list[Entry], together: Sequence[HostPrompt]) -> list[Entry]:
        """Without the opposites that the host made for areas of prompts that take no part in this prediction.

        Such an entry keeps the uuid of the one that it was made for.
        """
        present = {prompt.name for prompt in together}
        absent = {own["uuid"] for name in self._places if name not in present for own in self._own(name)}
        return [entry for entry in entries if entry["uuid"] not in absent]

    def _own(self, name: str) -> list[Entry]:
        """A prompt's entries, without what the host appended."""
        place = self._places[name]
        return self._sides[place.side][place.first : place.first + len(place.lengths)]


def _is_patched(model_options: Mapping[str, Any]) -> bool:
    """Whether other code than the host's runs inside the UNet or around its call."""
    inside = model_options.get("transformer_options", {})
    wrappers = [kept for by_key in inside.get("wrappers", {}).values() for kept in by_key.values() if kept]
    patches = [inside.get("patches"), inside.get("patches_replace"), model_options.get("model_function_wrapper")]
    return bool(wrappers) or any(patches)


def _changes_with_time(entry: Entry) -> bool:
    return "timestep_start" in entry or "timestep_end" in entry or has_keyframes(entry)


def _one_of_each_side(prompts: Sequence[HostPrompt]) -> list[tuple[int | None, ...]]:
    """Which prompts go through the UNet together: (a positive's index, a negative's index or nothing at all).

    The host tells patches whether they see the positive or the negative prompt by its place in the pair, so each keeps
    its own place, also when it is predicted alone.
    """
    sides = [[i for i, prompt in enumerate(prompts) if prompt.side == side] for side in ("positive", "negative")]
    pairs = list(zip_longest(*sides))
    return [(positive,) if negative is None else (positive, negative) for positive, negative in pairs]
