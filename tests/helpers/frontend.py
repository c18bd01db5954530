"""A page of the host's real frontend, and what the tests do in it."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.hosting.client import Client

from .frontend_scripts import BOXES, COLUMNS, FRAME, FRAMES, RECORDER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

ARTIFACTS = pathlib.Path(__file__).resolve().parents[2] / "test_artifacts"
RENDERERS = ("classic", "vue")
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
SIZE = {"width": 1600, "height": 1000}
READY_SECONDS = 120  # an idle machine needs about 5; none of these limits is a measure of anything
END_TYPES = ("execution_success", "execution_error", "execution_interrupted")

# What the host's own page says without any pack (frontend 1.32.9), and nothing else.
NOISE = (
    re.compile(r"404 \(Not Found\) (/user\.css|/favicon\.ico|/api/userdata/(user\.css|comfy\.templates\.json))$"),
    re.compile(r"404 \(Not Found\) /api/userdata\?dir=(workflows|subgraphs)\S*$"),
    # its registry and news, which the browser is kept from
    re.compile(r"net::ERR_NAME_NOT_RESOLVED /(releases|nodes|comfy-nodes)\b"),
    # newer frontends ask a missing model's address for its size
    re.compile(r"net::ERR_NAME_NOT_RESOLVED /\S+\.(safetensors|pth)$"),
    # its map, of any graph with a subgraph
    re.compile(r"Attempted to cleanup event listeners for graph that was never set up"),
    # newer frontends on a host without this route
    re.compile(r"404 \(Not Found\) /api/jobs\?|Failed to fetch (jobs|queue): .*\b404\b"),
    re.compile(r"Cannot read properties of undefined \(reading 'id'\)\n\s+at onChange .*/assets/index-"),
)
REFUSED = re.compile(r"400 \(Bad Request\) /api/prompt$|^PromptExecutionError: Prompt execution failed")


class Refused(Exception):
    """The host's validation refused the graph; the message is its answer."""


@dataclass(frozen=True)
class Box:
    """Where a node is on the page, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True)
class End:
    """How a run ended: `success`, `error` or `interrupted`, and the host's own message about it."""

    kind: str
    prompt_id: str
    details: dict[str, Any]


def launch(playwright: Any, program: pathlib.Path) -> Browser:
    """A headless browser that finds no address but this machine's."""
    return playwright.chromium.launch(
        executable_path=str(program),
        args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ONLY_HERE],  # type: ignore[no-any-return]
    )


def end_browsers(reason: str) -> None:
    """Kills what `launch` has started; what waits for it then raises."""
    import psutil

    print(f"\nending the browser: {reason} took too long", file=sys.stderr, flush=True)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if ONLY_HERE in process.cmdline():
                process.kill()


class Frontend:
    """One open page.

    renderer: "classic" draws nodes on a canvas, "vue" is the frontend's "Nodes 2.0".
    page: Playwright's own page, for everything that is not here.
    """

    def __init__(
        self, browser: Browser, client: Client, renderer: str, locale: str = "en", palette: str = "dark", **context: Any
    ) -> None:
        self.client, self.renderer, self.locale, self.palette = client, renderer, locale, palette
        self.messages: list[str] = []
        self.context: BrowserContext = browser.new_context(**({"viewport": SIZE, "base_url": client.url} | context))
        self.context.add_init_script("localStorage.vueNodesBannerDismissed = 'true'")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(READY_SECONDS * 1000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.messages.append(f"uncaught: {error}"))
        self.reload()

    def close(self) -> None:
        self.context.close()

    @functools.cached_property
    def node_info(self) -> dict[str, Any]:
        """The host's description of all its nodes, asked once: it is megabytes."""
        return self.client.object_info()

    # the page

    def reload(self) -> None:
        """Opens the page, anew if it is open already, and waits until it can be used."""
        # settings are the server's, and another page may have changed them
        self.client.request(
            "/api/settings",
            {
                "Comfy.TutorialCompleted": True,
                "Comfy.Locale": self.locale,
                "Comfy.ColorPalette": self.palette,
                "Comfy.VueNodes.Enabled": self.renderer == "vue",
                "Comfy.VueNodes.AutoScaleLayout": False,
                "Comfy.Workflow.Persist": True,
            },
        )
        self.page.goto("/", wait_until="domcontentloaded")
        self.page.wait_for_function(
            "() => window.app?.extensionManager && !window.app.extensionManager.spinner && window.app.canvas?.graph",
            timeout=READY_SECONDS * 1000,
        )
        self.page.evaluate(RECORDER, list(END_TYPES))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = re.sub(r"^https?://[^/]+", "", message.location.get("url", ""))
            self.messages.append(f"{message.text} {where}")

    @property
    def errors(self) -> list[str]:
        """What the page has complained about since it was opened or `forget`, without the host's own noise."""
        return [message for message in self.messages if not any(noise.search(message) for noise in NOISE)]

    def screenshot(self, path: pathlib.Path) -> pathlib.Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))
        return path

    # the graph

    def load(self, workflow: dict[str, Any], new_tab: bool = False) -> None:
        """Opens a workflow in the form that the frontend saves, in the tab that is open or in a new one.

        The page remembers what it opens in a new tab, and only that: `reload` brings it back.
        """
        self.page.evaluate(
            """async ([text, newTab]) => {
              const { app } = window, { activeWorkflow } = app.extensionManager.workflow;
              await app.loadGraphData(JSON.parse(text), true, true, newTab ? null : activeWorkflow);
            }""",
            [json.dumps(workflow), new_tab],
        )
        self.settle()

    def load_api(self, prompt: dict[str, Any], name: str = "test") -> None:
        """Opens an API workflow, its nodes in columns that do not overlap."""
        self.page.evaluate(
            "async ([text, name]) => { await window.app.loadApiJson(JSON.parse(text), name) }",
            [json.dumps(prompt), name],
        )
        self.settle()
        self.load(json.loads(self.page.evaluate(COLUMNS)))

    def settle(self) -> None:
        """Waits until a few frames are drawn: the Vue renderer mounts nodes a frame or two late."""
        self.page.evaluate(FRAMES)

    def workflow(self) -> dict[str, Any]:
        """The graph as Save would write it."""
        return dict(
            json.loads(
                self.page.evaluate(
                    "() => JSON.stringify(window.app.rootGraph?.serialize() ?? window.app.graph.serialize())"
                )
            )
        )

    def prompt(self) -> dict[str, Any]:
        """The graph as it would be queued: the API form."""
        return dict(
            json.loads(self.page.evaluate("async () => JSON.stringify((await window.app.graphToPrompt()).output)"))
        )

    def node_ids(self, class_type: str) -> list[str]:
        """The ids of the open graph's nodes of one class."""
        return list(
            self.page.evaluate(
                "(type) => window.app.canvas.graph.nodes.filter((n) => n.type === type).map((n) => String(n.id))",
                class_type,
            )
        )

    def boxes(self) -> dict[str, Box]:
        """Where each node of the open graph is on the page, its title included."""
        return {name: Box(*numbers) for name, *numbers in self.page.evaluate(BOXES)}

    def frame(self, *ids: str, margin: int = 90) -> None:
        """Moves and scales the view so that these nodes, or all, fill it."""
        self.page.evaluate(FRAME, [list(ids) or None, margin])
        self.settle()

    def enter(self, subgraph_node: str | None = None) -> None:
        """Opens the subgraph of a node of the outermost graph; without one goes back to that graph."""
        self.page.evaluate(
            """(id) => {
              const { canvas, rootGraph } = window.app;
              const graph = id === null ? rootGraph : rootGraph.nodes.find((node) => String(node.id) === id).subgraph;
              if (canvas.graph !== graph) canvas.setGraph(graph);
            }""",
            subgraph_node,
        )
        self.settle()

    # running

    def queue(self) -> str:
        """Presses Run. Returns the prompt's id. A refusal opens the host's dialog, as it does for a person.

        Raises: Refused when the host's validation refuses the graph.
        """
        before = self.page.evaluate("() => { sisTest.refused = []; return sisTest.queued.length }")
        self.page.evaluate("async () => { await window.app.queuePrompt(0, 1) }")
        self.page.wait_for_function("(before) => sisTest.queued.length > before || sisTest.refused.length", arg=before)
        if refused := self.page.evaluate("() => sisTest.refused"):
            # told by the exception
            self.messages[:] = [message for message in self.messages if not REFUSED.search(message)]
            raise Refused(json.dumps(refused))
        return str(self.page.evaluate("() => sisTest.queued.at(-1)"))

    def wait(self, prompt_id: str, timeout: float = 300) -> End:
        """Waits until a queued prompt has ended, well or not."""
        self.page.wait_for_function(
            "(id) => sisTest.ends.some((end) => end.prompt_id === id)", arg=prompt_id, timeout=timeout * 1000
        )
        self.settle()
        end = self.page.evaluate("(id) => sisTest.ends.find((end) => end.prompt_id === id)", prompt_id)
        return End(end["type"].removeprefix("execution_"), prompt_id, end)

    def run(self, timeout: float = 300) -> End:
        """`queue`, then `wait`."""
        return self.wait(self.queue(), timeout)

    def interrupt(self) -> None:
        """Presses Cancel."""
        self.page.evaluate("async () => { await window.app.api.interrupt() }")

    def forget(self) -> None:
        """Closes dialogs, empties the graph and forgets what was said: the page is ready for another test."""
        self.page.keyboard.press("Escape")
        # what a failed test left open
        self.page.evaluate("() => document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close())")
        self.page.evaluate("() => window.app.extensionManager.toast?.removeAll?.()")
        self.enter()
        empty = {
            "last_node_id": 0,
            "last_link_id": 0,
            "nodes": [],
            "links": [],
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }
        self.load(empty)
        self.messages.clear()
