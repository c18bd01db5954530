"""Takes the README's picture of a graph and its result: `python -m lab.drawing.graph_picture`.

Opens a shipped workflow in the host's real frontend, gives it the demo's files and values, presses Run, and takes a
picture of the page.
Needs a Chromium and Playwright, as the browser tests do.
"""

from __future__ import annotations

import argparse
import io
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from PIL import Image

from .. import ROOT, DevError
from ..figures import jpeg
from ..hosting import browser
from ..hosting.client import Client
from ..hosting.command import exit_code, temporary_host
from ..hosting.installation import say
from ..jobs import edit, learn
from ..workflow_files import workflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

# of the page, so that the graph is large enough for the host to write its texts; the picture is as wide as `WIDTH`
SIZE = (3200, 1800)
WIDTH = 1900
MOST_BYTES = 150_000
TIME_LIMIT = 1800  # seconds for the run
MARGIN = 30  # around the graph
BARS = 60  # that the page's own bars cover, at the top most of all

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
RUN = """async () => {
  const { app } = window, ends = ["execution_success", "execution_error", "execution_interrupted"];
  const ended = new Promise((done) => ends.forEach((type) =>
    app.api.addEventListener(type, (event) => done([type, event.detail?.exception_message ?? ""]))));
  window.graphPicture = { ended: null };
  ended.then((end) => { window.graphPicture.ended = end; });
  await app.queuePrompt(0, 1);
}"""
# The boxes of nodes and groups in the page's pixels, once the view shows all of them.
FRAME = """([margin, bars]) => {
  const { canvas } = window.app, area = canvas.canvas.getBoundingClientRect();
  const { nodes, groups } = canvas.graph;
  const boxes = [...nodes.map((node) => node.getBounding()), ...groups.map((group) => group._bounding)];
  const left = Math.min(...boxes.map((b) => b[0])), top = Math.min(...boxes.map((b) => b[1]));
  const right = Math.max(...boxes.map((b) => b[0] + b[2])), bottom = Math.max(...boxes.map((b) => b[1] + b[3]));
  const covered = 2 * (margin + bars);
  const scale = Math.min(1, (area.width - covered) / (right - left), (area.height - covered) / (bottom - top));
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


def values(name: str) -> dict[str, dict[str, Any]]:
    """What the demo writes into a workflow's widgets, by node id: its API twin has the same ids."""
    prompt = workflow.with_overrides(workflow.load(ROOT / "workflows" / "api" / f"{name}.json"), OVERRIDES[name]())
    return {
        node_id: {key: value for key, value in node["inputs"].items() if not isinstance(value, list)}
        for node_id, node in prompt.items()
    }


def settle(page: Page) -> None:
    """Pictures of the run's results are fetched and drawn."""
    page.wait_for_timeout(3000)


def take(page: Page, name: str, painted: bool) -> Image.Image:
    """Opens and runs one workflow, and returns the picture of its graph. painted: with a drawn mask where the workflow
    finds one.

    Raises: DevError when the run fails.
    """
    page.goto("/", wait_until="domcontentloaded")
    page.wait_for_function(READY, timeout=120_000)
    drawn = {"image": "heart_mask.png", "channel": "red"} if painted else None
    page.evaluate(OPEN, [(ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8"), values(name), drawn])
    page.evaluate(RUN)
    page.wait_for_function("() => window.graphPicture.ended", timeout=TIME_LIMIT * 1000)
    kind, message = page.evaluate("() => window.graphPicture.ended")
    if kind != "execution_success":
        raise DevError(f"{name} did not run: {kind} {message}")
    page.add_style_tag(content=BARE)
    box = page.evaluate(FRAME, [MARGIN, BARS])
    settle(page)
    whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    edges = (
        max(0, box["x"]),
        max(0, box["y"]),
        min(whole.width, box["x"] + box["width"]),
        min(whole.height, box["y"] + box["height"]),
    )
    return whole.crop(tuple(round(edge) for edge in edges))  # type: ignore[arg-type]


def photograph(client: Client, program: pathlib.Path, name: str, painted: bool) -> Image.Image:
    """`take` in a new browser."""
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
        page = running.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, base_url=client.url)
        page.add_init_script("localStorage.vueNodesBannerDismissed = 'true'")
        picture = take(page, name, painted)
        running.close()
    return picture


def save(picture: Image.Image, path: pathlib.Path) -> int:
    """Writes a JPEG of at most `MOST_BYTES` and `WIDTH`; returns its size."""
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    return jpeg.write(path, jpeg.encode(picture, MOST_BYTES, range(92, 30, -4)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "name", nargs="?", default="learn_a_concept", choices=sorted(OVERRIDES), help="a workflow in workflows/"
    )
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs" / "graph.jpg")
    parser.add_argument(
        "--painted", action="store_true", help="take the demo's drawn mask, where the demo detector is not there"
    )
    return parser.parse_args()


def draw(options: argparse.Namespace) -> None:
    """Writes the picture that is asked for.

    Raises: DevError when there is no browser, or the workflow does not run.
    """
    program = browser.find()
    if program is None:
        raise DevError(browser.REASON)
    with temporary_host() as client:
        size = save(photograph(client, program, options.name, options.painted), options.out)
    say(f"{options.out}: {size // 1000} kB")


def main() -> int:
    options = arguments()
    return exit_code(lambda: draw(options))


if __name__ == "__main__":
    sys.exit(main())
