"""Edit Grid on its node: what it shows, and where a chosen cell's values go."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from ..helpers.editing_graphs import edit, grid, inversion, sources
from ..helpers.frontend import Frontend
from ..helpers.graphs import Graph
from ..helpers.page_graphs import FAINT, numbered

# 0.125 is finer than the widget's step
CELLS = {"alphas": "0.125, 0.8, 1.5", "source_ratios": "0.2, 0.6"}


# The page has asked the host for its history before; by now it has that answer too.
HISTORY_ANSWERED = """async () => {
  for (const route of ['/queue', '/history?max_items=24']) await (await app.api.fetchApi(route)).json();
}"""


def conditioning(**changes: Any) -> dict[str, Any]:
    inputs = {"source": ["source", 0], "target": ["target", 0], "alpha": 0.3, "source_ratio": 0.3, "steps": 4}
    return {"class_type": "SIS_TimestepAwareConditioning", "inputs": inputs | changes}


def graph(**more: dict[str, Any]) -> Graph:
    return {**sources(), "inv": inversion(steps=4, method="direct"), "grid": grid(**CELLS), **more}


def opened(frontend: Frontend, made: Graph) -> dict[str, str]:
    prompt, ids = numbered(made)
    frontend.load_api(prompt)
    return ids


def values(frontend: Frontend, ids: dict[str, str], name: str) -> list[Any]:
    inputs = frontend.prompt()[ids[name]]["inputs"]
    return [inputs["alpha"], inputs["source_ratio"]]


def cell(frontend: Frontend, alpha: float, ratio: float) -> Locator:
    return frontend.page.get_by_role("button", name=f"alpha {alpha}, source ratio {ratio}", exact=True)


def test_a_grid_is_shown_read_and_used(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    ids = opened(frontend, graph(edit=edit()))
    frontend.frame(ids["grid"])  # newer frontends draw no widgets beyond the page
    expect(page.locator(".sis-say")).to_have_text("Run to see the edits here.")
    before = frontend.workflow()
    assert frontend.run().kind == "success"  # nothing but the grid itself shows anything
    frontend.frame(ids["grid"], ids["edit"])
    table = page.get_by_role("grid", name="Edits")
    expect(table.get_by_role("gridcell")).to_have_count(6)
    assert [text.strip() for text in table.get_by_role("columnheader").all_inner_texts()] == [
        "ratio",
        "α 0.125",
        "α 0.8",
        "α 1.5",
    ]
    assert table.get_by_role("rowheader").all_inner_texts() == ["0.2", "0.6"]
    say = page.locator(".sis-say")
    cell(frontend, 0.8, 0.6).hover()
    expect(say).to_have_text("alpha 0.8, source ratio 0.6")
    snap(frontend, "pointed at")
    cell(frontend, 0.125, 0.6).click()
    assert values(frontend, ids, "edit") == [0.125, 0.6]
    expect(cell(frontend, 0.125, 0.6)).to_have_attribute("aria-pressed", "true")
    assert page.locator(".sis-table [aria-pressed=true]").count() == 1
    page.mouse.move(5, 500)
    expect(say).to_have_text(f"Sent alpha 0.125, source ratio 0.6 to edit (#{ids['edit']}): press Run.")
    snap(frontend, "chosen")
    after = frontend.workflow()

    def saved(workflow: dict[str, Any]) -> dict[str, Any]:
        return {n["type"]: n.get("widgets_values") for n in workflow["nodes"] if n["type"] == "SIS_EditGrid"}

    assert saved(after) == saved(before) == {"SIS_EditGrid": [CELLS["alphas"], CELLS["source_ratios"], False, 1]}
    assert set(frontend.prompt()[ids["grid"]]["inputs"]) == {
        "model",
        "vae",
        "inversion",
        "source",
        "target",
        "alphas",
        "source_ratios",
        "mark_best",
        "edits_at_once",
    }


def test_each_cell_shows_its_own_part_of_the_sheet(frontend: Frontend) -> None:
    """The cells' backgrounds, drawn by the browser, are the pictures that the node put out, row by row."""
    ids = opened(
        frontend,
        graph(images={"class_type": "SaveImage", "inputs": {"images": ["grid", 1], "filename_prefix": "cell"}}),
    )
    run = frontend.run()
    assert run.kind == "success"
    outputs = frontend.client.get(f"/history/{run.prompt_id}")[run.prompt_id]["outputs"]
    files = next(
        output["images"] for output in outputs.values() if output.get("images", [{}])[0].get("type") == "output"
    )
    frontend.frame(ids["grid"])  # newer frontends draw no widgets beyond the page
    expect(frontend.page.locator(".sis-table button")).to_have_count(6)
    distances = frontend.page.evaluate(
        COMPARE, [f"/view?filename={f['filename']}&type=output&subfolder={f['subfolder']}" for f in files]
    )
    for index, row in enumerate(distances):
        assert row[index] < 4 and min(row) == row[index], (index, row)


COMPARE = """async (addresses) => {
  const load = async (src) => {
    const image = Object.assign(new Image(), { src });
    await image.decode();
    return image;
  };
  const table = document.querySelector(".sis-table"), style = getComputedStyle(table);
  const sheet = await load(style.getPropertyValue("--sheet").match(/url\\("(.*)"\\)/)[1]);
  const columns = Number(style.getPropertyValue("--columns")), rows = Number(style.getPropertyValue("--rows"));
  const [w, h] = [sheet.naturalWidth / columns, sheet.naturalHeight / rows];
  const pixels = (image, ...from) => {
    const context = Object.assign(document.createElement("canvas"), { width: w, height: h }).getContext("2d");
    context.drawImage(image, ...from, 0, 0, w, h);
    return context.getImageData(0, 0, w, h).data;
  };
  const pictures = await Promise.all(addresses.map(load));
  return [...table.querySelectorAll("button")].map((button) => {
    const [x, y] = button.style.backgroundPosition.split(" ").map((part) => parseFloat(part) / 100);
    const own = pixels(sheet, x * (sheet.naturalWidth - w), y * (sheet.naturalHeight - h), w, h);
    return pictures.map((picture) => {
      const other = pixels(picture, 0, 0, picture.naturalWidth, picture.naturalHeight);
      return own.reduce((sum, value, index) => sum + Math.abs(value - other[index]), 0) / own.length;
    });
  });
}"""


def test_a_grid_is_used_by_keyboard_alone(frontend: Frontend) -> None:
    ids = opened(frontend, graph(edit=edit()))
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    keys = frontend.page.keyboard
    first = cell(frontend, 0.125, 0.2)
    expect(first).to_have_attribute("tabindex", "0")
    first.focus()
    for key, focused in (
        ("ArrowRight", (0.8, 0.2)),
        ("ArrowDown", (0.8, 0.6)),
        ("ArrowDown", (0.8, 0.6)),
        ("End", (1.5, 0.6)),
        ("ArrowUp", (1.5, 0.2)),
        ("Delete", (1.5, 0.2)),
    ):
        keys.press(key)
        expect(cell(frontend, *focused)).to_be_focused()
        expect(frontend.page.locator(".sis-say")).to_have_text("alpha {}, source ratio {}".format(*focused))
    assert frontend.page.locator(".sis-table [tabindex='0']").count() == 1
    keys.press("Enter")
    assert values(frontend, ids, "edit") == [1.5, 0.2]


def test_values_go_to_the_nodes_with_the_same_wires(frontend: Frontend, snap: Callable[..., Any]) -> None:
    page = frontend.page
    ids = opened(
        frontend,
        graph(
            other_inv=inversion(steps=4, method="ddim"),
            number={"class_type": "PrimitiveFloat", "inputs": {"value": 0.7}},
            mine=edit(),
            wired=conditioning(alpha=["number", 0]),
            other=edit(inversion=["other_inv", 0]),
        ),
    )
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    cell(frontend, 0.8, 0.6).click()
    assert values(frontend, ids, "mine") == [0.8, 0.6]
    assert values(frontend, ids, "wired") == [[ids["number"], 0], 0.6]
    assert values(frontend, ids, "other") == [0.5, 0.2]
    expect(page.locator(".sis-say")).to_contain_text(f"alpha of wired (#{ids['wired']})")
    target = page.get_by_label("Node that a click sends the values to")
    expect(target.get_by_role("option")).to_have_count(4)
    target.select_option(label=f"Send to other (#{ids['other']})")
    cell(frontend, 1.5, 0.2).click()
    assert values(frontend, ids, "other") == [1.5, 0.2] and values(frontend, ids, "mine") == [0.8, 0.6]
    snap(frontend)


def test_without_a_receiver_it_says_what_to_add(frontend: Frontend) -> None:
    ids = opened(frontend, graph())
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    cell(frontend, 0.8, 0.6).click()
    expect(frontend.page.locator(".sis-say")).to_contain_text("Add a Timestep-Aware KSampler")


def test_a_batch_has_a_picture_to_choose(frontend: Frontend, snap: Callable[..., Any]) -> None:
    made = graph(edit=edit())
    made["wide"] = {
        "class_type": "ImageScale",
        "inputs": {"image": ["image", 0], "upscale_method": "lanczos", "width": 168, "height": 104, "crop": "disabled"},
    }
    made["two"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["wide", 0], "amount": 2}}
    made["latent"]["inputs"]["pixels"] = ["two", 0]
    ids = opened(frontend, made)
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    picture = frontend.page.get_by_label("Picture of the batch")
    expect(picture.get_by_role("option")).to_have_count(2)
    sheet = "() => getComputedStyle(document.querySelector('.sis-table')).getPropertyValue('--sheet')"
    first = frontend.page.evaluate(sheet)
    picture.select_option("1")
    assert frontend.page.evaluate(sheet) != first
    snap(frontend)


def test_a_grid_is_there_again_after_a_reload_and_when_its_result_is_reused(
    frontend: Frontend, snap: Callable[..., Any]
) -> None:
    ids = opened(frontend, graph(edit=edit()))
    workflow = frontend.workflow() | {"id": str(uuid.uuid4())}  # as every workflow that the page has saved
    cells = frontend.page.get_by_role("gridcell")
    frontend.load(workflow, new_tab=True)
    assert frontend.run().kind == "success"
    expect(cells).to_have_count(6)
    frontend.reload()
    expect(cells).to_have_count(6)
    frontend.frame(ids["grid"])
    snap(frontend, "reloaded")
    frontend.load(workflow | {"id": str(uuid.uuid4())})  # the same nodes in another workflow, which has not been run
    frontend.page.evaluate(HISTORY_ANSWERED)
    frontend.settle()
    expect(frontend.page.locator(".sis-say")).to_have_text("Run to see the edits here.")
    expect(cells).to_have_count(0)
    snap(frontend, "not run yet")
    assert frontend.run().kind == "success"
    expect(cells).to_have_count(6)


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_a_grid_can_be_read_on_light_and_dark_pages(
    open_frontend: Callable[..., Frontend], palette: str, snap: Callable[..., Any]
) -> None:
    frontend = open_frontend("vue", palette=palette)
    ids = opened(frontend, graph(edit=edit(), more=edit()))
    assert frontend.run().kind == "success"
    frontend.frame(ids["grid"])
    cell(frontend, 0.8, 0.6).click()
    snap(frontend)
    assert frontend.page.evaluate(FAINT, ".sis-grid") == []
