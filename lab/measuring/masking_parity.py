"""Do transformers' networks with the original checkpoints' weights compute what the original programs compute?

    python -m lab.measuring.masking_parity reference FILE [--models swint,swinb,vit_b,vit_l,vit_h]
    python -m lab.measuring.masking_parity reference FILE --models sam2_tiny,sam2_base_plus,hq_vit_b
    python -m lab.measuring.masking_parity compare FILE

`reference` needs groundingdino-py and segment-anything, or sam2 and segment-anything-hq for the models in the second
line (see docs/masking.md for environments that hold them): it
runs both programs on the same full-size random weights and the same picture, prints the largest differences, and writes
what the originals answered to FILE (.pt).
`compare` runs transformers' networks alone, in any environment, against that file. Both exit 1 above 1e-4.

GroundingDINO ranks all places of a picture and gives the 900 best to its queries in that order. In float32 two programs
round nearly equal places differently, which shuffles queries and says nothing of the networks: there ours is given the
order that the original found. In float64 it finds its own.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..hosting import in_process
from .masking_weights import DINO, SAM, original_dino, original_sam, original_sam2, original_sam_hq
from .sam2_shapes import SAM2

LIMIT = 1e-4
PROMPT = "a face . red heart . the left one of two dogs"
HEIGHT, WIDTH = 480, 672  # pictures of the detector: small enough for float64, and not square
HQ = "hq_"  # before the name of a SAM, for the SAM-HQ of its size
BOXES = ((100.0, 80.0, 700.0, 500.0), (10.0, 20.0, 300.0, 900.0), (0.0, 0.0, 1023.0, 1023.0))
Answers = dict[str, Tensor]


class Order(TorchFunctionMode):
    """Keeps the indices that torch.topk gives, or gives those that were kept."""

    def __init__(self, given: Tensor | None = None) -> None:
        super().__init__()
        self.kept = given
        self.given = given is not None

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func is not torch.topk:
            return func(*args, **(kwargs or {}))
        if self.given:
            return args[0].gather(-1, self.kept), self.kept
        found = func(*args, **(kwargs or {}))
        self.kept = found[1]
        return found


def _inputs() -> tuple[Tensor, Tensor]:
    from single_image_studio.masking.detection_prompt import load_tokenizer, parse_prompt, tokenize

    generator = torch.Generator().manual_seed(1)
    ids = tokenize(parse_prompt(PROMPT), load_tokenizer()).ids
    return torch.randn(1, 3, HEIGHT, WIDTH, generator=generator), torch.tensor([ids])


def _dino(model: str, original: bool, dtype: torch.dtype, order: Tensor | None = None, anchors: bool = True) -> Answers:
    from single_image_studio.masking import grounding_dino, packages
    from single_image_studio.masking.detection_prompt import load_tokenizer

    weights = original_dino(DINO[model][2])
    if original:
        net: Any = packages.build_groundingdino(weights, load_tokenizer(), model)
    else:
        net = grounding_dino.original_network(weights, model)
        if not anchors:
            net = grounding_dino.TransformersDino(net.model)
    del weights
    pixels, ids = _inputs()
    with torch.no_grad(), Order(order) as places:
        logits, boxes = net.to(dtype)(pixels.to(dtype), ids)
    assert places.kept is not None and places.kept.shape == (1, DINO[model][2].queries)
    return {"logits": logits[..., : ids.shape[1]], "boxes": boxes, "order": places.kept}


def _sam(model: str, original: bool, dtype: torch.dtype, order: Tensor | None = None) -> Answers:
    from single_image_studio.masking.sam_prompts import SamPrompts, best_of

    net = _segmenter(model, original).to(dtype)
    pixels = torch.randn(1, 3, net.side, net.side, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor(BOXES, dtype=dtype)
    middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    on = torch.ones(len(boxes), 1, dtype=torch.int)
    with torch.no_grad():
        encoded = net.encode(pixels.to(dtype))
        features, *finer = encoded if isinstance(encoded, tuple) else (encoded,)
        masks, _ = net.decode(features, SamPrompts(boxes), *finer)
        with_points, _ = net.decode(features, SamPrompts(boxes, middles, on), *finer)
        clicks = best_of(*net.decode(features, SamPrompts(points=middles, labels=on), *finer))
    return {"features": features, "masks": masks, "with points": with_points, "clicks": clicks}


def _segmenter(model: str, original: bool) -> Any:
    """A network with random weights."""
    from single_image_studio.masking import packages, sam, sam2, sam_hq

    from . import original_segmenters

    if model in SAM2:
        weights = original_sam2(SAM2[model][1])
        return (original_segmenters.build_sam2 if original else sam2.original_network)(weights, model)
    if model.startswith(HQ):
        size = model.removeprefix(HQ)
        weights = original_sam_hq(SAM[size][2])
        return (original_segmenters.build_sam_hq if original else sam_hq.original_network)(weights, size)
    weights = original_sam(SAM[model][2])
    return (packages.build_segment_anything if original else sam.original_network)(weights, model)


def _answers(model: str, original: bool, dtype: torch.dtype) -> Answers:
    return (_dino if model in DINO else _sam)(model, original, dtype)


def _ours(model: str, dtype: torch.dtype, theirs: Answers) -> Answers:
    return (_dino if model in DINO else _sam)(
        model, False, dtype, theirs["order"] if model in DINO and dtype == torch.float32 else None
    )


def _differences(ours: Answers, theirs: Answers) -> Iterator[tuple[str, float, float, float]]:
    """(name, largest absolute difference, share of rows that differ by less than LIMIT everywhere, the answer's own
    spread)."""
    for name, tensor in theirs.items():
        if name == "order":
            continue
        finite = tensor.isfinite()
        assert torch.equal(finite, ours[name].isfinite()), f"{name}: not finite in other places"
        apart = (ours[name].double() - tensor.double()).abs().nan_to_num(0)
        yield name, float(apart.max()), float((apart.amax(-1) <= LIMIT).double().mean()), float(tensor[finite].std())


def _print(title: str, ours: Answers, theirs: Answers, seconds: float = 0) -> bool:
    found = list(_differences(ours, theirs))
    told = ", ".join(
        f"{name} differ by at most {difference:.1e} (within {LIMIT:.0e} in {100 * share:.1f} %; spread {spread:.2g})"
        for name, difference, share, spread in found
    )
    print(f"{title}: {told}" + (f"; {seconds:.0f} s" if seconds else ""), flush=True)
    return all(difference <= LIMIT for _, difference, _, _ in found)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def reference(path: pathlib.Path, models: list[str]) -> bool:
    """Runs both programs. (segment-anything's box encoding is fixed to float32, so that SAM has that alone.)"""
    kept: dict[str, Answers] = {}
    fine = True
    for model in models:
        for dtype in (torch.float64, torch.float32) if model in DINO else (torch.float32,):
            began = time.monotonic()
            theirs = _answers(model, True, dtype)
            kept[f"{model} {_name(dtype)}"] = theirs
            fine &= _print(f"{model}, {_name(dtype)}", _ours(model, dtype, theirs), theirs, time.monotonic() - began)
            if model in DINO and dtype == torch.float64:
                _print(
                    f"{model}, {_name(dtype)}, with transformers' own limit on coordinates",
                    _dino(model, False, dtype, anchors=False),
                    theirs,
                )
            torch.save(kept, path)
    return fine


def compare(path: pathlib.Path) -> bool:
    import transformers

    print(f"transformers {transformers.__version__}, torch {torch.__version__}", flush=True)
    fine = True
    for key, theirs in torch.load(path, weights_only=True).items():
        model, dtype = key.split()[0], getattr(torch, key.split()[1])
        began = time.monotonic()
        fine &= _print(key.replace(" ", ", "), _ours(model, dtype, theirs), theirs, time.monotonic() - began)
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("reference", "compare"))
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--models", default=",".join([*DINO, *SAM]))
    args = parser.parse_args()
    in_process.import_pack()
    if args.command == "compare":
        return 0 if compare(args.file) else 1
    return 0 if reference(args.file, [m for m in args.models.split(",") if m]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
