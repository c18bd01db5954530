"""Concepts that stay apart on one MODEL: each one's LoRA acts on its own phrase and in its own place, in one pass.

| layers | where a concept's LoRA acts |
|---|---|
| keys and values of cross-attention | at the tokens of its phrase |
| all others | at the places of its region: a given one, or the one that is found in the first steps |

The host's wrapper around a whole sampling is all that hangs on MODEL. What a sampling needs beside it (hooks on layers,
marks on conditionings, a wrapper of the UNet's call) is put there when it begins and is gone when it ends, however it
ends. The host's injections would do too, but stay on the UNet when a graph drops the MODEL that they were made on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..support.warnings import warn
from .attention_maps import AttentionMaps
from .gated_lora import GatedLayers, Update, layer_of, patches_of, updates_of
from .gates import CallGates
from .identity import digest_of
from .phrases import PHRASES
from .regions import Regions
from .token_marks import KEY, Rows, marked, prompts_of

_OUTER_SAMPLE, _DIFFUSION_MODEL = "outer_sample", "diffusion_model"
Found = Callable[[Tensor], None]


@dataclass(frozen=True, kw_only=True)
class ApartConcept:
    """A concept on MODEL.

    name: as the CLIP's conditionings call it; "" for one that they can no longer name.
    updates: its LoRA, by the UNet's layers.
    region: (B, H, W) in [0, 1], where it may act; None to find it in the first steps.
    by_tokens: whether its LoRA acts on its phrase's tokens alone in cross-attention; else on all tokens.
    found: told the regions that were found, (pictures, h, w) of zeros and ones.
    patches, strength: the same LoRA as the host's patches of weights.
    """

    name: str
    updates: Mapping[str, Update] = field(repr=False)
    patches: Mapping[str, Any] = field(default_factory=dict, repr=False)
    strength: float = 1.0
    region: Tensor | None = None
    by_tokens: bool = True
    found: Found | None = None


def with_lora_apart(
    model: Any,
    name: str,
    lora: Mapping[str, Tensor],
    strength: float,
    *,
    region: Tensor | None = None,
    by_tokens: bool = True,
    found: Found | None = None,
) -> Any:
    """A clone of MODEL on which a concept's LoRA acts on its phrase and in its place only, beside those before it.

    name: one that no other concept on it has; `with_name_free` sees to that.
    lora: by kohya's names; what the text encoder has of it is left out. The rest: as `ApartConcept` has it.
    """
    clone = model.clone()
    patches = patches_of(model, lora) if strength else {}
    updates = updates_of(model, patches, strength)
    others = {key: patch for key, patch in patches.items() if key not in updates}
    if others:  # such as LoKr's, which only exist as changes of a weight
        clone.add_patches(others, strength)
        warn("lora_not_apart", name=name)
    concept = ApartConcept(
        name=name, updates={layer_of(key): update for key, update in updates.items()}, region=region,
        by_tokens=by_tokens, found=found, patches={key: patches[key] for key in updates}, strength=strength,
    )  # fmt: skip
    clone.add_wrapper_with_key(_OUTER_SAMPLE, KEY, _Apart([*_taken_off(clone), concept]))
    return clone


def with_name_free(model: Any, name: str, instead: str) -> Any:
    """A MODEL on which no concept that is kept apart is called `name`; where none is, itself.

    instead: what the CLIP calls the one that was (`host.text.name_left`); "" where it can no longer name it.
    """
    if all(concept.name != name for concept in _on(model)):
        return model
    clone = model.clone()
    concepts = [replace(c, name=instead) if c.name == name else c for c in _taken_off(clone)]
    clone.add_wrapper_with_key(_OUTER_SAMPLE, KEY, _Apart(concepts))
    return clone


def merged(model: Any) -> Any:
    """A MODEL on which every concept acts on everything; for one that keeps nothing apart, itself.

    For training, whose prompts name none of them.
    """
    if not model.get_wrappers(_OUTER_SAMPLE, KEY):
        return model
    clone = model.clone()
    for concept in _taken_off(clone):
        clone.add_patches(dict(concept.patches), concept.strength)
    return clone


def without_finding(model: Any) -> Any:
    """A MODEL on which a concept without a region acts on its phrase's tokens alone; for one that keeps nothing apart,
    itself.

    For inversion, which needs the same prediction again at the same noise level, whatever came before.
    """
    if not model.get_wrappers(_OUTER_SAMPLE, KEY):
        return model
    clone = model.clone()
    clone.add_wrapper_with_key(_OUTER_SAMPLE, KEY, _Apart(_taken_off(clone), finds=False))
    return clone


def identity_apart(model: Any) -> str:
    """Of the concepts that are kept apart on a MODEL, which `host.identity.identity` does not see; "" without any."""
    told = [(c.name, c.by_tokens, c.strength, c.region, c.updates) for c in _on(model)]
    return digest_of(told) if told else ""


def _on(model: Any) -> list[ApartConcept]:
    """The concepts that are kept apart on a MODEL."""
    return [concept for wrapper in model.get_wrappers(_OUTER_SAMPLE, KEY) for concept in wrapper.concepts]


def _taken_off(model: Any) -> list[ApartConcept]:
    """The concepts that were kept apart on a MODEL of our own, which now lacks them."""
    before = _on(model)
    model.remove_wrappers_with_key(_OUTER_SAMPLE, KEY)
    return before


class _Apart:
    """The wrapper of a whole sampling. finds: whether regions that are not given are looked for."""

    def __init__(self, concepts: Sequence[ApartConcept], finds: bool = True) -> None:
        self.concepts, self._finds = tuple(concepts), finds

    def __call__(
        self, executor: Any, noise: Tensor, latent_image: Any, sampler: Any, sigmas: Tensor, *more: Any, **options: Any
    ) -> Any:
        guider = executor.class_obj
        concepts = self._told_apart([concept for concept in self.concepts if concept.name], guider.conds)
        guider.conds = marked(guider.conds)
        words = sorted({word for prompt in prompts_of(guider.conds) for word, _ in prompt.words})
        regions = Regions(concepts, noise.shape, [float(sigma) for sigma in sigmas], words)
        run = _Run(concepts, guider.model_patcher.model.diffusion_model, regions, self._finds)
        wrappers = guider.model_options["transformer_options"].setdefault("wrappers", {})
        wrappers.setdefault(_DIFFUSION_MODEL, {})[KEY] = [run.predict]
        with run.attached():
            return executor(noise, latent_image, sampler, sigmas, *more, **options)

    def _told_apart(
        self, concepts: Sequence[ApartConcept], conds: Mapping[str, Sequence[dict[str, Any]]]
    ) -> Sequence[ApartConcept]:
        """The concepts as these conditionings allow. Where none tells of its phrases (another pack has encoded
        them), a concept without a region acts on everything, as its merged LoRA would."""
        entries = [cond for side in conds.values() for cond in side]
        if any(PHRASES in cond for cond in entries):
            named = {name for cond in entries for name, places in cond.get(PHRASES, {}).items() if places}
            for name in sorted({concept.name for concept in concepts if concept.by_tokens} - named):
                warn("apart_without_phrase", name=name)
            placeless = sorted({c.name for c in concepts if c.name in named and c.region is None})
            if placeless and not self._finds:
                warn("apart_without_region", names=", ".join(placeless))
            return concepts
        everywhere = {c.name for c in concepts if c.by_tokens and c.region is None}
        if everywhere:
            warn("apart_unknown_phrases", names=", ".join(sorted(everywhere)))
        return [_everywhere(c) if c.name in everywhere else c for c in concepts]


def _everywhere(concept: ApartConcept) -> ApartConcept:
    return replace(concept, by_tokens=False, region=torch.ones(1, 1, 1))


class _Run:
    """One sampling with the concepts on its UNet."""

    def __init__(self, concepts: Sequence[ApartConcept], unet: nn.Module, regions: Regions, finds: bool) -> None:
        self._names = [concept.name for concept in concepts]
        self._by_tokens = [concept.by_tokens for concept in concepts]
        self._layers = GatedLayers(unet, [concept.updates for concept in concepts])
        self._maps = AttentionMaps(unet, lambda: self._layers.shape)
        self._regions = regions
        self._wanted = regions.wanted if finds else []
        self._gates: dict[Any, CallGates] = {}
        self._warned = set[str]()

    def attached(self) -> contextlib.AbstractContextManager[None]:
        return self._layers.attached()

    def predict(self, executor: Any, x: Tensor, timesteps: Any = None, context: Any = None, y: Any = None,
                control: Any = None, transformer_options: Any = None, **more: Any) -> Any:  # fmt: skip
        """The wrapper of the UNet's call."""
        options = transformer_options or {}
        rows: Rows | None = more.pop(KEY, None)
        if rows is None or rows.count != len(x):  # another pack's wrapper cuts batches as it likes
            self._warn("apart_unknown_rows")
            return executor(x, timesteps, context, y, control, options, **more)
        with self._watching(rows, x, options, context):
            self._layers.of_call = gates = self._gates_for(rows, x)
            return executor(x, timesteps, context, y, control, {**options, KEY: gates}, **more)

    def _warn(self, id: str) -> None:
        if id not in self._warned:
            warn(id, names=", ".join(self._names))
        self._warned.add(id)

    def _gates_for(self, rows: Rows, x: Tensor) -> CallGates:
        """Those of an earlier call, as long as nothing has changed."""
        parts = tuple((id(chunk.prompt), chunk.rows, chunk.area) for chunk in rows.chunks)
        key = self._regions.version, parts, x.shape, x.dtype, x.device
        if key not in self._gates:
            regions = self._regions.at(rows, x.device) if self._is_whole(rows, x) else None
            known = [regions is not None and known for known in self._regions.known]
            self._gates[key] = CallGates(self._names, self._by_tokens, rows, regions, known, x)
        return self._gates[key]

    def _is_whole(self, rows: Rows, x: Tensor) -> bool:
        """Whether x is the pictures, or areas of them, and no tiles, of which nobody knows where they are."""
        whole = self._regions.fits(rows, x.shape[-2:])
        if not whole:
            self._warn("apart_unknown_tiles")
        return whole

    @contextlib.contextmanager
    def _watching(self, rows: Rows, x: Tensor, options: Mapping[str, Any], context: Any) -> Iterator[None]:
        """Looks where the phrases attend, in the calls in which regions are to be found."""
        chosen, places = rows.naming(self._wanted)
        sigma = float(options["sigmas"][0]) if self._wanted else 0.0
        if not self._wanted or not self._regions.begin(sigma) or not chosen or not self._is_whole(rows, x):
            yield
            return
        groups = Rows(chosen).groups(context.shape[1], self._names, self._regions.words).to(x.device)
        size = x.shape[-2], x.shape[-1]
        with self._maps.watching(torch.tensor(places, device=x.device), groups, size, len(x)) as maps:
            yield
        if not maps:
            self._warn("apart_unseen")
        self._regions.add(chosen, maps, sigma)
