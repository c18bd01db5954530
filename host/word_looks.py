"""Where in the picture chosen words are attended to over a whole sampling, without changing a bit of it.

Averaged over heads, layers and evaluations. Source: Tang et al. 2022, arXiv:2210.04885 (DAAM), whose maps `attention`
has. There, layers that hardly tell places apart but attend strongly lift a map as a whole; in `shape` each layer's map
of each evaluation is over its own range, so that all say where, and none how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..diffusion.regions import of_range
from .attention_maps import AttentionMaps, BlockShape
from .token_marks import KEY, Places, Prompt, Rows, marked

LOOKED_AT = f"{KEY}_looked_at"
"""The key of a conditioning for the words that are looked for, {text: places}, and of its mark in a batch."""
EVERY_LAYER = 2**62


class WordLooks:
    """Collects the maps of some words. words: their texts."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._sums: Tensor | None = None
        self._calls = 0

    def add(self, maps: Sequence[Tensor]) -> None:
        """Of one evaluation: a map a layer, (pictures, words, h, w)."""
        means = torch.stack([torch.stack(list(some)).mean(0) for some in (maps, map(of_range, maps))])
        self._sums = means if self._sums is None else self._sums + means
        self._calls += 1

    @property
    def attention(self) -> Tensor | None:
        """(pictures, words, h, w): the share of each place's attention that a word's tokens get, each on the average;
        None when nothing was seen."""
        return self._mean(0)

    @property
    def shape(self) -> Tensor | None:
        """(pictures, words, h, w) in [0, 1]: where a word is, over all layers alike; None as above."""
        return self._mean(1)

    def _mean(self, kind: int) -> Tensor | None:
        return None if self._sums is None else (self._sums[kind] / self._calls).cpu()


def looked_for(conditioning: Sequence[Any], words: Mapping[str, Places]) -> list[list[Any]]:
    """A CONDITIONING that tells where the words stand."""
    return [[embedding, {**options, LOOKED_AT: dict(words)}] for embedding, options in conditioning]


def recording(model: Any, looks: WordLooks) -> Any:
    """A clone of MODEL whose samplings tell `looks` where the words of conditionings that are `looked_for` are.

    What a sampling needs is put on the UNet when it begins and is gone when it ends, however it ends.
    """
    clone = model.clone()
    clone.add_wrapper_with_key("outer_sample", LOOKED_AT, _Recorder(looks))
    return clone


class _Recorder:
    """The wrapper of a whole sampling."""

    def __init__(self, looks: WordLooks) -> None:
        self._looks = looks

    def __call__(self, executor: Any, noise: Tensor, *args: Any, **options: Any) -> Any:
        guider = executor.class_obj
        guider.conds = marked(guider.conds, LOOKED_AT, _read)
        run = _Run(self._looks, guider.model_patcher.model.diffusion_model, (noise.shape[-2], noise.shape[-1]))
        wrappers = guider.model_options["transformer_options"].setdefault("wrappers", {})
        wrappers.setdefault("diffusion_model", {})[LOOKED_AT] = [run.predict]
        with run.shape.attached():
            return executor(noise, *args, **options)


def _read(options: Mapping[str, Any], length: int) -> Prompt:
    return Prompt(length, options.get(LOOKED_AT) or {})


class _Run:
    """One sampling. size: of its latents."""

    def __init__(self, looks: WordLooks, unet: Any, size: tuple[int, int]) -> None:
        self._looks, self._size = looks, size
        self.shape = BlockShape(unet)
        self._maps = AttentionMaps(unet, self.shape, EVERY_LAYER)

    def predict(self, executor: Any, x: Tensor, timesteps: Any = None, context: Any = None, *more: Any, **options: Any
                ) -> Any:  # fmt: skip
        """The wrapper of the UNet's call. A call whose rows nobody knows, as where another pack cuts batches or tiles
        the picture, is not looked at."""
        rows: Rows | None = options.pop(LOOKED_AT, None)
        known = rows is not None and rows.count == len(x) and tuple(x.shape[-2:]) == self._size
        chosen, places = rows.naming(self._looks.words) if rows is not None and known else ((), [])
        if not chosen:
            return executor(x, timesteps, context, *more, **options)
        groups = Rows(chosen).groups(context.shape[1], self._looks.words, ()).to(x.device)
        with self._maps.watching(torch.tensor(places, device=x.device), groups, self._size, len(x)) as maps:
            out = executor(x, timesteps, context, *more, **options)
        if maps:
            self._looks.add(maps)
        return out
