"""Folders of unknown origin: whatever they say, nothing of them runs and nothing is fetched. The network is sealed, the
hub's own switch is off, and code in a folder would leave a mark."""

from __future__ import annotations

import json
import pathlib
import pickle
import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file

from single_image_studio.masking.detection_prompt import parse_prompt
from single_image_studio.masking.families import DETECTORS, SEGMENTERS
from single_image_studio.masking.interfaces import Thing
from single_image_studio.support.errors import InputError

from ..helpers.masking import Trap
from ..helpers.masking_networks import need, original_sam2, original_sam_hq, owl

pytestmark = pytest.mark.slow
HUB = "somebody/some-weights"


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Every try to reach the network fails, and the test with it."""
    tried: list[object] = []

    def refuse(*values, **_):  # type: ignore[no-untyped-def]
        tried.append(values)
        raise OSError("no network in this test")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    yield tried
    assert tried == []


@pytest.fixture
def mark(tmp_path: pathlib.Path):  # type: ignore[no-untyped-def]
    """A file that code in a folder would make."""
    yield tmp_path / "mark"
    assert not (tmp_path / "mark").exists()


@pytest.fixture
def dino(small_models, tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(small_models / "grounding-dino" / "small_dino", tmp_path / "dino"))


@pytest.fixture
def sam(small_models, tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(small_models / "sams" / "small_sam", tmp_path / "sam"))


@pytest.fixture(params=["Owlv2", "OwlViT"])
def owl_folder(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> pathlib.Path:
    return owl(request.param, tmp_path / "owl")


@pytest.fixture(params=["sam2.pt", "hq.pth"])
def original(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An original checkpoint of SAM 2 or SAM-HQ."""
    need({"sam2.pt": "Sam2Model", "hq.pth": "SamHQModel"}[request.param])
    path = tmp_path / request.param
    return original_sam_hq(path) if path.name.startswith("hq") else original_sam2(path, monkeypatch)


def change(folder: pathlib.Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def code(folder: pathlib.Path, mark: pathlib.Path) -> None:
    """Python files by the names that remote code has."""
    for name in ("modeling", "configuration", "tokenization", "processing", "image_processing", "__init__"):
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: pass\n")


def test_code_beside_a_config_is_not_run(dino, sam, mark, picture) -> None:
    named = dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForZeroShotObjectDetection"), "modeling.Model")
    for folder in (dino, sam):
        code(folder, mark)
        change(folder, auto_map=named, trust_remote_code=True)
    tokenizer = {"tokenizer_class": "Model", "auto_map": {"AutoTokenizer": ["tokenization.Model", None]}}
    (dino / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (sam / "preprocessor_config.json").write_text(
        json.dumps({"size": {"longest_edge": 64}, "auto_map": {"AutoImageProcessor": "image_processing.Model"}})
    )
    assert DETECTORS.load(dino).detect(picture, parse_prompt("heart"), 0.0, 0.0)
    segmenter = SEGMENTERS.load(sam)
    assert segmenter.masks(segmenter.encode(picture), [Thing((1.0, 1.0, 30.0, 30.0))]).isfinite().all()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"])
def test_compiled_kernels_of_a_hub_are_not_asked_for(small_models, dino, sam, picture, key: str) -> None:
    plain = SEGMENTERS.load(small_models / "sams" / "small_sam").encode(picture).features
    vision = json.loads((sam / "config.json").read_text())["vision_config"]
    change(
        sam, **{key: "kernels-community/flash-attn", "vision_config": vision | {key: "kernels-community/flash-attn"}}
    )
    assert torch.equal(SEGMENTERS.load(sam).encode(picture).features, plain)
    change(dino, **{key: "kernels-community/flash-attn:forward", "use_kernels": True, "disable_custom_kernels": False})
    assert DETECTORS.load(dino).detect(picture, parse_prompt("heart"), 0.0, 0.0)


@pytest.mark.parametrize(
    "values, key",
    [
        ({"backbone": HUB, "use_pretrained_backbone": True}, "use_pretrained_backbone"),
        ({"backbone": HUB, "backbone_config": None}, "backbone"),
        ({"backbone_config": {"model_type": "x", "use_pretrained_backbone": True}}, "use_pretrained_backbone"),
        ({"backbone_config": {"model_type": "timm_wrapper", "architecture": f"hf-hub:{HUB}"}}, "architecture"),
        ({"backbone_config": {"model_type": "x", "model_args": {"checkpoint_path": "/x"}}}, "checkpoint_path"),
    ],
)  # fmt: skip
def test_weights_from_elsewhere_are_refused(dino, values, key: str) -> None:
    change(dino, **values)
    with pytest.raises(InputError, match=rf"^dino: its config\.json asks for weights from elsewhere \({key}\)"):
        DETECTORS.load(dino)


def test_code_in_a_folder_s_pickle_does_not_run(sam, dino, mark) -> None:
    for folder, table in ((sam, SEGMENTERS), (dino, DETECTORS)):
        weights = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        torch.save({**weights, "x": Trap(mark)}, folder / "pytorch_model.bin")
        with pytest.raises(InputError, match=r"pytorch_model\.bin holds more than weights and could run code"):
            table.load(folder)
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({**weights, "x": Trap(mark)}))
        with pytest.raises(InputError, match=r"pytorch_model\.bin (holds more than weights|is cut short, damaged)"):
            table.load(folder)
        torch.save(weights, folder / "pytorch_model.bin")
        table.load(folder)


def test_parts_and_links(small_models, sam, mark, tmp_path, picture) -> None:
    plain = SEGMENTERS.load(small_models / "sams" / "small_sam").encode(picture).features
    weights = load_file(sam / "model.safetensors")
    halves = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(weights)}
    blobs = tmp_path / "blobs"  # a hub's cache keeps files so
    blobs.mkdir()
    for part in set(halves.values()):
        save_file({name: weights[name] for name in weights if halves[name] == part}, blobs / part)
        (sam / part).symlink_to(blobs / part)
    (sam / "model.safetensors").unlink()
    index = sam / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": halves}))
    (tmp_path / "linked").symlink_to(sam, target_is_directory=True)
    for folder in (sam, tmp_path / "linked"):
        assert torch.equal(SEGMENTERS.load(folder).encode(picture).features, plain)
    (blobs / "model-1.safetensors").write_bytes((blobs / "model-1.safetensors").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"model-1\.safetensors is cut short"):
        SEGMENTERS.load(sam)
    (blobs / "model-1.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-1\.safetensors cannot be read"):
        SEGMENTERS.load(sam)
    index.write_text(json.dumps({"weight_map": dict.fromkeys(weights, "evil.bin")}))
    torch.save(Trap(mark), sam / "evil.bin")
    with pytest.raises(InputError, match=r"evil\.bin holds more than weights"):
        SEGMENTERS.load(sam)


@pytest.mark.parametrize(
    "content", ["{", "[]", '"sam"', '{"model_type": 7}', '{"model_type": "sam", "vision_config": 3}']
)
def test_odd_configs_are_one_sentence(sam, content: str) -> None:
    (sam / "config.json").write_text(content)
    with pytest.raises(InputError) as error:
        SEGMENTERS.load(sam)
    assert "\n" not in str(error.value)


def test_damaged_tokenizers_are_one_sentence(dino) -> None:
    for content in ("{", '{"model": {"type": "Unheard"}}'):
        (dino / "tokenizer.json").write_text(content)
        with pytest.raises(InputError, match=r"the tokenizer .*tokenizer\.json cannot be read"):
            DETECTORS.load(dino)


def test_code_beside_an_owl_is_not_run(owl_folder, mark, picture) -> None:
    plain = DETECTORS.load(owl_folder).detect(picture, parse_prompt("heart"), 0.0, 0.0)
    code(owl_folder, mark)
    change(owl_folder, auto_map={"AutoModel": "modeling.Model"}, trust_remote_code=True, _attn_implementation=HUB)
    for name, kind in (("tokenizer_config", "AutoTokenizer"), ("preprocessor_config", "AutoImageProcessor")):
        content: dict[str, object] = {
            "auto_map": {kind: ["tokenization.Model", None]},
            "tokenizer_class": "Model",
            "image_processor_type": "M",
        }
        if name.startswith("pre"):
            content["image_mean"] = [0.4, 0.5, 0.6]
        (owl_folder / f"{name}.json").write_text(json.dumps(content))
    assert DETECTORS.load(owl_folder).detect(picture, parse_prompt("heart"), 0.0, 0.0) == plain


def test_bad_files_of_an_owl_are_one_sentence(owl_folder, mark) -> None:
    whole = (owl_folder / "model.safetensors").read_bytes()
    weights = load_file(owl_folder / "model.safetensors")
    merges, vocabulary = owl_folder / "merges.txt", owl_folder / "vocab.json"
    for file, content, reason in (
        (merges, b"a", "the tokenizer of owl"),
        (merges, b"a b\n", "the tokenizer of owl"),  # what comes of merging them is no word
        (vocabulary, b"{", "the tokenizer of owl"),
        (vocabulary, b'{"a": 0}', "the tokenizer of owl"),
        (
            owl_folder / "preprocessor_config.json",
            b'{"image_mean": 3}',
            "preprocessor_config.json cannot be understood",
        ),
        (owl_folder / "model.safetensors", whole[:-100], "model.safetensors is cut short"),
    ):
        good = file.read_bytes()
        file.write_bytes(content)
        # a copy: the tokenizer of a folder is kept
        folder = pathlib.Path(shutil.copytree(owl_folder, owl_folder.parent / "copies" / "owl", dirs_exist_ok=True))
        with pytest.raises(InputError, match=reason) as error:
            DETECTORS.load(folder)
        assert "\n" not in str(error.value)
        shutil.rmtree(folder)
        file.write_bytes(good)
    (owl_folder / "model.safetensors").unlink()
    torch.save({**weights, "x": Trap(mark)}, owl_folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin holds more than weights and could run code"):
        DETECTORS.load(owl_folder)


def test_an_owl_that_says_it_is_another_is_refused(owl_folder) -> None:
    for kind, reason in (("grounding-dino", "owl (lacks|does not fit)"), ("sam2", "holds a sam2 model and not")):
        change(owl_folder, model_type=kind)
        with pytest.raises(InputError, match=reason) as error:
            DETECTORS.load(owl_folder)
        assert "\n" not in str(error.value)
    change(owl_folder, model_type="owlv2", vision_config={"hidden_size": 33})
    with pytest.raises(InputError, match="^owl (lacks|does not fit)"):
        DETECTORS.load(owl_folder)


def test_bad_original_checkpoints_are_one_sentence(original, mark) -> None:
    content = torch.load(original, weights_only=True)
    whole = original.read_bytes()
    for cut in (len(whole) - 200, len(whole) // 2, 30):
        original.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=rf"^{original.name} is cut short, damaged"):
            SEGMENTERS.load(original)
    weights = content.get("model", content)
    for trapped in ({"model": weights, "x": Trap(mark)}, {"model": {**weights, "x": Trap(mark)}}, Trap(mark)):
        torch.save(trapped, original)
        with pytest.raises(InputError, match=rf"^{original.name} holds more than weights and could run code"):
            SEGMENTERS.load(original)
        original.write_bytes(pickle.dumps(trapped))
        with pytest.raises(InputError, match=rf"^{original.name} (holds more than weights|is cut short, damaged)"):
            SEGMENTERS.load(original)
    torch.save({"model": {name: weight.flatten() for name, weight in weights.items()}}, original)
    with pytest.raises(InputError) as error:
        SEGMENTERS.load(original)
    assert "\n" not in str(error.value)
