"""The host's real page, opened for pictures: shipped workflows with the demo's files and values, run as by a person.

Needs a Chromium and Playwright, as the browser tests do.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from PIL import Image

from .. import ROOT, DevError
from ..hosting import browser
from ..hosting.client import Client
from ..jobs import edit, jobs, learn
from ..workflow_files import workflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

TIME_LIMIT = 1800  # seconds for a run
Box = dict[str, float]

READY = "() => window.app?.extensionManager && !window.app.extensionManager.spinner && window.app.canvas?.graph"
OPEN = """async ([workflow, values, drawn]) => {
  const { app } = window;
  await app.loadGraphData(JSON.parse(workflow), true, true, app.extensionManager.workflow.activeWorkflow);
  const graph = app.canvas.graph, finder = drawn && graph.nodes.find((node) => node.type === "SIS_MaskFromPrompt");
  if (finder) {
    const mask = LiteGraph.createNode("LoadImageMask");
    [mask.title, mask.pos] = ["Mask", [...finder.pos]];
    graph.add(mask);
    for (const [name, value] of Object.entries(drawn))
      mask.widgets.find((widget) => widget.name === name).value = value;
    for (const [slot, output] of finder.outputs.entries())
      for (const link of (output.links ?? []).map((id) => graph.links[id] ?? graph.links.get(id))) {
        const reader = graph.getNodeById(link.target_id);
        if (slot === 0) mask.connect(0, reader, link.target_slot);
        else graph.remove(reader);
      }
    graph.remove(finder);
  }
  for (const node of app.canvas.graph.nodes)
    for (const widget of node.widgets ?? []) {
      const value = values[String(node.id)]?.[widget.name];
      if (value !== undefined) {
        widget.value = value;
        widget.callback?.(value);
      }
    }
}"""
START = """async () => {
  const { app } = window, ends = ["execution_success", "execution_error", "execution_interrupted"];
  const run = window.labRun = { end: null };
  const ended = new Promise((done) => ends.forEach((type) =>
    app.api.addEventListener(type, (event) => done([type, event.detail?.exception_message ?? ""]))));
  ended.then((end) => { run.end = end; });
  await app.queuePrompt(0, 1);
}"""
END = "() => window.labRun.end"
# The box of these nodes (all nodes and groups without any) in the page's pixels, once the view shows all of it.
FRAME = """([titles, margin, bars, most]) => {
  const { canvas } = window.app, area = canvas.canvas.getBoundingClientRect();
  const { nodes, groups } = canvas.graph;
  const shown = nodes.filter((node) => !titles || titles.includes(node.title));
  const boxes = [...shown.map((node) => node.getBounding()), ...(titles ? [] : groups.map((group) => group._bounding))];
  const left = Math.min(...boxes.map((b) => b[0])), top = Math.min(...boxes.map((b) => b[1]));
  const right = Math.max(...boxes.map((b) => b[0] + b[2])), bottom = Math.max(...boxes.map((b) => b[1] + b[3]));
  const covered = 2 * (margin + bars);
  const scale = Math.min(most, (area.width - covered) / (right - left), (area.height - covered) / (bottom - top));
  canvas.ds.scale = scale;
  canvas.ds.offset[0] = (area.width / scale - left - right) / 2;
  canvas.ds.offset[1] = (area.height / scale - top - bottom) / 2;
  canvas.setDirty(true, true);
  const middle = [area.x + area.width / 2, area.y + area.height / 2];
  const half = [(right - left) * scale / 2 + margin, (bottom - top) * scale / 2 + margin];
  return { x: middle[0] - half[0], y: middle[1] - half[1], width: 2 * half[0], height: 2 * half[1] };
}"""
# Nothing but the canvas: no menus, side bars, tabs or messages.
BARE = """
body > :not(#vue-app) { display: none }
.comfyui-body-top, .comfyui-body-left, .comfyui-body-right, .side-tool-bar-container, .p-toast, .graph-canvas-menu,
.minimap-main-container {
  visibility: hidden !important
}"""
OVERRIDES = {"learn_a_concept": lambda: learn.settings().overrides, "edit_a_photo": edit.overrides}


# so few steps that the pictures show nothing, and how a page looks is seen in two minutes
FEW: dict[str, jobs.Overrides] = {
    "learn_a_concept": {"Stage I": {"steps": 6}, "Stage II": {"steps": 6}, "Sampler": {"steps": 2}},
    "edit_a_photo": {"Inversion": {"steps": 10, "inner_steps": 1}, "Text optimisation": {"steps": 5}},
}


def values(name: str, few: bool = False) -> dict[str, dict[str, Any]]:
    """What the demo writes into a workflow's widgets, by node id: its API twin has the same ids."""
    prompt = workflow.with_overrides(workflow.load(ROOT / "workflows" / "api" / f"{name}.json"), OVERRIDES[name]())
    prompt = workflow.with_overrides(prompt, FEW[name] if few else {})
    return {
        node_id: {key: value for key, value in node["inputs"].items() if not isinstance(value, list)}
        for node_id, node in prompt.items()
    }


@contextlib.contextmanager
def opened(client: Client, width: int, height: int) -> Iterator[Page]:
    """The page in a new browser, in the classic renderer, for the length of a `with` block.

    Raises: DevError when there is no browser.
    """
    program = browser.find()
    if program is None:
        raise DevError(browser.REASON)
    from playwright.sync_api import sync_playwright

    client.request(
        "/api/settings",
        {
            "Comfy.TutorialCompleted": True,
            "Comfy.Locale": "en",
            "Comfy.VueNodes.Enabled": False,
            "Comfy.Minimap.Visible": False,
            # the demo's files stand in for those that the workflow names
            "Comfy.Workflow.ShowMissingModelsWarning": False,
        },
    )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=str(program),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        page = running.new_page(viewport={"width": width, "height": height}, base_url=client.url)
        page.add_init_script("localStorage.vueNodesBannerDismissed = 'true'")
        page.goto("/", wait_until="domcontentloaded")
        page.wait_for_function(READY, timeout=120_000)
        yield page
        running.close()


def load(page: Page, name: str, painted: bool = False, few: bool = False) -> None:
    """Opens a shipped workflow with the demo's values. painted: with a drawn mask where it finds one. few: steps."""
    shipped = (ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8")
    drawn = {"image": "heart_mask.png", "channel": "red"} if painted else None
    page.evaluate(OPEN, [shipped, values(name, few), drawn])


def run(page: Page, name: str) -> None:
    """Presses Run and waits for the end.

    Raises: DevError when the run fails.
    """
    page.evaluate(START)
    page.wait_for_function(END, timeout=TIME_LIMIT * 1000)
    check(page, name)


def has_ended(page: Page) -> bool:
    """Whether the run that START has begun is over, well or not."""
    return page.evaluate(END) is not None


def check(page: Page, name: str) -> None:
    """Raises: DevError when the run that has ended did not end well."""
    kind, message = page.evaluate(END)
    if kind != "execution_success":
        raise DevError(f"{name} did not run: {kind} {message}")


def bare(page: Page) -> None:
    """Hides everything but the graph."""
    page.add_style_tag(content=BARE)


def frame(page: Page, titles: list[str] | None, margin: int, bars: int, most: float = 1.0) -> Box:
    """Moves and scales the view so that these nodes, or all, fill it. Returns their box on the page, with a margin.

    bars: pixels at each edge that stay free. most: the largest scale.
    """
    return dict(page.evaluate(FRAME, [titles, margin, bars, most]))


def screenshot(page: Page) -> Image.Image:
    """The page as it is now."""
    return picture_of(page.screenshot())


def picture_of(data: bytes) -> Image.Image:
    """A screenshot's bytes as a picture."""
    return Image.open(io.BytesIO(data)).convert("RGB")
