"""The editing demo's settings."""

from __future__ import annotations

import pathlib

import pytest

from lab import ROOT, DevError
from lab.hosting.base_folder import CHECKPOINT
from lab.jobs import edit
from lab.workflow_files import workflow


def test_the_editing_demo_fits_the_shipped_workflow() -> None:
    changed = workflow.with_overrides(workflow.load(edit.WORKFLOW), edit.overrides())
    assert changed["1"]["inputs"]["ckpt_name"] == CHECKPOINT
    picture = next(node for node in changed.values() if node["class_type"] == "LoadImage")["inputs"]["image"]
    assert (ROOT / "lab" / "world" / "concepts" / picture).is_file()


@pytest.mark.parametrize("content", ["", "[]", '{"overrides": 3}', '{"overrides": {"a": 3}}'])
def test_broken_settings_of_the_editing_demo_are_named(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "edit.json").write_text(content)
    with pytest.raises(DevError, match="cannot be used as the demo's settings"):
        edit.overrides(tmp_path / "edit.json")
