"""The published models: what they are called, how large, where they are, and their SHA-256. Standard library only.

Sizes and hashes are those that independent public manifests agree on; see docs/masking.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

DETECTOR_FOLDER, SEGMENTER_FOLDER = "grounding-dino", "sams"  # by the host's names of its model folders


@dataclass(frozen=True)
class PublishedFile:
    """One file. name: in the model's folder. size: in bytes."""

    name: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PublishedModel:
    """One model. name: of its file, or of the folder that its files go into. kind: the host's model folder.
    page: for a person to read. megabytes: of all files together."""

    name: str
    kind: str
    page: str
    megabytes: int
    files: tuple[PublishedFile, ...]
    licence: str = "Apache-2.0"

    @property
    def is_folder(self) -> bool:
        return not self.name.endswith((".pth", ".safetensors"))


def _dino_file(name: str, release: str, size: int, sha256: str) -> PublishedModel:
    file = PublishedFile(name, f"{_DINO}/releases/download/{release}/{name}", size, sha256)
    return PublishedModel(name, DETECTOR_FOLDER, _DINO, round(size / 1e6), (file,))


def _sam_file(name: str, size: int, sha256: str) -> PublishedModel:
    file = PublishedFile(name, f"{_SAM_FILES}/{name}", size, sha256)
    return PublishedModel(name, SEGMENTER_FOLDER, _SAM, round(size / 1e6), (file,))


def _dino_folder(name: str, revision: str, config: tuple[int, str], weights: tuple[int, str]) -> PublishedModel:
    page = f"https://huggingface.co/IDEA-Research/{name}"
    contents = (
        ("config.json", *config),
        ("preprocessor_config.json", 457, "8454179ba95e2ad22947835aad7b45862a601fc0055ab88bf1ee70892d3aea60"),
        ("model.safetensors", *weights),
    )
    files = tuple(
        PublishedFile(file, f"{page}/resolve/{revision}/{file}", size, sha256) for file, size, sha256 in contents
    )
    return PublishedModel(name, DETECTOR_FOLDER, page, round(sum(f.size for f in files) / 1e6), files)


def _sam_folder(name: str, megabytes: int) -> PublishedModel:
    """A folder whose hashes no two public manifests gave us: named in lists, and never downloaded by us."""
    return PublishedModel(name, SEGMENTER_FOLDER, f"https://huggingface.co/facebook/{name}", megabytes, ())


def _copy(name: str, kind: str, repository: str, megabytes: int) -> PublishedModel:
    """An original checkpoint that others have put into a .safetensors file at Hugging Face, the one kind of address
    from which ComfyUI's page downloads: named in lists and workflows, and never downloaded by us, since no two public
    manifests gave us its hash."""
    page = f"https://huggingface.co/{repository}/resolve/main/{name}"
    return PublishedModel(name, kind, page, megabytes, ())


_DINO = "https://github.com/IDEA-Research/GroundingDINO"
_SAM = "https://github.com/facebookresearch/segment-anything#model-checkpoints"
_SAM_FILES = "https://dl.fbaipublicfiles.com/segment_anything"
PUBLISHED = (
    _copy("groundingdino_swint_ogc.safetensors", DETECTOR_FOLDER, "1038lab/GroundingDINO", 694),
    _copy("sam_vit_b_01ec64.safetensors", SEGMENTER_FOLDER, "lmz/candle-sam", 375),
    _dino_file(
        "groundingdino_swint_ogc.pth",
        "v0.1.0-alpha",
        693_997_677,
        "3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
    ),
    _dino_file(
        "groundingdino_swinb_cogcoor.pth",
        "v0.1.0-alpha2",
        938_057_991,
        "46270f7a822e6906b655b729c90613e48929d0f2bb8b9b76fd10a856f3ac6ab7",
    ),
    _dino_folder(
        "grounding-dino-tiny",
        "a2bb814dd30d776dcf7e30523b00659f4f141c71",
        (1_644, "eec82c5ab66e16df12a9a212e68ac011779927c2536cf9078658e35d85f0c67a"),
        (689_359_096, "1a2412ef99bd74bcd3c2a246fa1e48581f8889a1300c9051974741314fc042f3"),
    ),
    _dino_folder(
        "grounding-dino-base",
        "12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
        (1_737, "eda416dae6f49419ff831b1c190ec430a060b19aae688dbaf2425a075b650608"),
        (933_400_872, "5548f844c928c4b6f411fa8cbcc2bfa8dbbba437cb1d513975519f93c2a9ed21"),
    ),
    _sam_file("sam_vit_b_01ec64.pth", 375_042_383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"),
    _sam_file(
        "sam_vit_l_0b3195.pth", 1_249_524_607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"
    ),
    _sam_file(
        "sam_vit_h_4b8939.pth", 2_564_550_879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"
    ),
    _sam_folder("sam-vit-base", 375),
    _sam_folder("sam-vit-large", 1250),
    _sam_folder("sam-vit-huge", 2565),
)


def find_published(name: str, kind: str) -> PublishedModel | None:
    """The model of this name, if it is a published one."""
    return next((model for model in PUBLISHED if model.name == name and model.kind == kind), None)


def original_of(model: PublishedModel) -> str:
    """The file that a copy as .safetensors was made from; "" for a model that is no such copy."""
    original = model.name.removesuffix(".safetensors") + ".pth"
    return original if model.name.endswith(".safetensors") and find_published(original, model.kind) else ""


def marked(model: PublishedModel) -> str:
    """How a list names a model that is not there, so that nobody takes it for one that is."""
    return f"{model.name} (missing, {model.megabytes:,} MB)"


def unmarked(choice: str) -> str:
    """The model's own name; saved graphs have both."""
    return re.sub(r" \(missing, [\d,]+ MB\)$", "", choice)


def how_to_get(*missing: tuple[PublishedModel, str]) -> str:
    """Which models are missing, how large they are, where they go and where to find them: of one model a sentence; of
    several, a line for each after it. missing: each with its folder."""
    command = _command([model for model, _ in missing])
    if len(missing) > 1:
        lines = "\n".join(_line(model, folder) for model, folder in missing)
        return f"{len(missing)} models are missing. Download each into its folder{command}:\n{lines}"
    ((model, folder),) = missing
    lacking = f"{model.name} ({model.megabytes:,} MB) is not in {folder}"
    if model.is_folder:
        return f"{lacking}: download {_files(model)} from {model.page} into {folder}/{model.name}{command}."
    return f"{lacking}: download it from {_address(model)}{command}."


def _line(model: PublishedModel, folder: str) -> str:
    """A model in a list of several. No words: they would be English in every language."""
    size = f"{model.name} ({model.megabytes:,} MB)"
    if model.is_folder:
        return f"{size}: {_files(model)} → {folder}/{model.name}: {model.page}"
    return f"{size} → {folder}: {_address(model)}"


def _address(model: PublishedModel) -> str:
    return model.files[0].url if model.files else model.page


def _files(model: PublishedModel) -> str:
    """What a folder of a model holds."""
    return ", ".join(file.name for file in model.files) or "config.json, preprocessor_config.json, model.safetensors"


def _command(models: Sequence[PublishedModel]) -> str:
    """The end of the sentence: our own downloader, where it has all of them."""
    if not all(model.files for model in models):
        return ""
    return f", or run `python -m masking.download {' '.join(m.name for m in models)}` in the pack's folder"
