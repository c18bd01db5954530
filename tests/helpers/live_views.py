"""What the page tests read of a live view."""

from __future__ import annotations

from typing import Any

from .frontend import Frontend

# What a node's live view shows, as a person or a screen reader meets it. Node ids as the executor has them.
SHOWN = """(path) => {
  const view = sisTest.nodeAt(path).widgets.find((widget) => widget.name === "live_view").element;
  const chart = view.querySelector("[role=slider]");
  const text = (selector) => view.querySelector(selector).textContent;
  const all = (selector, read) => [...view.querySelectorAll(selector)].map(read);
  const idle = view.querySelector(".sis-live-idle").hidden ? "" : text(".sis-live-idle");
  return {
    status: text(".sis-live-status span"), time: text(".sis-live-time"), idle,
    label: chart.ariaLabel, told: chart.getAttribute("aria-valuetext"), now: Number(chart.ariaValueNow),
    first: Number(chart.ariaValueMin), last: Number(chart.ariaValueMax),
    legend: all(".sis-live-legend > span", (entry) => entry.textContent),
    curves: Object.fromEntries(all("path[data-term]", (path) => [path.dataset.term, path.getAttribute("d")])),
    previews: all(".sis-live-previews img", (image) => image.alt), spoken: text("[role=status]"),
    height: view.getBoundingClientRect().height, connected: view.isConnected,
  };
}"""


def shown(frontend: Frontend, path: str) -> dict[str, Any]:
    return dict(frontend.page.evaluate(SHOWN, path))


def wait_until(frontend: Frontend, path: str, condition: str, seconds: float = 240) -> dict[str, Any]:
    """Waits for a JavaScript condition on `view`, what SHOWN gives."""
    frontend.page.wait_for_function(
        f"(path) => {{ const view = ({SHOWN})(path); return {condition}; }}", arg=path, timeout=seconds * 1000
    )
    return shown(frontend, path)


def told(frontend: Frontend, began: int, **more: Any) -> dict[str, Any]:
    """Sends a message as the server does, about Stage I, and returns what is shown then."""
    numbers = {"total": 2, "elapsed": 1.0, "remaining": None}
    workflow = frontend.page.evaluate("() => app.rootGraph.id")
    facts = {"node": "4", "workflow": workflow, "prompt_id": f"run {began}", "kind": "stage1", "began": began}
    message = {**facts, **numbers, "state": "done", "moment": None, "done": 2, "x": [1, 2], "previews": [], **more}
    frontend.page.evaluate(
        "(detail) => { app.api.dispatchEvent(new CustomEvent('single_image_studio.live', { detail })) }", message
    )
    frontend.settle()
    return shown(frontend, "4")


def reused(frontend: Frontend, prompt_id: str) -> set[str]:
    """The nodes whose results a run took from the host's cache."""
    messages = frontend.client.get(f"/history/{prompt_id}")[prompt_id]["status"]["messages"]
    return {node for name, facts in messages if name == "execution_cached" for node in facts["nodes"]}
