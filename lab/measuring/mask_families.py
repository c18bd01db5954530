"""How large the published detectors and segmenters are, and how long they take beside grounding-dino-tiny and SAM's
vit_b: `python -m lab.measuring.mask_families [--only TEXT] [--sizes-alone]`.

Prints the table that docs/masking.md records. Numbers are counted on networks without values, made from the published
configs; a file holds 4 bytes for each. Times are CPU seconds of one thread on random weights, of the network alone: a
detector's for a picture of 640×480 and a prompt of three words, a segmenter's for encoding one picture and one box. The
two that the others are compared with are measured before and after them, and both times are printed. Weights of one
network at a time: at most 2.5 GB.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..hosting import in_process
from .sam2_shapes import SAM2, sam2_shapes

DINO_PICTURE = (800, 1066)  # 640×480 as GroundingDINO reads it
DETECTOR, SEGMENTER = "grounding-dino-tiny", "sam-vit-base"  # what the others are compared with


@dataclass(frozen=True)
class Published:
    """A published network. kind: the beginning of its classes' names. task: the end of the model's. timed: whether it
    is quick enough to be measured. in_file: how many numbers its file holds, where that is more than the network."""

    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    task: str = "Model"
    timed: bool = True
    in_file: int = 0

    @property
    def detects(self) -> bool:
        return self.task != "Model"

    def make(self) -> Any:
        import transformers

        config = getattr(transformers, f"{self.kind}Config").from_dict(dict(self.config))
        return getattr(transformers, f"{self.kind}{self.task}")(config).eval()


def published() -> list[Published]:
    """In the order of the table; those that the others are compared with come first of their task."""
    find = "ForObjectDetection"
    return [
        Published(DETECTOR, "GroundingDino", _dino(96), find),
        Published("grounding-dino-base", "GroundingDino", _dino(128), find, timed=False),
        Published("mm_grounding_dino_tiny", "MMGroundingDino", _dino(96), find),
        Published("owlv2-base-patch16-ensemble", "Owlv2", {"vision_config": {"image_size": 960}}, find),
        Published("owlv2-large-patch14-ensemble", "Owlv2", _OWLV2_LARGE, find, timed=False),
        Published("owlvit-base-patch32", "OwlViT", {}, find),
        Published(SEGMENTER, "Sam", _sam(768)),
        Published("sam-vit-large", "Sam", _sam(1024), timed=False),
        Published("sam-vit-huge", "Sam", _sam(1280), timed=False),
        Published("sam_hq_vit_b", "SamHQ", _sam_hq(768)),
        Published("sam_hq_vit_l", "SamHQ", _sam_hq(1024), timed=False),
        Published("sam_hq_vit_h", "SamHQ", _sam_hq(1280), timed=False),
        *(_sam2(model) for model in SAM2),
        Published("EdgeTAM", "EdgeTam", _EDGETAM),
    ]


def _dino(width: int) -> dict[str, Any]:
    from single_image_studio.masking import grounding_dino

    config = grounding_dino.published_config({grounding_dino.SWIN_PATCHES: torch.empty(width, 3, 4, 4, device="meta")})
    return {**(config or {}), "disable_custom_kernels": True}


def _sam(width: int) -> dict[str, Any]:
    from single_image_studio.masking import sam

    return dict(sam.published_config({sam.POSITIONS: torch.empty(1, 64, 64, width, device="meta")}) or {})


def _sam_hq(width: int) -> dict[str, Any]:
    return _sam(width) | {"model_type": "sam_hq", "mask_decoder_config": {"vit_dim": width}}


def _sam2(model: str) -> Published:
    from single_image_studio.masking import original_sam2

    name, size = SAM2[model]
    shapes = sam2_shapes(size)
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    numbers = sum(math.prod(shape) for shape in shapes.values())
    return Published(name.removesuffix(".pt"), "Sam2", original_sam2.config_of(weights, name), in_file=numbers)


_OWLV2_LARGE = {
    "projection_dim": 768,
    "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
    "vision_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 1008,
        "patch_size": 14,
    },
}
_EDGETAM = {
    "vision_config": {
        "model_type": "edgetam_vision_model",
        "backbone_config": {
            "model_type": "timm_wrapper",
            "architecture": "repvit_m1",
            "num_classes": 1000,
            "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
        },
    }
}


def numbers_in(model: Any) -> int:
    """Of its parameters, each once."""
    return sum(parameter.numel() for parameter in model.parameters())


def seconds(network: Published) -> float:
    """CPU seconds of one picture."""
    torch.manual_seed(0)
    run = _detecting(network) if network.detects else _segmenting(network)
    began = time.process_time()
    with torch.no_grad():
        run()
    return time.process_time() - began


def _detecting(network: Published) -> Callable[[], Any]:
    from single_image_studio.masking.grounding_dino import TransformersDino
    from single_image_studio.masking.owl import TransformersOwl

    model = network.make()
    if "Dino" in network.kind:
        net: Any = TransformersDino(model)
        return lambda: net(torch.rand(1, 3, *DINO_PICTURE), _ids(30522))
    owl, side = TransformersOwl(model), model.config.vision_config.image_size
    return lambda: owl(torch.rand(1, 3, side, side), _ids(49408))


def _ids(words: int) -> Tensor:
    return torch.randint(1000, words, (1, 6))


def _segmenting(network: Published) -> Callable[[], Any]:
    from single_image_studio.masking.sam import TransformersSam
    from single_image_studio.masking.sam2 import TransformersSam2
    from single_image_studio.masking.sam_hq import TransformersSamHq
    from single_image_studio.masking.sam_prompts import SamPrompts

    wrapper = {"Sam": TransformersSam, "SamHQ": TransformersSamHq}.get(network.kind, TransformersSam2)
    net = wrapper(network.make())

    def run() -> None:
        encoded = net.encode(torch.rand(1, 3, net.side, net.side))
        features, *finer = encoded if isinstance(encoded, tuple) else (encoded,)
        net.decode(features, SamPrompts(torch.tensor([[100.0, 100.0, 700.0, 800.0]])), *finer)

    return run


def report(networks: list[Published], timed: bool) -> None:
    print("| network | parameters | file | time |\n|---|---|---|---|", flush=True)
    base: dict[bool, float] = {}
    for network in networks:
        with torch.device("meta"):
            count = numbers_in(network.make())
        row = f"| {network.name} | {count / 1e6:.1f} M | {4e-6 * (network.in_file or count):,.0f} MB |"
        if timed and network.timed:
            spent = seconds(network)
            base.setdefault(network.detects, spent)
            row += f" {spent / base[network.detects]:.2f} ({spent:.1f} s) |"
        print(row if timed and network.timed else f"{row} not measured |", flush=True)
    for network in networks:
        if timed and network.name in (DETECTOR, SEGMENTER):
            print(
                f"{network.name} again: {seconds(network):.1f} s, and {base[network.detects]:.1f} s at first",
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="networks whose names hold this text, and those compared with")
    parser.add_argument("--sizes-alone", action="store_true")
    args = parser.parse_args()
    in_process.import_pack()
    torch.set_num_threads(1)
    from transformers.utils import logging

    logging.set_verbosity_error()
    chosen = [each for each in published() if args.only in each.name or each.name in (DETECTOR, SEGMENTER)]
    report(chosen, not args.sizes_alone)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
