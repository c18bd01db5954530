"""The concepts' list sorts, renames and deletes; Load Concept says its phrase, and the name that came over a wire."""

from __future__ import annotations

import itertools
import pathlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, expect

from lab.hosting.client import Client
from single_image_studio.concept.data import Concept
from single_image_studio.concept.file import save_concept

from ..helpers.frontend import RENDERERS, Frontend
from ..helpers.graphs import node, save, sources, stage1
from ..helpers.page_graphs import FAINT, loading, numbered

RED = "rgb(229, 72, 77)"
SEEDS = itertools.count(91200)  # each page learns anew


@pytest.fixture
def shelf(session_server: Client) -> Iterator[pathlib.Path]:
    """Three concepts: kept, copper and tin; the newest last."""
    assert session_server.base is not None
    folder = session_server.base / "models" / "single_image_studio" / "concepts"
    words = {"q_kept": "zebra", "q_copper": "kettle", "q_tin": "apple"}
    for name, word in words.items():
        save_concept(Concept(torch.ones(1, 96), word), folder / f"{name}.safetensors")
    yield folder
    for path in folder.glob("q_*.safetensors"):
        path.unlink()


@pytest.fixture
def dialog(frontend: Frontend, shelf: pathlib.Path) -> Locator:
    frontend.load_api(loading("q_copper"))
    frontend.frame("2")
    expect(frontend.page.locator(".sis-face")).to_contain_text("kettle")
    frontend.page.locator(".sis-face").click()
    expect(frontend.page.get_by_role("dialog", name="Choose a concept")).to_be_visible()
    opened = frontend.page.locator(".sis-picker")
    opened.get_by_role("searchbox").fill("q_")
    expect(opened.get_by_role("option")).to_have_count(3)
    return opened


def names(dialog: Locator) -> list[str]:
    return dialog.locator(".sis-option b").all_inner_texts()


def test_the_list_sorts(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Newest first").click()
    assert names(dialog) == ["q_copper", "q_kept", "q_tin"]
    dialog.get_by_role("button", name="By name").click()
    assert names(dialog) == ["q_tin", "q_copper", "q_kept"]
    dialog.get_by_role("button", name="By class word").click()
    expect(dialog.get_by_role("button", name="Newest first")).to_be_visible()


def test_a_concept_is_renamed_and_its_nodes_follow(
    frontend: Frontend, dialog: Locator, shelf: pathlib.Path, snap: Callable[..., Any]
) -> None:
    dialog.get_by_role("button", name="Rename or delete").click()
    dialog.get_by_role("option").filter(has_text="q_copper").click()
    expect(dialog).to_be_visible()  # nothing is chosen meanwhile
    dialog.get_by_role("button", name="Rename", exact=True).click()
    expect(dialog).to_have_accessible_name("Rename or delete a concept")
    expect(dialog.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(dialog.get_by_role("button", name=re.compile("^(Back|Close)$"))).to_have_count(2)
    field = dialog.get_by_label("New name of q_copper")
    expect(field).to_be_focused()
    field.fill("q_tin")
    frontend.page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("There is a concept called 'q_tin' already: use another name.")
    expect(dialog.get_by_role("alert")).to_have_css("border-left-color", RED)
    frontend.messages.clear()  # the refusal, which is meant
    snap(frontend)
    assert not frontend.page.evaluate(FAINT, ".sis-picker")
    field.fill("q_brass")
    frontend.page.keyboard.press("Enter")
    expect(dialog.get_by_role("option").filter(has_text="q_brass")).to_have_count(1)
    expect(dialog.get_by_role("status").filter(has_text="Prompts keep")).to_have_text(
        "Renamed. Prompts keep the old name: write <q_brass> kettle in them now."
    )
    snap(frontend, "renamed")
    assert sorted(path.stem for path in shelf.glob("q_*")) == ["q_brass", "q_kept", "q_tin"]
    frontend.page.keyboard.press("Escape")
    assert frontend.prompt()["2"]["inputs"]["concept_name"] == "q_brass"
    expect(frontend.page.locator(".sis-face")).to_contain_text("q_brass")


def test_a_concept_is_deleted_after_a_question(
    frontend: Frontend, dialog: Locator, shelf: pathlib.Path, snap: Callable[..., Any]
) -> None:
    dialog.get_by_role("button", name="Rename or delete").click()
    dialog.get_by_role("option").filter(has_text="q_tin").click()
    delete = dialog.get_by_role("button", name="Delete", exact=True)
    delete.click()
    expect(dialog.get_by_text("Delete q_tin for good?")).to_be_visible()
    expect(dialog.get_by_text("its exports in embeddings and loras stay")).to_have_css("border-left-color", RED)
    assert not frontend.page.evaluate(FAINT, ".sis-picker")
    # it alone is framed, not the one that the node uses
    framed = dialog.get_by_role("option").evaluate_all(
        "(options) => options.filter((one) => getComputedStyle(one).borderTopColor !== 'rgba(0, 0, 0, 0)')"
        ".map((one) => one.dataset.name)"
    )
    assert framed == ["q_tin"]
    snap(frontend)
    keep = dialog.get_by_role("button", name="Keep")
    expect(keep).to_be_focused()
    frontend.page.keyboard.press("Enter")
    assert (shelf / "q_tin.safetensors").is_file()
    delete.click()
    delete.click()
    expect(dialog.get_by_role("option")).to_have_count(2)
    assert sorted(path.stem for path in shelf.glob("q_*")) == ["q_copper", "q_kept"]
    # the button that was pressed turns it off, and a click chooses again
    dialog.get_by_role("button", name="Rename or delete").click()
    dialog.get_by_role("option").filter(has_text="q_kept").click()
    assert frontend.prompt()["2"]["inputs"]["concept_name"] == "q_kept"


def test_the_node_says_its_phrase_and_copies_it(
    frontend: Frontend, shelf: pathlib.Path, snap: Callable[..., Any]
) -> None:
    frontend.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    frontend.load_api(loading("q_copper"))
    frontend.frame("2")
    phrase = frontend.page.locator(".sis-phrase")
    expect(phrase.locator("code")).to_have_text("<q_copper> kettle")
    assert not frontend.page.evaluate(FAINT, ".sis-face-box")
    phrase.get_by_role("button", name="Copy <q_copper> kettle").click()
    expect(phrase.get_by_role("button")).to_have_text("Copied")
    snap(frontend)
    assert frontend.page.evaluate("async () => await navigator.clipboard.readText()") == "<q_copper> kettle"
    box, node_box = phrase.bounding_box(), frontend.boxes()["2"]
    assert box is not None and box["y"] + box["height"] <= node_box.y + node_box.height + 1  # inside its node


def with_wire(frontend: Frontend) -> str:
    """Opens a graph whose Load Concept gets its name over a wire. Returns that node's id."""
    learned = {
        **sources(),
        "one": stage1(seed=next(SEEDS), steps=1),
        "save": save("q_wired", concept=["one", 0], export_for_other_tools=False),
    }
    load = node("SIS_LoadConcept", model=["ckpt", 0], clip=["ckpt", 1], strength_model=1.0, strength_clip=1.0)
    load["inputs"]["concept_name"] = ["save", 1]
    graph, ids = numbered({**learned, "load": load, "show": node("PreviewAny", source=["load", 2])})
    frontend.load_api(graph)
    # the page drops a wire into a list of an API workflow
    frontend.page.evaluate(
        """([save, load]) => {
          const node = app.graph.getNodeById(Number(load));
          const slot = node.inputs.findIndex((input) => input.name === "concept_name");
          const saver = app.graph.getNodeById(Number(save)), [, output] = saver.outputs;
          output.type = "*"; // by hand it does not go into a list, and in a workflow's file it does
          saver.connect(1, node, slot);
          output.type = "STRING";
        }""",
        [ids["save"], ids["load"]],
    )
    frontend.frame(ids["load"])  # newer frontends draw no widgets beyond the page
    return ids["load"]


def test_a_wire_shows_the_name_that_it_brought(
    frontend: Frontend, shelf: pathlib.Path, snap: Callable[..., Any]
) -> None:
    load = with_wire(frontend)
    face = frontend.page.locator(".sis-face")
    expect(face).to_contain_text("the name comes with concept_name")
    assert frontend.run().kind == "success"
    expect(face).to_contain_text("q_wired")
    expect(face).to_contain_text("from the wire")
    expect(frontend.page.locator(".sis-phrase code")).to_have_text("<q_wired> heart")
    frontend.frame(load)
    snap(frontend)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_page_that_is_opened_later_shows_the_name_too(
    open_frontend: Callable[..., Frontend], shelf: pathlib.Path, renderer: str
) -> None:
    """The host tells a name only where the node runs: not on a page that was just opened, nor for a reused result."""
    first = open_frontend(renderer)
    load = with_wire(first)
    graph = first.workflow() | {"id": str(uuid.uuid4())}
    first.load(graph)
    assert first.run().kind == "success"
    second = open_frontend(renderer)
    second.load(graph)
    second.frame(load)
    face = second.page.locator(".sis-face")
    expect(face).to_contain_text("q_wired")
    second.load(graph | {"id": str(uuid.uuid4())})  # another workflow: its last run is not known
    second.frame(load)
    expect(face).to_contain_text("the name comes with concept_name")
    assert second.run().kind == "success"
    cached = second.client.get("/history?max_items=1").popitem()[1]
    assert load not in cached["outputs"]
    expect(face).to_contain_text("q_wired")
    expect(second.page.locator(".sis-phrase code")).to_have_text("<q_wired> heart")
