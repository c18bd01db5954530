"""The scoring sheet, opened as people open it: a file in a browser, without any host."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from single_image_studio.evaluation.scoring_sheet import Judged, scoring_sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROMPTS = (
    ("a heart in </script> snow", ("snow",)),
    ("a heart in </script> snow", ("snow",)),
    ("=a blue heart, smiling", ("blue", 'a "smile"')),
)


OWN = ("file:", "data:", "blob:")


def picture(colour: str) -> str:
    from single_image_studio.page.data_url import data_url

    return data_url(Image.new("RGB", (96, 96), colour), "PNG")


@pytest.fixture
def sheet(tmp_path: pathlib.Path) -> pathlib.Path:
    pictures = [
        Judged(prompt, goals, picture(colour)) for (prompt, goals), colour in zip(PROMPTS, ("red", "green", "blue"))
    ]
    path = tmp_path / "sheet.html"
    path.write_text(scoring_sheet("my_sheet", pictures, picture("white")), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Browser, sheet: pathlib.Path) -> Iterator[Page]:
    """Whatever goes wrong on it, or is asked for from elsewhere, fails the test."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1100, "height": 800}, accept_downloads=True)
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.extend([] if request.url.startswith(OWN) else [request.url]))
    page.goto(sheet.as_uri())
    yield page
    context.close()
    assert not wrong


def text(page: Page, id: str) -> str:
    return page.locator(f"#{id}").inner_text()


def test_pictures_are_judged_by_keys_and_counted(page: Page, artifacts: pathlib.Path) -> None:
    assert text(page, "where") == "Picture 1 of 3" and text(page, "total") == "nothing judged yet"
    page.keyboard.press("1")  # snow
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # without snow
    assert text(page, "where") == "Picture 3 of 3" and text(page, "prompt") == "=a blue heart, smiling"
    assert text(page, "total") == "ESR 0.500 · 2 of 3 judged"
    page.keyboard.press("2")
    assert text(page, "total") == "ESR 0.500 · 3 of 3 judged"
    page.keyboard.press("9")  # no such goal
    page.keyboard.press("1")
    assert text(page, "total") == "ESR 0.667 · 3 of 3 judged"
    page.keyboard.press("1")  # taken back
    assert page.locator("#totals tr").all_inner_texts() == [
        "a heart in </script> snow\t2 of 2 judged\t1.0\t0.500",
        "=a blue heart, smiling\t1 of 1 judged\t0.5\t0.500",
    ]
    page.keyboard.press("ArrowLeft")
    assert text(page, "where") == "Picture 2 of 3"
    page.screenshot(path=artifacts / "scoring_sheet.png")


def test_the_ticks_are_saved_as_csv(page: Page) -> None:
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.get_by_role("checkbox").check()
    with page.expect_download() as waiting:
        page.keyboard.press("s")
    assert waiting.value.suggested_filename == "my_sheet.csv"
    content = pathlib.Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert list(csv.reader(io.StringIO(content))) == [
        ["picture", "prompt", "goal", "shown", "points"],
        ["1", "a heart in </script> snow", "snow", "1", "1"],
        ["2", "a heart in </script> snow", "snow", "1", "1"],
        ["3", "'=a blue heart, smiling", "blue", "", ""],  # no formula to a spreadsheet
        ["3", "'=a blue heart, smiling", 'a "smile"', "", ""],
    ]


def test_what_was_ticked_is_there_after_a_reload(page: Page) -> None:
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.reload()
    assert text(page, "where") == "Picture 2 of 3" and text(page, "total") == "ESR 1.000 · 1 of 3 judged"
    page.locator("#back").click()
    assert page.get_by_role("checkbox").is_checked()


def test_other_goals_for_the_same_pictures_are_judged_anew(page: Page, sheet: pathlib.Path) -> None:
    for goals in (("snow",), ("snow", "a hat"), ("rain",)):
        sheet.write_text(scoring_sheet("sheet", [Judged("a heart", goals, picture("red"))]), encoding="utf-8")
        page.goto(sheet.as_uri())
        assert text(page, "total") == "nothing judged yet"
        page.keyboard.press(str(len(goals)))  # the last goal, which may be new
        assert text(page, "total") == f"ESR {1 / len(goals):.3f} · 1 of 1 judged"


@pytest.mark.parametrize("kept", ["[null]", "{}", '[{"judged": true, "shown": [true, true]}]', '[{"judged": true}]'])
def test_marks_of_another_shape_are_not_taken(page: Page, sheet: pathlib.Path, kept: str) -> None:
    sheet.write_text(scoring_sheet("sheet", [Judged("a", ("b",), picture("red"))]), encoding="utf-8")
    page.goto(sheet.as_uri())
    page.evaluate("kept => localStorage.setItem(KEPT, kept)", kept)
    page.reload()
    assert text(page, "total") == "nothing judged yet"
    page.keyboard.press("1")
    assert text(page, "total") == "ESR 1.000 · 1 of 1 judged"
