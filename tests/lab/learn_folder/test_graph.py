"""The workflow that each picture is given."""

from __future__ import annotations

import pathlib

import pytest

from lab import DevError
from lab.jobs import jobs, learn
from lab.learn_folder.graph import Settings, seed_of, task, template
from lab.learn_folder.pictures import Picture
from lab.workflow_files import workflow


def picture(name: str = "rex") -> Picture:
    return Picture(f"dog/{name}.png", pathlib.Path(f"/x/dog/{name}.png"), name, "dog")


def values(prompt: dict, title: str) -> dict:
    (found,) = [node["inputs"] for node in prompt.values() if workflow.title(node) == title]
    return found


def test_a_picture_its_words_and_its_seed_go_into_the_workflow() -> None:
    made = task(picture(), b"pixels", template(Settings(checkpoint="mine.safetensors", steps=7)), 0)
    assert values(made.prompt, "Load Checkpoint")["ckpt_name"] == "mine.safetensors"
    assert values(made.prompt, "Picture")["image"] == made.upload_as == f"{made.sha256[:32]}.png"
    assert values(made.prompt, "Mask")["prompt"] == values(made.prompt, "Stage I")["class_word"] == "dog"
    assert values(made.prompt, "Save Concept")["name"] == "rex"
    assert values(made.prompt, "Stage I")["steps"] == 7 and values(made.prompt, "Stage II")["steps"] == 100
    seeds = {values(made.prompt, title)["seed"] for title in ("Stage I", "Stage II", "Sampler")}
    assert seeds == {seed_of(made.sha256, 0)}


def test_a_seed_comes_from_the_picture_and_not_from_its_place_or_name() -> None:
    common = template(Settings())
    first, other_name, other_picture = (
        values(task(picture(name), content, common, 0).prompt, "Stage I")["seed"]
        for name, content in (("rex", b"1"), ("max", b"1"), ("rex", b"2"))
    )
    assert first == other_name != other_picture
    assert first != values(task(picture(), b"1", common, 1).prompt, "Stage I")["seed"]
    assert 0 <= first < 2**32


def test_other_settings_are_another_task() -> None:
    made = {
        task(picture(), content, template(Settings(steps=steps)), seed).settings
        for content, steps, seed in ((b"1", 5, 0), (b"2", 5, 0), (b"1", 6, 0), (b"1", 5, 1), (b"1", 5, 0))
    }
    assert len(made) == 4


def test_without_stage_2_the_first_one_is_saved() -> None:
    prompt = task(picture(), b"", template(Settings(stage2_steps=0)), 0).prompt
    assert not workflow.nodes_of(prompt, "SIS_TrainStage2")
    (stage1,) = workflow.nodes_of(prompt, "SIS_TrainStage1")
    assert values(prompt, "Save Concept")["concept"] == [stage1, 0]
    linked = {value[0] for node in prompt.values() for value in node["inputs"].values() if isinstance(value, list)}
    assert linked <= set(prompt)


def test_a_file_of_settings_fits_and_what_is_given_by_itself_goes_before_it() -> None:
    with jobs.settings_of(learn.SETTINGS) as overrides:
        prompt = template(Settings(overrides=overrides, prompts=["PHRASE", "a CLASS"], stage2_steps=3))
    assert values(prompt, "Prompts")["own_prompts"] == "PHRASE\na CLASS"
    assert values(prompt, "Stage I")["steps"] == 60 and values(prompt, "Stage II")["steps"] == 3
    assert values(prompt, "Save Concept")["export_for_other_tools"] is False
    with pytest.raises(DevError, match="no node titled 'Stage 3'"):
        template(Settings(overrides={"Stage 3": {"steps": 1}}))
