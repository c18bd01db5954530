"""Full-size detectors and segmenters of every layout, with random weights, through a real host:
`python -m lab.measuring.full_size_masking FOLDER`.

FOLDER is what `python -m lab.measuring.masking_weights make FOLDER` wrote; models that are not in it are left out.
Prints the table that docs/masking.md records: seconds of the first run (reading the files, both networks), of a second
prompt on the same picture with the models kept, and the server's peak memory (on Linux). Masks of random weights mean
nothing: this is about names, sizes, time and memory.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import re
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch

from ..hosting import in_process

WIDTH, HEIGHT = 640, 480
PAIRS = (
    ("grounding-dino-tiny", "sam-vit-base"),
    ("groundingdino_swint_ogc.pth", "sam_vit_b_01ec64.pth"),
    ("grounding-dino-base", "sam_vit_b_01ec64.pth [segment-anything]"),
    ("groundingdino_swinb_cogcoor.pth", "sam_vit_l_0b3195.pth"),
    ("grounding-dino-tiny", "sam-vit-large"),
    ("groundingdino_swint_ogc.pth", "sam_vit_h_4b8939.pth"),
    ("grounding-dino-tiny", "sam-vit-huge"),
)


def _graph(detector: str, segmenter: str, prompt: str, keep: bool) -> dict[str, Any]:
    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    return {
        "image": node("LoadImage", image="heart.png"),
        "large": node(
            "ImageScale", image=["image", 0], upscale_method="lanczos", width=WIDTH, height=HEIGHT, crop="disabled"
        ),
        "found": node(
            "SIS_MaskFromPrompt",
            image=["large", 0],
            prompt=prompt,
            detector=detector,
            segmenter=segmenter,
            box_threshold=0.0,
            text_threshold=0.0,
            select="best",
            on_missing="error",
            grow=0,
            feather=0,
            keep_loaded=keep,
        ),
        "as_image": node("MaskToImage", mask=["found", 0]),
        "mask": node("SaveImage", images=["as_image", 0], filename_prefix="mask"),
        "json": node("PreviewAny", source=["found", 2]),
    }


def _process(url: str) -> pathlib.Path | None:
    """The server's folder in /proc, found by the port on its command line."""
    port = f"--port\0{url.rsplit(':', 1)[1]}\0".encode()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if port in (folder / "cmdline").read_bytes():
                return folder
        except OSError:
            continue
    return None


def _peak(process: pathlib.Path | None) -> str:
    found = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text()) if process else None
    return f"{int(found[1]) / 1e6:.2f} GB" if found else "not measured"


def _check(client: Any, entry: dict[str, Any]) -> None:
    """A mask of the picture's size, of zeros and ones, and one selected find."""
    from PIL import Image

    mask = np.asarray(Image.open(io.BytesIO(client.view(entry["outputs"]["mask"]["images"][0]))))
    told = json.loads(entry["outputs"]["json"]["text"][0])["images"]
    if (
        mask.shape != (HEIGHT, WIDTH, 3)
        or not set(np.unique(mask)) <= {0, 255}
        or sum(d["selected"] for d in told[0]["detections"]) != 1
    ):
        raise RuntimeError(f"not the mask that was asked for: {mask.shape}, {told}")


def run(folder: pathlib.Path, only: str) -> int:
    sys.path.append(str(in_process.ROOT))  # `lab`, and only behind everything else
    import transformers

    from ..hosting.base_folder import link
    from ..hosting.environment import this_process
    from ..hosting.server import serving, stop_on_signals, temporary_base

    stop_on_signals()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, {WIDTH}×{HEIGHT}", flush=True)
    print(
        "| detector | segmenter | detect s | cut out s | another prompt s | peak memory |\n|---|---|---|---|---|---|",
        flush=True,
    )
    count = 0
    with temporary_base(pathlib.Path(tempfile.gettempdir())) as base:
        for path in [p for kind in ("grounding-dino", "sams") for p in (folder / kind).iterdir()]:
            link(path, base / "models" / path.parent.name / path.name)
        for detector, segmenter in PAIRS:
            files = (("grounding-dino", detector), ("sams", segmenter))
            if only not in f"{detector} {segmenter}" or not all(
                (base / "models" / kind / name.split(" ")[0]).exists() for kind, name in files
            ):
                continue
            # a new one: its own peak
            with serving(this_process(), base) as client:
                _check(client, client.run(_graph(detector, segmenter, "face", True), timeout=3600))
                times = re.findall(r"(?:found|cut out) \d+ .*?([\d.]+) s\.", client.log())
                began = time.monotonic()
                _check(client, client.run(_graph(detector, segmenter, "hat", True), timeout=3600))
                again = time.monotonic() - began
                print(
                    f"| {detector} | {segmenter} | {times[0]} | {times[1]} | {again:.1f} |"
                    f" {_peak(_process(client.url))} |",
                    flush=True,
                )
                count += 1
    return 0 if count else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", default="", help="pairs whose names hold this text")
    args = parser.parse_args()
    return run(args.folder, args.only)


if __name__ == "__main__":
    raise SystemExit(main())
