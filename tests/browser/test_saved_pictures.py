"""A saved picture that is dropped on the page opens the graph that made it, concepts and all."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from PIL import Image

from ..helpers.frontend import Frontend
from ..helpers.graphs import node, picture, save, sources, stage1
from ..helpers.page_graphs import numbered

DROP = """async ([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const canvas = document.querySelector("#graph-canvas"), at = canvas.getBoundingClientRect();
  const where = { clientX: at.x + at.width - 60, clientY: at.y + at.height - 300 };
  canvas.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer, ...where }));
}"""


def test_a_dropped_picture_restores_its_graph(frontend: Frontend) -> None:
    name = f"dropped_{frontend.renderer}"
    applied: dict[str, Any] = {"model": ["ckpt", 0], "clip": ["ckpt", 1], "strength_model": 0.75, "strength_clip": 0.5}
    graph, ids = numbered(
        {
            **sources(),
            "one": stage1(seed=931),
            "save": save(name, concept=["one", 0]),
            "apply": node("SIS_ApplyConcept", **applied, concept=["one", 0], name=name),
            **picture("drop", ["apply", 0], ["apply", 1], f"<{name}> heart"),
        }
    )
    frontend.load_api(graph)
    run = frontend.run()
    assert run.kind == "success"
    queued, saved = frontend.prompt(), frontend.workflow()
    for seed in (932, 933):  # and the same with the concept's result reused
        frontend.page.evaluate(
            "([id, seed]) => { app.graph.nodes.find((n) => String(n.id) === id).widgets.find((w) => w.name ==="
            " 'seed').value = seed }",
            [ids["drop_ks"], seed],
        )
        run = frontend.run()
    outputs = frontend.client.get(f"/history/{run.prompt_id}")[run.prompt_id]["outputs"]
    png = frontend.client.view(outputs[ids["drop"]]["images"][0])
    texts = Image.open(io.BytesIO(png)).text  # type: ignore[attr-defined]
    told = json.loads(texts["single_image_studio"])["concepts"][ids["apply"]]
    assert (
        told["name"] == name
        and told["strength_model"] == 0.75
        and told["strength_clip"] == 0.5
        and len(told["hash"]) == 16
    )
    assert json.loads(texts["prompt"])[ids["drop_ks"]]["inputs"]["seed"] == 933

    frontend.forget()
    assert frontend.workflow()["nodes"] == []
    frontend.page.evaluate(DROP, ["picture.png", base64.b64encode(png).decode()])
    frontend.page.wait_for_function("(count) => app.graph.nodes.length === count", arg=len(graph))
    frontend.settle()
    queued[ids["drop_ks"]]["inputs"]["seed"] = 933
    assert frontend.prompt() == queued
    assert {n["id"]: n["type"] for n in frontend.workflow()["nodes"]} == {n["id"]: n["type"] for n in saved["nodes"]}
    # and it can be run again as it is
    assert frontend.run().kind == "success"
