"""The published models: what they are called, how large, where they are, and their SHA-256. Standard library only.

Sizes and hashes are those that independent public manifests agree on; see docs/masking.md.
"""

from __future__ import annotations

from dataclasses import dataclass

DETECTORS, SEGMENTERS = "grounding-dino", "sams"  # the host's model folders


@dataclass(frozen=True)
class PublishedFile:
    """One file. name: in the model's folder. size: in bytes."""

    name: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """One model. name: of its file, or of the folder that its files go into. page: for a person. megabytes: in all."""

    name: str
    kind: str
    page: str
    megabytes: int
    files: tuple[PublishedFile, ...]
    licence: str = "Apache-2.0"

    @property
    def is_folder(self) -> bool:
        return not self.name.endswith((".pth", ".safetensors"))


def _single(name: str, kind: str, page: str, url: str, size: int, sha256: str) -> Published:
    return Published(name, kind, page, round(size / 1e6), (PublishedFile(name, f"{url}/{name}", size, sha256),))


def _dino_folder(name: str, revision: str, config: tuple[int, str], weights: tuple[int, str]) -> Published:
    page = f"https://huggingface.co/IDEA-Research/{name}"
    found = (
        ("config.json", *config),
        ("preprocessor_config.json", 457, "8454179ba95e2ad22947835aad7b45862a601fc0055ab88bf1ee70892d3aea60"),
        ("model.safetensors", *weights),
    )
    files = tuple(
        PublishedFile(file, f"{page}/resolve/{revision}/{file}", size, sha256) for file, size, sha256 in found
    )
    return Published(name, DETECTORS, page, round(sum(f.size for f in files) / 1e6), files)


_DINO = "https://github.com/IDEA-Research/GroundingDINO"
_SAM = "https://github.com/facebookresearch/segment-anything#model-checkpoints"
_SAM_FILES = "https://dl.fbaipublicfiles.com/segment_anything"
PUBLISHED = (
    _single(
        "groundingdino_swint_ogc.pth",
        DETECTORS,
        _DINO,
        f"{_DINO}/releases/download/v0.1.0-alpha",
        693_997_677,
        "3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
    ),
    _single(
        "groundingdino_swinb_cogcoor.pth",
        DETECTORS,
        _DINO,
        f"{_DINO}/releases/download/v0.1.0-alpha2",
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
    _single(
        "sam_vit_b_01ec64.pth",
        SEGMENTERS,
        _SAM,
        _SAM_FILES,
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _single(
        "sam_vit_l_0b3195.pth",
        SEGMENTERS,
        _SAM,
        _SAM_FILES,
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _single(
        "sam_vit_h_4b8939.pth",
        SEGMENTERS,
        _SAM,
        _SAM_FILES,
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    # Folders whose hashes no two public manifests gave us: named, never downloaded by us.
    Published("sam-vit-base", SEGMENTERS, "https://huggingface.co/facebook/sam-vit-base", 375, ()),
    Published("sam-vit-large", SEGMENTERS, "https://huggingface.co/facebook/sam-vit-large", 1250, ()),
    Published("sam-vit-huge", SEGMENTERS, "https://huggingface.co/facebook/sam-vit-huge", 2565, ()),
)


def published(name: str, kind: str) -> Published | None:
    """The model of this name, if it is a published one."""
    return next((model for model in PUBLISHED if model.name == name and model.kind == kind), None)


def how_to_get(model: Published, folder: str) -> str:
    """One sentence: what is missing, how large it is, where it goes and where to find it."""
    place = f"{folder}/{model.name}" if model.is_folder else folder
    source = model.files[0].url if len(model.files) == 1 else model.page
    what = f"{model.name} ({model.megabytes:,} MB) is not in {folder}"
    if model.is_folder:
        files = ", ".join(f.name for f in model.files) or "config.json, preprocessor_config.json, model.safetensors"
        what += f": download {files} from {source} into {place}"
    else:
        what += f": download it from {source}"
    return what + (f", or run `python -m masking.download {model.name}` in the pack's folder." if model.files else ".")
