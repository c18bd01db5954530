"""The reproduction: its rule, its numbers and its pages, without a model. (The measuring takes hours.)"""

from __future__ import annotations

import json
import math
import pathlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lab.measuring import results
from lab.measuring.concepts import APART, concept_scene, free_background
from lab.measuring.intervals import student
from lab.measuring.reproduction import claims, judging, pages, plots, rows, tables, values, work
from lab.measuring.reproduction.asked import prompts
from lab.measuring.reproduction.claims import EDITING, HOLDS, NOT, SINGLEINSERT, UNKNOWN, WEAKLY, Claim, Comparison
from lab.measuring.reproduction.edit_part import BATCH, FULL, VARIANTS
from lab.measuring.reproduction.lessons import WAYS
from lab.measuring.reproduction.rows import PRIOR, ROWS
from lab.world import oracle, painting, world

MODEL = {"sha256": "0" * 16}
SETTINGS = {"concept": {"seeds": 1, **MODEL}, "picture": MODEL}


def test_every_row_is_taught_and_compared_in_a_known_way() -> None:
    for key, row in ROWS.items():
        assert row.way in WAYS or key == PRIOR
        assert row.tables and set(row.tables) <= tables.TABLES.keys() == set(rows.ALL_TABLES)
        assert all(tables.TABLES[name].other(key) in {"", *ROWS} for name in row.tables)


# the rule


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.9, 1.0, 1.1], HOLDS),
        ([0.2, 0.2, 0.2], HOLDS),
        ([1.0, -0.5, 0.6], WEAKLY),
        ([0.0, 0.0, 0.0], NOT),
        ([0.2, -0.19, 0.0], NOT),  # 0.00 as shown
        ([-0.1, 0.1, -0.3], NOT),
        ([-0.9, -1.0, -1.1], NOT),
        ([1.0, 1.0], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_the_rule_by_hand(gains: list[float], verdict: str) -> None:
    assert claims.verdict(gains) == verdict


def test_the_interval_is_students() -> None:
    mean, half = student([0.0, 0.5, 1.0, 0.5])
    assert mean == 0.5 and half == pytest.approx(3.1824 * 0.408248 / 2, rel=1e-4)
    assert math.isnan(student([1.0])[1])


def made(**by_row: list[float]) -> values.Values:
    return {row: {"esr": dict(enumerate(numbers))} for row, numbers in by_row.items()}


def test_comparisons_are_paired_and_turned_to_the_claimed_side() -> None:
    found = made(one=[0.5, 0.9, 0.1], two=[0.4, 0.8, 0.0])
    assert Comparison("esr", "one", "two").gains(found) == pytest.approx([0.1, 0.1, 0.1])
    assert Comparison("esr", "two", "one", lower=True).gains(found) == pytest.approx([0.1, 0.1, 0.1])
    assert Comparison("esr", "two", "one", margin=0.3).gains(found) == pytest.approx([0.2, 0.2, 0.2])
    del found["two"]["esr"][1]  # not measured there yet
    assert Comparison("esr", "one", "two").gains(found) == pytest.approx([0.1, 0.1])


def test_a_claim_is_as_good_as_its_worst_comparison() -> None:
    found = made(best=[0.9, 0.9, 0.9], middle=[0.5, 0.6, 0.7], wild=[0.0, 1.0, 0.2])
    holds, weakly = Comparison("esr", "best", "middle"), Comparison("esr", "middle", "wild")
    against, unknown = Comparison("esr", "middle", "best"), Comparison("esr", "best", "nobody")
    assert Claim("", "", (holds,)).verdict(found) == HOLDS
    assert Claim("", "", (holds, weakly)).verdict(found) == WEAKLY
    assert Claim("", "", (weakly, against, holds)).verdict(found) == NOT
    assert Claim("", "", (holds, unknown)).verdict(found) == UNKNOWN


# the numbers


def verdict(edit: float, kept: float) -> dict[str, float]:
    return {"edit": edit, "kept": kept, "colors": kept, "pattern": kept, "background": kept, "both": edit * kept}


def picture_line(first: int, wild: np.random.Generator) -> dict[str, Any]:
    verdicts = {
        name: [[verdict(*wild.random(2)) for _ in range(BATCH)] for _ in variant.cells]
        for name, variant in VARIANTS.items()
    }
    return {"picture": first, "verdicts": verdicts, "cpu_seconds": 60.0, "settings": MODEL}


def concept_line(key: str, index: int, wild: np.random.Generator) -> dict[str, Any]:
    scores = dict(zip(judging.SCORES, wild.random(len(judging.SCORES)).tolist()))
    heat = {"star": 2.0, "class word": 1.5} if ROWS[key].heat else None
    return {
        "concept": index,
        "row": key,
        "scores": scores,
        "heat": heat,
        "cpu_seconds": 60.0,
        "settings": SETTINGS["concept"],
    }


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    wild = np.random.default_rng(0)
    tasks = work.tasks(10, 8)
    return [concept_line(task.row, task.index, wild) if task.row else picture_line(task.index, wild) for task in tasks]


def test_a_picture_s_best_cell_by_hand() -> None:
    cells = VARIANTS[FULL].cells
    line = picture_line(4, np.random.default_rng(0))
    line["verdicts"][FULL] = [[verdict(i / 10, 1 - i / 10)] * BATCH for i in range(len(cells))]
    found = values.of_pictures([line])
    assert sorted(found[FULL]["best"]) == [4, 5, 6, 7]
    assert found[FULL]["best"][4] == pytest.approx(0.5 * 0.5)
    assert found[FULL]["edit"][4] == pytest.approx(0.25) and found[FULL]["kept"][4] == pytest.approx(0.75)
    at = [i for i, (_, ratio) in enumerate(cells) if ratio == 0.4]
    assert found["ratio 0.4"]["edit"][7] == pytest.approx(np.mean(at) / 10)


def test_parts_of_the_cells_have_the_same_alphas() -> None:
    for name in (FULL, "without injection"):
        for row, part in values._parts(name).items():
            if row.startswith("ratio"):
                assert [VARIANTS[name].cells[i][0] for i in part] == [0.3, 0.6, 1.0]


def test_every_variant_has_as_many_cells() -> None:
    assert len({len(variant.cells) for variant in VARIANTS.values()}) == 1


def test_every_claim_is_of_something_that_is_measured(lines: list[dict[str, Any]]) -> None:
    for found, some in ((values.of_concepts(lines), SINGLEINSERT), (values.of_pictures(lines), EDITING)):
        for claim in some:
            for comparison in claim.comparisons:
                for row in (comparison.better, comparison.worse):
                    assert comparison.score in found[row], (claim.text, row)
                    assert len(found[row][comparison.score]) >= claims.FEWEST


# the pages


def test_the_pages_hold_every_claim_table_and_row(
    lines: list[dict[str, Any]], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("likeness_and_editing", "sweeps", "trade_off"):
        monkeypatch.setattr(plots, name, lambda *_: None)
    pages.write(lines, tmp_path, tmp_path / "out")
    front, concepts, edits = ((tmp_path / "out" / f"{n}.md").read_text() for n in ("README", "singleinsert", "editing"))
    assert all(claim.text in front for claim in (*SINGLEINSERT, *EDITING))
    assert all(f"## {table.title}" in concepts for table in tables.TABLES.values())
    assert all(f"| {row.label} |" in concepts for row in ROWS.values()) and all(f"| {n} |" in edits for n in VARIANTS)
    assert "10 concepts" in front and "8 edited" in front and "likeness.png" in concepts
    held = claims.SINGLEINSERT[0].verdict(values.of_concepts(lines))
    assert f"| {claims.SINGLEINSERT[0].source} | **{held}** |" in front
    assert not [line for line in (front + concepts + edits).splitlines() if line.startswith("|") and "nan" in line]


def test_a_cell_by_hand() -> None:
    found = made(one=[0.5, 0.6], two=[0.1, 0.3])
    assert tables.cell(found, "one", "esr", "two") == "0.55 ± 0.64<br>(+0.35 ± 0.64)"
    assert tables.cell(found, "one", "esr") == "0.55 ± 0.64" and tables.cell(found, "nobody", "esr") == ""
    assert tables.cell(made(one=[0.5]), "one", "esr") == "0.50"


def test_the_plots_are_pictures(lines: list[dict[str, Any]], tmp_path: pathlib.Path) -> None:
    pytest.importorskip("matplotlib")
    plots.likeness_and_editing(values.of_concepts(lines), tmp_path / "likeness.png")
    plots.sweeps(values.of_concepts(lines), tmp_path / "sweeps.png")
    plots.trade_off(pages.cells_of(lines), tmp_path / "trade_off.png")
    assert all(5_000 < file.stat().st_size < 200_000 for file in tmp_path.iterdir())


def test_without_results_it_says_what_to_do(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SystemExit, match="without --report"):
        pages.write([], tmp_path, tmp_path)


# concepts, and what is found in their pictures


def test_backgrounds_are_told_from_the_concept() -> None:
    for index in range(20):
        scene = concept_scene(7, index)
        assert scene.objects[0].cls == world.CLASSES[index % 6]
        name = free_background([scene], "green")
        used = np.array([scene.background, scene.objects[0].color, scene.objects[0].second])
        assert name == "green" or world.distance(used, np.array(world.COLORS["green"])).min() <= APART
        picture, _ = painting.render(replace(scene, background=world.COLORS[name]))
        assert oracle.background_is(picture, name) and not oracle.background_near(picture, scene.background)


def test_scores_of_the_concept_as_asked_and_of_its_own_picture() -> None:
    scene = concept_scene(7, 2)
    asked = [one for one in prompts(scene) if set(one.goals) <= {"background"}]
    assert len(prompts(scene)) == 10 and len(asked) == 2
    background = world.COLORS[asked[1].goals["background"]]
    right = painting.render(replace(scene, background=background))[0]
    source = painting.render(scene)[0]
    best = judging.scores(np.stack([right, right]), asked, scene)
    assert best == pytest.approx({**dict.fromkeys(judging.SCORES, 1.0), "source": 0.0, "likeness": best["likeness"]})
    assert best["likeness"] > 0.8
    copied = judging.scores(np.stack([source, source]), asked, scene)
    assert copied["source"] == 1 and copied["esr"] == copied["both"] == 0 and copied["found"] == 1


def test_the_results_are_lines_of_json(tmp_path: pathlib.Path) -> None:
    results.append(tmp_path / "r.jsonl", {"a": 1})
    results.append(tmp_path / "r.jsonl", {"a": 2})
    assert [json.loads(line)["a"] for line in (tmp_path / "r.jsonl").read_text().splitlines()] == [1, 2]
