"""What an artist does wrong is one sentence in the page's dialog."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from ..helpers import editing_graphs
from ..helpers.frontend import RENDERERS, Frontend
from ..helpers.graphs import Graph, node, save, sources, stage1
from ..helpers.page_graphs import numbered


def learning(**changes: Any) -> Graph:
    return {
        **sources(),
        "black": node("SolidMask", value=0.0, width=128, height=128),
        "one": stage1(**({"seed": 941} | changes)),
        "save": save("wrong", concept=["one", 0]),
    }


def loading(name: str) -> Graph:
    return {
        **sources(),
        "load": node(
            "SIS_LoadConcept",
            model=["ckpt", 0],
            clip=["ckpt", 1],
            concept_name=name,
            strength_model=1.0,
            strength_clip=1.0,
        ),
        "show": node("PreviewAny", source=["load", 2]),
    }


def editing(**changes: Any) -> Graph:
    return {
        **editing_graphs.sources(),
        "inv": editing_graphs.inversion(steps=2, method="ddim"),
        "grid": editing_graphs.grid(**changes),
    }


def finding(**changes: Any) -> Graph:
    inputs = {
        "image": ["image", 0],
        "prompt": "heart",
        "detector": "sis_demo_dino",
        "segmenter": "sis_demo_sam",
        "box_threshold": 0.3,
        "text_threshold": 0.25,
        "select": "best",
        "on_missing": "error",
        "grow": 0,
        "feather": 0,
        "keep_loaded": False,
    }
    graph = sources()
    return {
        "image": graph["image"],
        "find": node("SIS_MaskFromPrompt", **inputs | changes),
        "out": node("PreviewImage", images=["find", 1]),
    }


# Presses Run and opens another workflow before the host has begun to run this one.
ELSEWHERE = """async () => {
  const { app } = window, empty = { last_node_id: 0, last_link_id: 0, nodes: [], links: [], groups: [], config: {},
    extra: {}, version: 0.4, id: crypto.randomUUID() };
  await app.queuePrompt(0, 1);
  await app.loadGraphData(empty, true, true, null);
  return sisTest.queued.at(-1);
}"""
MISTAKES = {
    "an empty mask": (
        learning(mask=["black", 0]),
        "`mask` marks nothing: paint or detect the subject, so that it is white in the mask.",
    ),
    "no class word": (learning(class_word=" "), "`class_word` is empty: name the subject's kind in a word or two"),
    "a name with a slash": (
        learning() | {"save": save("a/b", concept=["one", 0])},
        "`name` is 'a/b', which has a / and so points into another folder: use letters, digits, _ and -, as in"
        " my_concept.",
    ),
    "a missing concept": (loading("nobody"), "there is no concept 'nobody' in "),
    "a missing detector": (
        finding(detector="groundingdino_swint_ogc.pth"),
        "`detector`: groundingdino_swint_ogc.pth (694 MB) is not in ",
    ),
    "a grid without numbers": (
        editing(alphas="a, b"),
        "`alphas` is 'a, b'; expected numbers with commas between them, as in 0.1, 0.2: change `alphas`.",
    ),
}


def notices(frontend: Frontend) -> Locator:
    return frontend.page.locator(".sis-notices [role=alert]")


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence(frontend: Frontend, case: str, snap: Callable[..., Any]) -> None:
    """In the host's dialog, or where newer frontends have a report instead, in our own message beside the host's."""
    graph, sentence = MISTAKES[case]
    frontend.load_api(numbered(graph)[0])
    end = frontend.run()
    assert end.kind == "error"
    plain = sentence.replace("`", "")
    dialog = frontend.page.locator("[role=dialog]").filter(has_text=plain)
    shown = dialog.or_(notices(frontend).filter(has_text=plain)).last
    expect(shown).to_be_visible()
    snap(frontend)
    text = shown.inner_text()
    heading, said = [line for line in text.splitlines() if line.strip()][:2]
    names = {node["class_type"] for node in graph.values()} | set(graph)  # a node's title here is its key
    assert heading in names, text
    assert "`" not in text and plain in said, text
    assert dialog.count() or shown.locator("code").count()  # ours shows code as code
    assert said.endswith("."), text
    assert "Traceback" not in text and "File " not in text and "InputError" not in text, text
    # in the report that the dialog offers: without the path of our folder
    assert end.details["exception_type"] == "InputError"


def test_missing_files_have_a_line_each_with_a_link(frontend: Frontend, snap: Callable[..., Any]) -> None:
    missing = {"detector": "groundingdino_swint_ogc.pth", "segmenter": "sam_vit_b_01ec64.pth"}
    frontend.load_api(numbered(finding(**missing))[0])
    assert frontend.run().kind == "error"
    links = frontend.page.locator("[role=dialog], .sis-notices [role=alert]").get_by_role("link")
    expect(links).to_have_count(2)
    snap(frontend)
    lines = links.first.evaluate("(link) => link.parentElement.innerText").splitlines()
    for file, link in zip(missing.values(), links.all(), strict=True):
        (line,) = (line for line in lines if line.startswith(f"{file} ("))
        assert line.endswith(str(link.get_attribute("href"))) and " MB) → " in line
        assert link.get_attribute("target") == "_blank"


def test_an_error_in_another_workflow_says_so(frontend: Frontend, snap: Callable[..., Any]) -> None:
    graph, ids = numbered(finding(detector="groundingdino_swint_ogc.pth"))
    frontend.load_api(graph)
    frontend.load(frontend.workflow(), new_tab=True)
    run = frontend.page.evaluate(ELSEWHERE)
    assert frontend.wait(run).kind == "error"
    telling = frontend.page.locator("[role=dialog], .sis-notices [role=alert]").filter(has_text="694 MB")
    expect(telling.last).to_contain_text(re.compile(r"find \(in (the workflow “.+”|another workflow)\)"))
    snap(frontend)
    assert "SIS_MaskFromPrompt" not in telling.last.inner_text()


@pytest.mark.parametrize(("locale", "words"), [("zh", "（694 MB）：请从"), ("ja", "（694 MB）がありません。")])
@pytest.mark.parametrize("renderer", RENDERERS)
def test_an_error_is_told_in_the_artists_language_until_the_next_run(
    open_frontend: Callable[..., Frontend], renderer: str, locale: str, words: str, snap: Callable[..., Any]
) -> None:
    frontend = open_frontend(renderer, locale=locale)
    frontend.load_api(numbered(finding(detector="groundingdino_swint_ogc.pth"))[0])
    assert frontend.run().kind == "error"
    notice = notices(frontend)
    expect(notice).to_contain_text(words)
    snap(frontend)
    link = notice.get_by_role("link")
    assert (link.get_attribute("href") or "").startswith("https://") and link.get_attribute("target") == "_blank"
    assert notice.locator("code").all_inner_texts()[-1].startswith("python -m masking.download ")
    assert "`" not in notice.inner_text()
    # the next run takes it away, and brings its own
    notice.evaluate("(notice) => notice.setAttribute('data-first', '')")
    assert frontend.run().kind == "error"
    expect(frontend.page.locator(".sis-notices [role=alert]:not([data-first])")).to_have_count(1)
    expect(notice).to_have_count(1)
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0)
