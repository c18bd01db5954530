"""Conditionings as prompts of an algorithm, run inside the host's own sampling machinery.

An algorithm runs where a sampler would: the host has loaded the model, ControlNets and whatever else hangs on the
conditionings, has resolved areas, masks, hooks and timestep ranges, and cleans up afterwards. So all of that survives,
on old and new hosts alike, while the algorithm sees embeddings only.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import comfy.conds
import comfy.model_management
import comfy.sampler_helpers
import comfy.samplers
import torch
from torch import Tensor

from ..diffusion.process import eps_from_x0
from ..support.errors import InputError
from .denoiser import OUT_OF_MEMORY, free_memory_after, with_precision
from .gradients import checkpointed_blocks, out_of_place_control, own_copy, static_memory, thaw, training_mode
from .progress import throw_if_cancelled
from .scale import alpha_bar_of, sigmas_of, x_of

T = TypeVar("T")
Conditioning = Sequence[Any]
Entry = dict[str, Any]
log = logging.getLogger("single_image_studio")
_CROSS = "c_crossattn"
# backward keeps what inference would drop; a guess, which only decides how much else the host unloads first
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


def entry_lengths(conditioning: Conditioning) -> list[int]:
    """How many tokens each entry of a conditioning has."""
    return [int(entry[0].shape[1]) for entry in conditioning]


def context_of(conditioning: Conditioning) -> Tensor:
    """All entries' embeddings in one tensor, (1 or B, n, width) float32, free of inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        parts = [entry[0].clone().float() for entry in conditioning]
        pictures = max(len(part) for part in parts)
        return torch.cat([part.expand(pictures, -1, -1) if len(part) == 1 else part for part in parts], dim=1)


def with_context(conditioning: Conditioning, context: Tensor) -> list[list[Any]]:
    """The same conditioning with other embeddings: what hangs on its entries stays."""
    parts = context.split(entry_lengths(conditioning), dim=1)
    return [[part.clone(), dict(entry[1])] for part, entry in zip(parts, conditioning, strict=True)]


def picture_of(conditioning: Conditioning, index: int, pictures: int) -> list[list[Any]]:
    """One picture's part of a conditioning made for a batch: embeddings, masks and ControlNet hints of that many."""

    def pick(value: Any) -> Any:
        return (
            value[index : index + 1]
            if isinstance(value, Tensor) and value.dim() > 1 and len(value) == pictures
            else value
        )

    picked = [[pick(entry[0]), {name: pick(value) for name, value in entry[1].items()}] for entry in conditioning]
    for _, options in picked:
        if "control" in options:
            options["control"] = _hint_of(options["control"], pick)
    return picked


def _hint_of(control: Any, pick: Callable[[Any], Any]) -> Any:
    """A copy of a chain of ControlNets with one picture's hint each."""
    copied = control.copy()
    copied.cond_hint_original = pick(control.cond_hint_original)
    if control.previous_controlnet is not None:
        copied.set_previous_controlnet(_hint_of(control.previous_controlnet, pick))
    return copied


@dataclass(frozen=True)
class _Place:
    """Where a prompt's entries stand: in which of the host's two lists, from which entry, and how many tokens each
    has."""

    side: str
    first: int
    lengths: list[int]


class Predictor:
    """Predicts for an algorithm; made by `run`.

    alpha_bar: (1000,) float32 on the device. evaluations: UNet evaluations so far, one a prompt and picture.
    checkpointing: recompute blocks in backward; may be switched at any time.
    """

    out_of_memory = OUT_OF_MEMORY

    def __init__(
        self,
        guider: comfy.samplers.CFGGuider,
        model_options: dict[str, Any],
        places: Mapping[str, _Place],
        device: torch.device,
    ) -> None:
        self.base = guider.inner_model
        self.device = device
        self.sigmas = sigmas_of(self.base.model_sampling, device)
        self.alpha_bar = alpha_bar_of(self.sigmas)
        self.evaluations = 0
        self.checkpointing = False
        self._model_options = model_options
        self._places = places
        self._sides: dict[str, list[Entry]] = dict(guider.conds)
        self._ranged = any(
            "timestep_start" in e or "timestep_end" in e for entries in self._sides.values() for e in entries
        )

    def predict_eps(self, latents: Tensor, timesteps: Tensor, prompts: Sequence[HostPrompt]) -> list[Tensor]:
        """See `inversion.model.EpsModel`; all prompts in one pass through the UNet where memory allows."""
        throw_if_cancelled()
        # the host reads a batch's ranges off its first timestep
        if self._ranged and len(timesteps) > 1 and len(timesteps.unique()) > 1:
            parts = [self.predict_eps(latents[i : i + 1], timesteps[i : i + 1], prompts) for i in range(len(latents))]
            return [torch.cat(list(predictions)) for predictions in zip(*parts, strict=True)]
        sigma, alpha_bar = self.sigmas[timesteps], self.alpha_bar[timesteps]
        entries = [self._with_context(p.name, p.context) for p in prompts]
        self.evaluations += len(prompts) * len(latents)
        x0s = self._calculate(entries, x_of(latents, sigma), sigma)
        return [eps_from_x0(latents, x0.float(), alpha_bar) for x0 in x0s]

    def make_room(self, error: BaseException) -> bool:
        """Where a backward does not fit: recompute blocks instead of keeping them, once."""
        if self.checkpointing:
            return False
        log.info("Memory is short: going on with gradient checkpointing.")
        free_memory_after(error)
        self.checkpointing = True
        return True

    def _calculate(self, entries: list[list[Entry]], x: Tensor, sigma: Tensor) -> list[Tensor]:
        other = self._model_options.get("sampler_calc_cond_batch_function")
        if other is not None:
            return other(
                {"conds": entries, "input": x, "sigma": sigma, "model": self.base, "model_options": self._model_options}
            )  # type: ignore[no-any-return]
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


class _Algorithm(comfy.samplers.Sampler):  # type: ignore[misc]
    """Stands where the host expects a sampler, and runs something else there."""

    def __init__(self, run: Callable[[dict[str, Any]], Any]) -> None:
        self.run = run

    def sample(
        self,
        model_wrap: Any,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Any,
        noise: Tensor,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        self.result = self.run(extra_args["model_options"])
        return noise


def run(
    model: Any,
    positive: Mapping[str, Conditioning],
    negative: Mapping[str, Conditioning],
    latents: Tensor,
    timesteps: Sequence[int],
    algorithm: Callable[[Predictor, dict[str, HostPrompt]], T],
    precision: str = "auto",
    with_gradients: bool = False,
) -> T:
    """Runs an algorithm on the graph's MODEL and conditionings, and leaves them as they were.

    positive, negative: conditionings by the names of the inputs that they came from, on the side where the host has
        them
        (it shares ControlNets and areas between the sides). The algorithm gets a HostPrompt for each name.
    latents: (B, 4, h, w), for their shape. timesteps: noisiest first; what a stock sampler would be told.
    with_gradients: weights are made fit for autograd, and grad may be switched on inside.
    Raises: InputError when a conditioning is empty, or of another width than the model reads.
    """
    for name, conditioning in (*positive.items(), *negative.items()):
        _check(model, name, conditioning)
    if any(model.model_options.get(patch) for patch in _CFG_PATCHES):
        log.warning(
            "`model` carries a patch of the guidance (such as RescaleCFG), which inversion and its sampler do not use:"
            " the stock KSampler route does."
        )
    with contextlib.ExitStack() as stack:
        if with_gradients:
            stack.enter_context(training_mode())
            stack.enter_context(out_of_place_control())
            positive, negative, latents = own_copy(dict(positive)), own_copy(dict(negative)), own_copy(latents)
        stack.enter_context(torch.no_grad())
        patcher = with_precision(static_memory(model) if with_gradients else model, precision)
        guider = comfy.samplers.CFGGuider(patcher)
        sides = {side: named for side, named in (("positive", positive), ("negative", negative)) if named}
        guider.inner_set_conds(
            {
                side: [entry for conditioning in named.values() for entry in conditioning]
                for side, named in sides.items()
            }
        )
        places = {name: place for side, named in sides.items() for name, place in _places(side, named).items()}
        contexts = {name: context_of(conditioning) for named in sides.values() for name, conditioning in named.items()}

        def inside(model_options: dict[str, Any]) -> T:
            if with_gradients:
                _make_fit_for_autograd(guider)
            predictor = Predictor(guider, model_options, places, patcher.load_device)
            prompts = {name: HostPrompt(name, context.to(predictor.device)) for name, context in contexts.items()}
            with checkpointed_blocks(predictor.base.diffusion_model, lambda: predictor.checkpointing):
                return algorithm(predictor, prompts)

        # the host's own loading may leave part of a large model in CPU memory, where autograd cannot follow
        if with_gradients:
            models, _ = comfy.sampler_helpers.get_additional_models(guider.original_conds, patcher.model_dtype())
            room = patcher.model.memory_required([1, *latents.shape[1:]]) * ACTIVATIONS
            comfy.model_management.load_models_gpu([patcher, *models], memory_required=room, force_full_load=True)
        sampler = _Algorithm(inside)
        sigmas = sigmas_of(patcher.get_model_object("model_sampling"))[list(timesteps)]
        blank = torch.zeros(latents.shape)
        guider.sample(blank, blank, sampler, torch.cat([sigmas, sigmas.new_zeros(1)]), disable_pbar=True)
        return sampler.result  # type: ignore[no-any-return]


def _places(side: str, named: Mapping[str, Conditioning]) -> dict[str, _Place]:
    places, first = {}, 0
    for name, conditioning in named.items():
        places[name] = _Place(side, first, entry_lengths(conditioning))
        first += len(conditioning)
    return places


def _make_fit_for_autograd(guider: comfy.samplers.CFGGuider) -> None:
    for patcher in (guider.model_patcher, *guider.loaded_models):
        if isinstance(getattr(patcher, "model", None), torch.nn.Module):
            thaw(patcher.model)


def _check(model: Any, name: str, conditioning: Any) -> None:
    if not conditioning:
        raise InputError(f"`{name}` is empty: connect a CLIPTextEncode to it; for no text at all leave its text empty.")
    wanted = model.model.model_config.unet_config.get("context_dim")
    for embedding, _ in conditioning:
        if not isinstance(embedding, Tensor) or embedding.dim() != 3:
            raise InputError(f"`{name}` holds no text embedding: connect a CLIPTextEncode to it.")
        if wanted is not None and embedding.shape[2] != wanted:
            raise InputError(
                f"`{name}` has {embedding.shape[2]} numbers a token but `model` reads {wanted}: encode it with the same"
                " checkpoint's CLIP."
            )
        if not torch.isfinite(embedding).all():
            raise InputError(
                f"`{name}` holds numbers that are not finite (NaN): encode the prompt again, or load another"
                " checkpoint."
            )


def within(conditioning: Conditioning, start: float, end: float) -> list[list[Any]]:
    """A conditioning that acts in a share of sampling only (0 is noise, 1 clean); ranges that its entries already have
    are kept."""
    out = []
    for embedding, options in conditioning:
        first, last = max(start, options.get("start_percent", 0.0)), min(end, options.get("end_percent", 1.0))
        if first < last:
            out.append([embedding, {**options, "start_percent": first, "end_percent": last}])
    return out


def aligned(target: Conditioning, other: Conditioning, name: str) -> tuple[list[list[Any]], Tensor]:
    """Both sides of a blend in one shape: the target with its embeddings repeated where needed, and the other's
    context.

    Prompts of different length (77 tokens a chunk) are repeated to a common one, as the host does when it batches them:
    attention over repeated tokens gives what it gives over them once. One entry is blended into every entry of the
    target.
    Raises: InputError when the entries cannot be paired.
    """
    if len(other) not in (1, len(target)):
        raise InputError(
            f"`{name}` has {len(other)} parts (areas or combined prompts) and `target` has {len(target)}: give both the"
            f" same, or `{name}` one."
        )
    pairs = zip(target, list(other) * (len(target) // len(other)), strict=True)
    repeated, contexts = [], []
    for (embedding, options), (companion, _) in pairs:
        if embedding.shape[2] != companion.shape[2]:
            raise InputError(
                f"`{name}` has {companion.shape[2]} numbers a token and `target` has {embedding.shape[2]}: encode both"
                " with one checkpoint's CLIP."
            )
        length = math.lcm(embedding.shape[1], companion.shape[1])
        repeated.append([embedding.repeat(1, length // embedding.shape[1], 1), dict(options)])
        contexts.append([companion.repeat(1, length // companion.shape[1], 1), {}])
    return repeated, context_of(contexts)
