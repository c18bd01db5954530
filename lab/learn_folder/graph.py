"""The API workflow of a task: the shipped `learn_a_concept`, with values by node title."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import ROOT
from ..hosting.client import Prompt
from ..jobs.jobs import Overrides
from ..workflow_files import workflow
from .pictures import Picture
from .tasks import Task

WORKFLOW = ROOT / "workflows" / "api" / "learn_a_concept.json"
PROMPTS = ("a photo of PHRASE", "a photo of PHRASE on a beach")
SEEDS = 2**32


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all pictures have in common.

    overrides: values by node title, as in lab/jobs/learn.json; what follows goes before them where it is not None.
    prompts: what is drawn with each concept, one picture each; PHRASE and CLASS stand for its words.
    steps, stage2_steps: of both stages; 0 of the second leaves it out.
    seed: from which, with the picture, each task's own seed comes.
    """

    overrides: Overrides = field(default_factory=dict)
    checkpoint: str | None = None
    detector: str | None = None
    segmenter: str | None = None
    prompts: Sequence[str] | None = None
    steps: int | None = None
    stage2_steps: int | None = None
    seed: int = 0

    def _chosen(self) -> Overrides:
        """The values that are given by themselves, by title."""
        given: Overrides = {
            "Load Checkpoint": {"ckpt_name": self.checkpoint},
            "Mask": {"detector": self.detector, "segmenter": self.segmenter},
            "Prompts": {"own_prompts": "\n".join(self.prompts) if self.prompts else None},
            "Stage I": {"steps": self.steps},
            "Stage II": {"steps": self.stage2_steps or None},
        }
        return {title: {k: v for k, v in values.items() if v is not None} for title, values in given.items()}


def template(settings: Settings, path: pathlib.Path = WORKFLOW) -> Prompt:
    """The workflow for any picture.

    Raises: DevError when the settings do not fit the workflow.
    """
    prompt = workflow.load(path)
    few: Overrides = {"Prompts": {"own_prompts": "\n".join(PROMPTS)}, "Empty Latent": {"batch_size": 1}}
    for overrides in (few, settings.overrides, settings._chosen()):
        prompt = workflow.with_overrides(prompt, overrides)
    # its exports for other tools would stay on the machine that learns
    prompt = workflow.with_overrides(prompt, {"Save Concept": {"export_for_other_tools": False}})
    return without_stage2(prompt) if settings.stage2_steps == 0 else prompt


def without_stage2(prompt: Prompt) -> Prompt:
    """The workflow with Stage I's concept where Stage II's was."""
    (stage2,) = workflow.nodes_of(prompt, "SIS_TrainStage2")
    before = prompt[stage2]["inputs"]["concept"]
    return {
        node_id: node
        | {"inputs": {name: before if value == [stage2, 0] else value for name, value in node["inputs"].items()}}
        for node_id, node in prompt.items()
        if node_id != stage2
    }


def seed_of(sha256: str, seed: int) -> int:
    """A picture's own seed: the same in any order, on any machine, under any name."""
    return int(hashlib.sha256(f"{seed} {sha256}".encode()).hexdigest(), 16) % SEEDS


def task(picture: Picture, content: bytes, common: Prompt, seed: int) -> Task:
    """What a machine is given. common: as `template` makes it. seed: as in Settings."""
    sha256 = hashlib.sha256(content).hexdigest()
    own = seed_of(sha256, seed)
    upload_as = f"{sha256[:32]}{picture.path.suffix.lower()}"
    changes: Overrides = {
        "Picture": {"image": upload_as},
        "Mask": {"prompt": picture.class_word},
        "Stage I": {"class_word": picture.class_word, "seed": own},
        "Save Concept": {"name": picture.name},
        "Sampler": {"seed": own},
    }
    if workflow.nodes_of(common, "SIS_TrainStage2"):
        changes["Stage II"] = {"seed": own}
    prompt = workflow.with_overrides(common, changes)
    settings = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()
    return Task(picture.file, picture.path, picture.name, picture.class_word, sha256, upload_as, prompt, settings)
