"""What a run says goes to its own workflow, whichever is open, and is there again when that one comes back."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from playwright.sync_api import expect

from ..helpers.frontend import Frontend
from ..helpers.live_views import shown, wait_until
from ..helpers.watched_graphs import learning

# an event as the host sends it to whatever graph is open, of a run that nobody knows
STRAY = """() => app.api.dispatchEvent(new CustomEvent("executed", {
  detail: { node: "6", display_node: "6", prompt_id: "nobody's", output: { phrase: ["<stray> heart"] } },
}))"""


def show_tab(frontend: Frontend, number: int) -> None:
    """Goes to a tab, as a click on it does. number: -1 is the newest."""
    frontend.page.evaluate(
        """async (number) => {
          const { workflow } = app.extensionManager, one = workflow.openWorkflows.at(number);
          await one.load();
          await app.loadGraphData(one.activeState, true, true, one);
        }""",
        number,
    )
    frontend.settle()


def test_results_stay_with_their_workflow(frontend: Frontend, snap: Callable[..., pathlib.Path]) -> None:
    saved = frontend.page.locator(".sis-saved code")
    frontend.load_api(learning(steps=40))
    workflow = frontend.workflow()
    del workflow["id"]  # as a template's file: each graph that is opened from it gets one of its own
    frontend.load(workflow, new_tab=True)
    ended = frontend.page.evaluate("() => sisTest.ends.length")  # of earlier tests' runs
    run = frontend.queue()
    wait_until(frontend, "4", "view.last > 1")
    frontend.load(workflow, new_tab=True)  # the same nodes, never run
    assert frontend.page.evaluate("() => sisTest.ends.length") == ended
    frontend.frame("4", "5", "6")
    assert frontend.wait(run).kind == "success"
    with frontend.page.expect_response("**/single_image_studio/run?*"):  # nobody knows that run
        frontend.page.evaluate(STRAY)
    frontend.settle()
    for stage in ("4", "5"):
        assert shown(frontend, stage)["idle"] == "Curves appear here while it runs."
    expect(saved).to_have_count(0)
    snap(frontend, "the other workflow")
    show_tab(frontend, -2)
    assert wait_until(frontend, "5", "view.status === 'Done'")["last"] == 12
    assert wait_until(frontend, "4", "view.status === 'Done'")["last"] == 40
    expect(saved).to_have_count(1)
    expect(saved).to_contain_text("<watched")
    frontend.frame("4", "5", "6")
    snap(frontend, "its own workflow")
    frontend.reload()
    wait_until(frontend, "5", "view.status === 'Done'")
    expect(saved).to_have_count(1)
