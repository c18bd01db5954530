"""How long a picture takes with concepts kept apart, beside one stock LoRA and the host's own hooks and masks.

All ways take turns, so that what else the machine does falls on all of them alike; a way's figure is the median of its
ratios to the stock LoRA's run of the same turn. The LoRAs are random: what they draw costs no less.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from . import sampling
from .learning import load_pack

BASELINE = "one stock LoRA"
STEPS, CFG = 20, 5.0
NAMES = ("one", "two")
PHRASES = {"one": (1, 2), "two": (5, 6)}
PROMPT = "one heart and a two star on a green background"
Way = Callable[[], Any]


class Speed:
    """The ways to draw one prompt's picture on one checkpoint."""

    def __init__(self, checkpoint: pathlib.Path, size: int) -> None:
        load_pack()
        self.model, self.clip, self.vae = sampling.load(checkpoint)
        self.side = size // sampling.DOWNSCALE
        self.left = torch.zeros(1, size, size)
        self.left[..., : size // 2] = 1
        self.lora = self._lora()
        with torch.inference_mode():
            self.positive, self.negative = (sampling.encode_many(self.clip, [text]) for text in (PROMPT, ""))

    def _lora(self) -> dict[str, Tensor]:
        from single_image_studio.concept.lora import Lora, LoraSet
        from single_image_studio.host.weights import attention_projections

        lora = LoraSet(attention_projections(self.model, None), 4, torch.Generator().manual_seed(0))
        with torch.no_grad():
            for layer in lora.layers.values():
                if isinstance(layer, Lora):
                    layer.up.normal_(std=0.01)
        return lora.kohya()

    def ways(self) -> Mapping[str, Way]:
        """What is measured, by name; the baseline first."""
        left, right = self.left, 1 - self.left
        one, both = {"one": None}, {"one": None, "two": None}
        return {
            BASELINE: self._way(self._stock(), self.positive),
            "one concept, found": self._way(self._apart(one), self._naming(one)),
            "two concepts, found": self._way(self._apart(both), self._naming(both)),
            "two concepts, given regions": self._way(self._apart({"one": left, "two": right}), self._naming(both)),
            "two LoRAs, the host's hooks and masks": self._way(self.model, self._hooked(left, right)),
        }

    def _way(self, model: Any, positive: Any) -> Way:
        return lambda: self._sample(model, positive)

    def _sample(self, model: Any, positive: Any) -> Tensor:
        import comfy.sample

        empty = torch.zeros(1, 4, self.side, self.side)
        noise = sampling.noise([0], tuple(empty.shape[1:]))
        with torch.inference_mode():
            return comfy.sample.sample(  # type: ignore[no-any-return]
                model, noise, STEPS, CFG, "euler", "normal", positive, self.negative, empty, disable_pbar=True, seed=0
            )

    def _stock(self) -> Any:
        import comfy.sd

        return comfy.sd.load_lora_for_models(self.model, None, dict(self.lora), 1.0, 0.0)[0]

    def _apart(self, regions: Mapping[str, Tensor | None]) -> Any:
        from single_image_studio.host.unet_apart import with_lora_apart

        model = self.model
        for name, region in regions.items():
            model = with_lora_apart(model, name, self.lora, 1.0, region=region)
        return model

    def _naming(self, names: Mapping[str, Any]) -> Any:
        told = {
            "single_image_studio_phrases": {name: PHRASES[name] for name in names},
            "single_image_studio_words": (("green", (8,)), ("background", (9,))),
        }
        return [[embedding, {**options, **told}] for embedding, options in self.positive]

    def _hooked(self, left: Tensor, right: Tensor) -> Any:
        import comfy.hooks

        entries = []
        for mask in (left, right):
            hooks = comfy.hooks.create_hook_lora(dict(self.lora), 1.0, 0.0)
            entries += comfy.hooks.set_hooks_for_conditioning(self.positive, hooks)
            entries[-1][1] |= {"mask": mask, "mask_strength": 1.0, "set_area_to_bounds": False}
        return entries


def measured(ways: Mapping[str, Way], turns: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each way in each turn; a first turn warms up and doesn't count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            began = clock()
            way()
            if turn:
                seconds[name].append(clock() - began)
    return seconds


def clock_of(device: torch.device) -> Callable[[], float]:
    """On a CPU this process's own time, of which others' work takes nothing; else the wall's."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def ratios(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Each way's time as a multiple of the baseline's, turn by turn: the median."""
    base = seconds[BASELINE]
    return {
        name: statistics.median(one / other for one, other in zip(values, base, strict=True))
        for name, values in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    sampling.add_checkpoint_argument(parser)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--size", type=int, default=128, help="the picture's side in pixels")
    chosen = parser.parse_args()
    speed = Speed(chosen.checkpoint, chosen.size)
    seconds = measured(speed.ways(), chosen.turns, clock_of(speed.model.load_device))
    for name, ratio in ratios(seconds).items():
        print(f"{ratio:5.2f}× {statistics.median(seconds[name]):6.2f} s  {name}")


if __name__ == "__main__":
    main()
