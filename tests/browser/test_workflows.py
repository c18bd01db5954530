"""The shipped workflows and blueprints in the real frontend: they open whole, readable, and are queued as their API
twins say."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from lab.drawing import shipped
from lab.hosting.client import Client
from lab.workflow_files.newer_nodes import NEWER
from lab.workflow_files.object_info import has_control, is_widget, specs
from lab.workflow_files.sheet import NOTE
from lab.workflow_files.shipped_workflows import ON_NEWER_HOSTS

from ..helpers.frontend import Box, Frontend
from ..helpers.shipped_page import CUT_NOTES, overlaps, queued, shipped_file
from ..helpers.shipped_runs import RUNS, prepare

# Which names of our nodes' inputs the Vue renderer cuts, and how many it shows.
LABELS = """() => {
  const labels = [...document.querySelectorAll("[data-node-id]")].filter((drawn) => window.app.canvas.graph.nodes.some(
    (node) => String(node.id) === drawn.dataset.nodeId && node.type.startsWith("SIS_"))).flatMap((drawn) =>
    [...drawn.querySelectorAll("p.truncate, [data-testid=widget-layout-field-label]")]);
  const cut = labels.filter((label) => label.scrollWidth > label.clientWidth).map((label) => label.textContent);
  return { cut, shown: labels.filter((label) => label.clientWidth).length };
}"""
UNKNOWN = """() => window.app.canvas.graph.nodes.map((node) => node.type)
  .filter((type) => !(type in LiteGraph.registered_node_types))"""
BOXES_OF_GROUPS = (
    """() => window.app.canvas.graph.groups.map((group) => [group.title, ...group.boundingRect ?? group._bounding])"""
)
BOXES_OF_NODES = """() => window.app.canvas.graph.nodes.map((node) => [String(node.id), ...node.getBounding()])"""
# Whether the canvas has every finished picture that it will draw.
DRAWN = """() => Object.entries(window.app.nodeOutputs).every(([id, output]) => {
  const node = window.app.canvas.graph.nodes.find((node) => String(node.id) === id);
  return !node || !output?.images?.length || node.imgs?.length;
})"""


READ_ALIKE = "a file is read by the same code, whatever draws it"
# a workflow of each kind: learning, using, editing and judging
RUN_IN_CLASSIC = ("learn_a_concept", "use_a_concept", "edit_a_photo", "judge_a_concept")
# How many curves and cells of a grid the open graph's nodes show.
KEPT = """() => ["path[data-term]", "[role=gridcell] button"].map((kind) => window.app.canvas.graph.nodes
  .flatMap((node) => (node.widgets ?? []).map((widget) => widget.element).filter(Boolean))
  .reduce((sum, element) => sum + element.querySelectorAll(kind).length, 0))"""
# Where the page's side bar and the menu above the graph end, in its pixels.
BARS = """() => {
  const side = document.querySelector(".side-tool-bar-container").getBoundingClientRect();
  const menu = [...document.querySelectorAll(".actionbar-container, .subgraph-breadcrumb")];
  return { right: side.right, bottom: Math.max(...menu.map((bar) => bar.getBoundingClientRect().bottom)) };
}"""


@pytest.fixture(scope="module")
def prepared(furnished: Client) -> Client:
    """And with the concepts, the inversion and the models that they load."""
    return prepare(furnished)


@pytest.mark.parametrize("name", shipped.NAMES)
def test_it_opens_whole_and_readable(quiet: Frontend, name: str, snap: Callable[..., pathlib.Path]) -> None:
    ui, twin = shipped_file("workflows", name), shipped_file("workflows/api", name)
    quiet.load(ui, new_tab=True)
    assert not quiet.page.evaluate(UNKNOWN)
    assert queued(quiet) == twin
    quiet.frame()
    snap(quiet)
    assert not overlaps(quiet.boxes())
    assert not quiet.page.evaluate(CUT_NOTES)
    groups = {title: Box(*box) for title, *box in quiet.page.evaluate(BOXES_OF_GROUPS)}
    assert len(groups) == len(ui["groups"]) and not overlaps(groups)
    check_groups(quiet)


@pytest.mark.parametrize("name", ON_NEWER_HOSTS)
def test_one_for_newer_hosts_lacks_their_nodes_alone(
    quiet: Frontend, name: str, snap: Callable[..., pathlib.Path]
) -> None:
    quiet.load(shipped_file("workflows", name), new_tab=True)
    assert set(quiet.page.evaluate(UNKNOWN)) == set(NEWER) - set(quiet.node_info)
    quiet.page.keyboard.press("Escape")  # the page's own list of what it lacks
    quiet.frame()
    snap(quiet)
    assert not overlaps(quiet.boxes())
    assert not quiet.page.evaluate(CUT_NOTES)
    quiet.messages.clear()


def check_groups(frontend: Frontend) -> None:
    """Every node is wholly in one group, or in none."""
    groups = {title: Box(*box) for title, *box in frontend.page.evaluate(BOXES_OF_GROUPS)}
    for node_id, *numbers in frontend.page.evaluate(BOXES_OF_NODES):
        box = Box(*numbers)
        assert [title for title, group in groups.items() if group.overlaps(box)] == [
            title
            for title, group in groups.items()
            if group.x <= box.x
            and group.y <= box.y
            and box.x + box.width <= group.x + group.width
            and box.y + box.height <= group.y + group.height
        ], node_id


@pytest.mark.parametrize("name", ["learn_a_concept", "edit_a_photo"])
def test_the_names_of_inputs_are_whole(quiet: Frontend, name: str, snap: Callable[..., pathlib.Path]) -> None:
    if quiet.renderer != "vue":
        pytest.skip("the classic renderer makes room for them by itself")
    quiet.load(shipped_file("workflows", name), new_tab=True)
    pack = [str(node["id"]) for node in quiet.workflow()["nodes"] if node["type"].startswith("SIS_")]
    quiet.frame(*pack)
    quiet.page.wait_for_function(f"() => {{ const {{ cut, shown }} = ({LABELS})(); return shown && !cut.length }}")
    quiet.frame(*quiet.node_ids("SIS_TrainStage1"), *quiet.node_ids("SIS_NullTextInvert"))
    snap(quiet)


def test_links_survive_saving_again(quiet: Frontend) -> None:
    """The page writes back what it has read: no link is lost or moved to another input."""
    if quiet.renderer == "vue":
        pytest.skip(READ_ALIKE)
    for name in shipped.NAMES:
        ui = shipped_file("workflows", name)
        quiet.load(ui)
        ends = []
        for workflow in (ui, quiet.workflow()):
            nodes = {node["id"]: node for node in workflow["nodes"]}
            ends.append(
                sorted(
                    (origin, nodes[origin]["outputs"][slot]["name"], target, nodes[target]["inputs"][place]["name"])
                    for _, origin, slot, target, place, _ in workflow["links"]
                )
            )
        assert ends[0] == ends[1] and ends[0], name


def with_values(ui: dict[str, Any], prompt: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """The workflow with another prompt's values in its widgets, as if typed; nodes are the same in both forms, by their
    ids."""
    for node in ui["nodes"]:
        if node["type"] == NOTE:
            continue
        known, given = specs(info, node["type"]), prompt[str(node["id"])]["inputs"]
        widgets = [name for name, spec in known.items() if is_widget(spec)]
        names = [
            name
            for widget in widgets
            for name in ([widget, "control"] if has_control(widget, known[widget]) else [widget])
        ]
        node["widgets_values"] = [
            given.get(name, value) for name, value in zip(names, node["widgets_values"], strict=True)
        ]
    return ui


@pytest.mark.parametrize("name", shipped.NAMES)
def test_it_runs_from_the_page_and_still_fits(
    quiet: Frontend, prepared: Client, name: str, snap: Callable[..., pathlib.Path]
) -> None:
    """With the demo's values in the page's widgets; finished pictures make nodes taller, most in the Vue renderer."""
    if quiet.renderer == "classic" and name not in RUN_IN_CLASSIC:
        pytest.skip("it runs in the Vue renderer, and on the host in tests/workflows/test_shipped.py")
    filled = with_values(shipped_file("workflows", name), shipped.prompt(name, RUNS[name][0]), quiet.node_info)
    quiet.load(filled, new_tab=True)  # in the same tab, its nodes would begin with the last one's pictures
    assert quiet.run().kind == "success"
    quiet.page.wait_for_function("() => [...document.images].every((image) => image.complete)")
    quiet.frame()
    if quiet.renderer == "classic":
        quiet.page.wait_for_function(DRAWN)  # the canvas loads what it shows, and so only what is in view
    snap(quiet)
    assert not overlaps(quiet.boxes())
    check_groups(quiet)


def test_a_workflow_opened_anew_shows_nothing_of_the_last_run(quiet: Frontend, prepared: Client) -> None:
    """Nor would a click in the grid send the last run's values: there is none."""
    name = "edit_a_photo"
    prompt = shipped.prompt(name, RUNS[name][0])
    for node in prompt.values():  # of its own: what the host has kept of an earlier test draws no curve
        node["inputs"] |= {"seed": len(quiet.renderer)} if "seed" in node["inputs"] else {}
    filled = with_values(shipped_file("workflows", name), prompt, quiet.node_info)
    quiet.load(filled, new_tab=True)
    assert quiet.run().kind == "success"
    quiet.frame()  # one of the renderers draws what is in view
    quiet.page.wait_for_function(f"() => ({KEPT})().every((count) => count)", timeout=60_000)
    with quiet.page.expect_response("**/single_image_studio/live?*"):
        quiet.load(filled, new_tab=True)
    quiet.settle()
    assert quiet.page.evaluate(KEPT) == [0, 0]


def test_the_first_view_is_clear_of_the_menus(quiet: Frontend) -> None:
    """As a person opens it: at the corner of the graph, below the page's tabs and beside its side bar."""
    quiet.load(shipped_file("workflows", "use_a_concept"), new_tab=True)
    bars = quiet.page.evaluate(BARS)
    nodes = quiet.boxes().values()
    assert min(box.x for box in nodes) > bars["right"] and min(box.y for box in nodes) > bars["bottom"]


@pytest.mark.parametrize("name", shipped.NAMES)
def test_an_api_twin_loses_nothing_on_the_page(quiet: Frontend, name: str) -> None:
    """The page drops links into lists from such files, which would then run with whatever the list has first."""
    if quiet.renderer == "vue":
        pytest.skip(READ_ALIKE)
    twin = shipped_file("workflows/api", name)
    quiet.load_api(twin)
    assert queued(quiet) == twin


def test_the_learning_api_twin_runs_from_the_page(quiet: Frontend, prepared: Client) -> None:
    if quiet.renderer == "vue":
        pytest.skip(READ_ALIKE)
    quiet.load_api(shipped.prompt("learn_a_concept", RUNS["learn_a_concept"][0]))
    assert quiet.run().kind == "success"


MISSING = {
    "concept_controlnet_upscale": (
        ("checkpoints", "v1-5-pruned-emaonly.safetensors"),
        ("controlnet", "control_v11p_sd15_canny_fp16.safetensors"),
        ("upscale_models", "RealESRGAN_x4plus.safetensors"),
    ),
    "learn_a_concept": (
        ("checkpoints", "v1-5-pruned-emaonly.safetensors"),
        ("grounding-dino", "groundingdino_swint_ogc.safetensors"),
        ("sams", "sam_vit_b_01ec64.safetensors"),
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_models_are_offered(
    frontend: Frontend, furnished: Client, name: str, snap: Callable[..., pathlib.Path]
) -> None:
    frontend.load(shipped_file("workflows", name))
    details = frontend.page.get_by_role("button", name="View details")  # newer frontends list them in their side panel
    listed = frontend.page.locator(".comfy-missing-models, .p-dialog, [data-testid=properties-panel]").filter(
        has_text="v1-5-pruned-emaonly.safetensors"
    )
    expect(listed.or_(details).first).to_be_visible()
    if details.is_visible():
        details.click()
    text = listed.last.inner_text()
    snap(frontend)
    for folder, file in MISSING[name]:
        assert folder in text and file in text
    assert "not allowed" not in text and "Only allowed" not in text and "Invalid directory" not in text
    frontend.page.keyboard.press("Escape")
    frontend.page.locator(".p-dialog-mask").wait_for(state="hidden")  # while it fades it takes the next test's clicks
    frontend.messages.clear()  # it asks the files' addresses for their sizes, and the browser is kept at home


@pytest.mark.parametrize("name", ["Learn a concept", "Edit a photo"])
def test_a_blueprint_becomes_a_node(quiet: Frontend, name: str, snap: Callable[..., pathlib.Path]) -> None:
    """Chosen in the page's own node search; its inner nodes are queued with the values of its widgets."""
    page = quiet.page
    # as a double click on the canvas does
    page.evaluate("() => window.app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    page.locator(".comfy-vue-node-search-container input, [role=search] input").first.fill(name)
    page.get_by_role("option").filter(has_text=name).first.click()
    page.wait_for_function("() => window.app.canvas.graph.nodes.length === 1")
    quiet.settle()
    definition = shipped_file("subgraphs", name)["definitions"]["subgraphs"][0]
    found = page.evaluate(
        """() => {
          const [node] = window.app.canvas.graph.nodes;
          const values = Object.fromEntries((node.widgets ?? []).map((widget) => [widget.name, widget.value]));
          const [inputs, outputs] = [node.inputs, node.outputs].map((slots) => slots.map((slot) => slot.name));
          return { inputs, outputs, values, subgraph: node.isSubgraphNode?.() };
        }"""
    )
    assert found["subgraph"]
    assert found["inputs"] == [entry["name"] for entry in definition["inputs"]]
    assert found["outputs"] == [entry["name"] for entry in definition["outputs"]]
    shown = shipped_file("subgraphs", name)["nodes"][0]["widgets_values"]
    assert [value for key, value in found["values"].items() if key in found["inputs"]] == shown
    inside = {node["class_type"] for node in queued(quiet).values()}
    assert inside == {node["type"] for node in definition["nodes"]}
    quiet.frame()
    snap(quiet)
