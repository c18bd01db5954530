"""Which training it is that a kept state may go on: any other input makes it another one."""

from __future__ import annotations

from typing import Any

import torch

from single_image_studio.concept.data import Concept
from single_image_studio.concept.settings import Stage1Settings, Stage2Settings
from single_image_studio.host.identity import made_by, samples
from single_image_studio.pipelines.resuming import training_key


def key_of(**changes: Any) -> str:
    values: dict[str, Any] = {
        "stage": "Stage I",
        "settings": Stage1Settings(class_word="heart"),
        "origin": "here",
        "pictures": {"picture": torch.zeros(1, 2, 2, 3), "mask": torch.ones(1, 2, 2)},
    }
    return training_key(**(values | changes))


def test_a_training_is_another_one_with_any_other_input() -> None:
    word = torch.ones(1, 4)
    concept = Concept(word, "heart", encoder_state={"a": torch.zeros(3)})
    others = [
        {},
        {"stage": "Stage II"},
        {"origin": "there"},
        {"pictures": {"picture": torch.zeros(1, 2, 2, 3), "mask": torch.full((1, 2, 2), 0.5)}},
        *({"settings": Stage1Settings(class_word="heart", **{name: value})} for name, value in {
            "seed": 1, "batch_size": 2, "learning_rate": 1e-3, "precision": "fp32", "timesteps": "stratified",
            "encoder": "none", "training_prompts": "* at sea", "rate_schedule": "cosine", "background_weight": 0.5,
        }.items()),
        {"settings": Stage1Settings(class_word="heart", rate_schedule="cosine", steps=60)},
        {"settings": Stage2Settings()},
        {"concept": concept},
        {"concept": Concept(word + 1, "heart", encoder_state={"a": torch.zeros(3)})},
        {"concept": Concept(word, "heart", encoder_state={"a": torch.ones(3)})},
        {"concept": Concept(word, "heart")},
        {"concept": Concept(word, "heart", settings={"stage1": {"seed": 4}})},
    ]  # fmt: skip
    assert len({key_of(**changes) for changes in others}) == len(others)


def test_previews_and_more_steps_make_no_other_training() -> None:
    assert key_of() == key_of(settings=Stage1Settings(class_word="heart", preview_every=5))
    assert key_of() == key_of(settings=Stage1Settings(class_word="heart", steps=600))


class Graph:
    """As the host's DynamicPrompt."""

    def __init__(self, **nodes: Any) -> None:
        self.nodes = nodes

    def has_node(self, node: Any) -> bool:
        return node in self.nodes

    def get_node(self, node: str) -> dict[str, Any]:
        return self.nodes[node]


class Hidden:
    def __init__(self, graph: Graph | None, node: str | None = "train") -> None:
        self.dynprompt, self.unique_id = graph, node


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def origin(b1: float = 1.3, seed: int = 0, loader: str = "ckpt", slot: int = 0, name: str = "a.safetensors") -> str:
    nodes = {
        loader: node("CheckpointLoaderSimple", ckpt_name=name),
        "free": node("FreeU_V2", model=[loader, slot], b1=b1),
        "elsewhere": node("KSampler", model=["free", 0], seed=seed),
        "train": node("SIS_TrainStage1", model=["free", 0], clip=[loader, 1], vae=[loader, 2], seed=seed),
    }
    return made_by(Hidden(Graph(**nodes)), ("model", "clip", "vae"))


def test_the_nodes_before_the_models_tell_trainings_apart() -> None:
    assert origin() == origin(seed=9) == origin(loader="17")
    assert len({origin(), origin(b1=1.4), origin(slot=1), origin(name="b.safetensors")}) == 4


def test_what_a_node_says_of_its_file_counts() -> None:
    def with_region(said: Any) -> str:
        image = node("LoadImage", image="region.png") | ({} if said is None else {"is_changed": [said]})
        nodes = {
            "image": image,
            "concept": node("SIS_LoadConcept", model=["ckpt", 0], region=["image", 1]),
            "ckpt": node("CheckpointLoaderSimple", ckpt_name="a.safetensors"),
            "train": node("SIS_NullTextInvert", model=["concept", 0]),
        }
        return made_by(Hidden(Graph(**nodes)), ("model",))

    assert with_region("one") == with_region("one") and with_region(float("nan")) == with_region(float("nan"))
    assert len({with_region(None), with_region("one"), with_region("other")}) == 3


def test_outside_of_a_graph_nothing_is_told() -> None:
    assert made_by(None, ("model",)) == made_by(Hidden(None), ("model",)) == ""
    assert made_by(Hidden(Graph(), "7"), ("model",)) == made_by(Hidden(Graph(), None), ("model",)) == ""


def test_samples_tell_tensors_apart() -> None:
    weights = torch.randn(300, 300)
    changed = weights + 1e-3
    alike = [weights, weights.clone(), weights.t().contiguous().t()]
    assert len({samples(tensor) for tensor in alike}) == 1
    others = [weights, changed, weights.half(), weights[:299], weights.reshape(100, 900), torch.zeros(())]
    assert len({samples(tensor) for tensor in others}) == len(others)
