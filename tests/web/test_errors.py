"""Errors without a browser: whose they are, and how they are said in other languages."""

from __future__ import annotations

import json
import pathlib

from single_image_studio.masking.catalogue import DETECTOR_FOLDER, SEGMENTER_FOLDER, find_published, how_to_get

from ..helpers.page_modules import furnish, said

TITLES = """
const { titleOf } = await import(`${pack}/errors/title.mjs`);
const node = { id: 4, title: "Outline" };
app.graph = { id: "open", nodes: [node], getNodeById: (id) => (Number(id) === 4 ? node : null) };
window.LiteGraph = { registered_node_types: { SIS_MaskFromPrompt: { title: "Mask from Prompt" } } };
app.extensionManager = { workflow: { openWorkflows: [
  { filename: "learn", activeState: { id: "shelved" } }, { filename: "grid", activeState: null } ] } };
api.runs = { here: "open", there: "shelved", closed: "gone" };
api.running = ["there"].map((id) => [0, id, { 4: { _meta: { title: "My mask" } } }, {}]);
const titles = [];
for (const prompt_id of ["here", "there", "closed", "unknown"])
  titles.push(await titleOf({ prompt_id, node_id: "4", node_type: "SIS_MaskFromPrompt", exception_message: "" }));
console.log(JSON.stringify(titles));
"""


def test_a_failed_node_has_its_own_title_and_says_when_its_workflow_is_not_the_open_one(tmp_path: pathlib.Path) -> None:
    """The one that it was queued with, else its class's; never the class."""
    assert said(furnish(tmp_path), TITLES) == [
        "Outline",
        "My mask (in the workflow “learn”)",
        "Mask from Prompt (in another workflow)",
        "Mask from Prompt (in another workflow)",
    ]


def test_missing_models_are_told_in_every_language(tmp_path: pathlib.Path) -> None:
    """With and without our own downloader, and each model's line as Python wrote it."""
    script = """
    app.extensionManager = { setting: { get: () => "zh" } };
    const { translated } = await import(`${pack}/errors/sentences.mjs`);
    console.log(JSON.stringify(%s.map(translated)));
    """
    detector = find_published("groundingdino_swint_ogc.pth", DETECTOR_FOLDER)
    assert detector is not None
    sentences = []
    for name in ("sam_vit_b_01ec64.pth", "sam-vit-base"):
        segmenter = find_published(name, SEGMENTER_FOLDER)
        assert segmenter is not None
        sentences.append(f"`detector` and `segmenter`: {how_to_get((detector, '/m/dino'), (segmenter, '/m/sams'))}")
    translated = said(furnish(tmp_path), script % json.dumps(sentences))
    for sentence, chinese in zip(sentences, translated, strict=True):
        (_, *lines), (first, *chinese_lines) = sentence.split("\n"), chinese.split("\n")
        assert len(lines) == 2 and chinese_lines == lines
        assert first.startswith("`detector` 和 `segmenter`：缺少 2 个模型。")
        assert ("masking.download" in first) == ("masking.download" in sentence)
