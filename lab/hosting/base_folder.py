"""Furnishes a base directory for a host: the pack, the demo models, the demo pictures.

A host started with `--base-directory` reads and writes nothing outside it, so several can run side by side and a
user's own ComfyUI folder is never touched.
"""

from __future__ import annotations

import os
import pathlib
import shutil

from .. import ROOT, DevError
from .installation import say

PACK = "single-image-studio"
CHECKPOINT = "sis_demo_sd15.safetensors"
# the demo's detector and segmenter, in lab/weights as in models
MASKING = ("grounding-dino/sis_demo_dino", "sams/sis_demo_sam")
FOLDERS = (
    "custom_nodes",
    "input",
    "models/checkpoints",
    "models/embeddings",
    "models/grounding-dino",
    "models/loras",
    "models/sams",
    "output",
    "temp",
    "user",
)
NOT_THE_PACK = shutil.ignore_patterns(".*", "demo_training", "demo_output", "test_artifacts", "__pycache__")


def furnish(base: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """Makes or refreshes a base directory: links where the system allows them, copies elsewhere.

    The demo's weights may be missing (they are while they are being trained): then there is no checkpoint.
    """
    for folder in FOLDERS:
        (base / folder).mkdir(parents=True, exist_ok=True)
    tell_of_another_checkout(root, base / "custom_nodes" / PACK)
    link(root, base / "custom_nodes" / PACK)
    link(root / "lab" / "hosting" / "host_extension", base / "custom_nodes" / "sis_demo_model")
    weights = root / "lab" / "weights" / CHECKPOINT
    if weights.is_file():
        link(weights, base / "models" / "checkpoints" / CHECKPOINT)
    for name in MASKING:
        if (root / "lab" / "weights" / name / "config.json").is_file():
            link(root / "lab" / "weights" / name, base / "models" / name)
    for picture in sorted((root / "lab" / "world" / "concepts").glob("*.png")):
        shutil.copyfile(picture, base / "input" / picture.name)
    return base


def tell_of_another_checkout(root: pathlib.Path, pack: pathlib.Path) -> None:
    """Two checkouts may share a host, as by a `.host` that is a link: then the last command's pack is the one it runs.

    root: this checkout. pack: the link to a checkout in the host's custom_nodes, if it is there yet.
    """
    other = pathlib.Path(os.path.realpath(pack))
    if pack.is_symlink() and other.is_dir() and other != pathlib.Path(os.path.realpath(root)):
        say(f"{pack} showed the checkout in {other}; from now on it shows this one: give each its own .host")


def link(source: pathlib.Path, destination: pathlib.Path) -> None:
    """Makes `destination` show `source`: by a symbolic link, or by a fresh copy where links need a privilege."""
    if destination.is_symlink():
        if os.path.realpath(destination) == os.path.realpath(source):
            return
        destination.unlink()
    elif destination.is_dir():
        shutil.rmtree(destination)  # an earlier copy
    elif destination.exists():
        destination.unlink()
    try:
        destination.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    except OSError:
        if source.is_dir():
            shutil.copytree(source, destination, ignore=NOT_THE_PACK)
        else:
            shutil.copyfile(source, destination)


def need_demo_model(root: pathlib.Path = ROOT) -> None:
    """Raises: DevError when the weights of one of the demo's models are not there."""
    scripts = {
        CHECKPOINT: "lab.training.train_model",
        MASKING[0]: "lab.training.train_detector",
        MASKING[1]: "lab.training.train_segmenter",
    }
    for name, script in scripts.items():
        weights = root / "lab" / "weights" / name
        if not (weights.is_file() or (weights / "model.safetensors").is_file()):
            raise DevError(
                f"the demo model's weights are missing: restore {weights} from the repository, or train them with"
                f" `python -m {script}`"
            )
