"""Every node with one or two inputs of nonsense: it gives a result, or one sentence that names what is wrong.

The long form draws others each time: SIS_FUZZ_EXAMPLES=1000 python dev.py test host -k fuzz
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.measuring import metric_weights
from single_image_studio.support.checks import LARGEST

from ..helpers import metrics
from ..helpers.conditionings import encode
from ..helpers.hostile import changed, fuzzed, given_or_refused, nonsense
from ..helpers.loops import run_apart

Inputs = dict[str, Any]
OF_THE_HOST = ("model", "clip", "vae")
KINDS = {
    **dict.fromkeys(
        ("image", "mask", "region", "reference", "reference_mask", "images", "masks", "before", "edited"), "tensor"
    ),
    **dict.fromkeys(("source", "target", "uncond", "optimized", "negative"), "conditioning"),
    **{name: name for name in ("latent", "concept", "inversion")},
    "latent_image": "latent",
}
TRAINING = {
    "steps": 1,
    "batch_size": 1,
    "learning_rate": 1e-3,
    "background_weight": 0.0,
    "seed": 0,
    "precision": "auto",
    "gradient_checkpointing": "auto",
    "preview_every": 0,
    "training_prompts": "",
}
USE = {"strength_model": 1.0, "strength_clip": 1.0, "keep_apart": False}
OPTIMIZE = {"steps": 1, "learning_rate": 1e-3, "batch_size": 1, "seed": 0, "precision": "auto"}
CELL = {"alpha": 0.3, "source_ratio": 0.2}
FIND = {
    "prompt": "face",
    "detector": "none",
    "segmenter": "none",
    "box_threshold": 0.3,
    "text_threshold": 0.2,
    "select": "best",
    "on_missing": "empty",
    "grow": 0,
    "feather": 0,
    "keep_loaded": False,
}
SAMPLING = {"seed": 0, "steps": 1, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
JUDGES = {"clip_model": "small_clip", "lpips_model": "small_lpips.safetensors"}
# each node's wires, and the other inputs
NODES: dict[str, tuple[tuple[str, ...], Inputs]] = {
    "TrainStage1": (
        ("model", "clip", "vae", "image", "mask"),
        {**TRAINING, "class_word": "heart", "encoder": "none", "resolution": 64},
    ),
    "TrainStage2": (
        ("model", "clip", "vae", "concept"),
        {**TRAINING, "semantic_weight": 0.0, "rank": 1, "train_text_encoder": False, "class_text_encoder": "frozen"},
    ),
    "SaveConcept": (("concept",), {"name": "x", "export_for_other_tools": True, "export_precision": "fp32"}),
    "LoadConcept": (("model", "clip", "region"), {"concept_name": "nobody", **USE}),
    "ApplyConcept": (("model", "clip", "concept", "region"), {"name": "x", **USE}),
    "ImagicTextOptimize": (("model", "target", "latent"), OPTIMIZE),
    "NullTextInvert": (
        ("model", "latent", "source", "uncond"),
        {"method": "direct", "steps": 2, "cfg": 3.0, "inner_steps": 1, "learning_rate": 1e-2, "tolerance": 1e-5,
         "precision": "auto", "steps_offset": 1},
    ),
    "TimestepAwareKSampler": (("model", "inversion", "source", "target", "optimized"), CELL),
    "TimestepAwareConditioning": (("source", "target", "optimized"), {**CELL, "steps": 10}),
    "SaveInversion": (("inversion",), {"name": "x"}),
    "LoadInversion": ((), {"inversion_name": "nobody"}),
    "EditGrid": (
        ("model", "vae", "inversion", "source", "target", "optimized"),
        {"alphas": "0.3", "source_ratios": "0.2"},
    ),
    "EditingPrompts": ((), {"phrase": "<x> dog", "prompt_set": "singleinsert", "own_prompts": ""}),
    "MaskFromPrompt": (("image",), FIND),
    "ConceptMetrics": (
        ("reference", "reference_mask", "images", "masks"),
        {**JUDGES, "prompts": "a heart", "dino_model": "small_dino", "goals": ""},
    ),
    "EditMetrics": (
        ("before", "edited"), {**JUDGES, "target_prompt": "a heart", "aesthetic_model": "small_head.safetensors"}
    ),
    "ScoringSheet": (("images", "reference"), {"prompts": "a heart", "goals": "", "filename_prefix": "sheet"}),
    "WordHeatmaps": (
        ("model", "clip", "negative", "latent_image", "vae", "mask"),
        {"prompt": "a heart", "words": "heart", **SAMPLING},
    ),
}  # fmt: skip
LISTS = ("ConceptMetrics", "ScoringSheet")  # which the host gives every input as a list
COSTLY = {"steps": 2, "inner_steps": 2, "batch_size": 2, "rank": 8, "resolution": 128, "preview_every": 1}
"""What a large number is lawful of, and takes hours: with how much it is tried."""
RENAMED = {"before": "source"}  # a name that is a prompt elsewhere


class Wires(dict[str, Any]):
    """Good values of every wire, by name; a report of a failure does not print them."""

    def __repr__(self) -> str:
        return "wires"


def kind_of(name: str, value: Any) -> str:
    if name in KINDS:
        return KINDS[name]
    return "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def cheap(name: str, value: Any) -> Any:
    """The value, or `COSTLY`'s where a larger number is lawful."""
    if name not in COSTLY or not isinstance(value, int | float) or not COSTLY[name] < value <= LARGEST:
        return value
    return type(value)(COSTLY[name])


@pytest.fixture(scope="module")
def judges(host: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("judges")
    metric_weights.make_small(folder)
    with pytest.MonkeyPatch.context() as patch:
        metrics.put_in_host_folders(folder, patch)
        yield


@pytest.fixture(scope="module")
def made(loaded_demo_model: Any, judges: None) -> Wires:
    from single_image_studio.host import folders
    from single_image_studio.nodes.invert import NullTextInvert
    from single_image_studio.nodes.train import TrainStage1

    folders.register()  # as the host does, in its temporary base
    model, clip, vae = loaded_demo_model
    mask = torch.ones(1, 64, 64)
    mask[:, :20] = 0
    wires = {"model": model, "clip": clip, "vae": vae, "image": torch.rand(1, 64, 64, 3), "mask": mask, "region": mask}
    wires |= {"latent": {"samples": torch.randn(1, 4, 8, 8)}, "uncond": encode(clip, ""), "negative": encode(clip, "")}
    wires |= dict.fromkeys(("reference", "images", "before", "edited"), wires["image"])
    wires |= dict.fromkeys(("reference_mask", "masks"), mask) | {"latent_image": wires["latent"]}
    wires |= {"source": encode(clip, "a heart"), "target": encode(clip, "a star"), "optimized": encode(clip, "a heart")}

    def result(node: Any, **named: Any) -> Any:
        names, values = NODES[node.__name__]
        with torch.inference_mode():
            return node.execute(**{name: wires[name] for name in names}, **(values | named)).args[0]

    return Wires(wires | {"concept": result(TrainStage1), "inversion": result(NullTextInvert)})


def test_every_node_is_tried(host: Any) -> None:
    from single_image_studio.nodes.extension import SingleImageStudio

    listed = run_apart(SingleImageStudio().get_node_list())
    assert {node.__name__ for node in listed} == set(NODES)


@pytest.mark.parametrize("name", NODES)
@fuzzed(12)
@given(data=st.data())
def test_nonsense_is_refused_in_a_sentence(made: Wires, name: str, data: st.DataObject) -> None:
    from single_image_studio.nodes import extension

    wires, values = NODES[name]
    inputs = {wire: made[wire] for wire in wires} | values
    names = sorted(set(inputs) - set(OF_THE_HOST))
    for wrong in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)):
        kind = kind_of(wrong, inputs[wrong])
        whole = kind in ("concept", "inversion")
        inputs[wrong] = changed(made[wrong], data.draw) if whole else data.draw(nonsense(kind))
        inputs[wrong] = cheap(wrong, inputs[wrong])
    inputs = {RENAMED.get(key, key): [value] if name in LISTS else value for key, value in inputs.items()}
    with torch.inference_mode():
        given_or_refused(lambda: getattr(extension, name).execute(**inputs))
