"""The real frontend in a real browser: one browser and one server for all tests, one page a renderer.

They skip, with the reason, where there is no browser or no Playwright; in CI that is a failure.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from lab.hosting import browser as browsers
from lab.hosting.client import Client

from ..helpers.frontend import ARTIFACTS, READY_SECONDS, RENDERERS, Frontend, end_browsers, launch
from ..helpers.shipped_page import WARNING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
# what the workflows name, and what of the demo's stands in
PICTURES = {"example.png": "heart.png"}
OUTCOME = pytest.StashKey[bool]()
MOST_SECONDS = 400.0  # of one test; beyond what any of its own waits allows


def _cannot(reason: str) -> NoReturn:
    if browsers.is_ci():
        pytest.fail(f"CI must run the browser tests, and {reason}", pytrace=False)
    pytest.skip(reason)


# its event loop goes on until the session ends: what starts a loop of its own uses helpers/loops.py
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The one browser."""
    program = browsers.find()
    if program is None:
        _cannot(browsers.REASON)
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        _cannot("this Python has no Playwright: install requirements-dev.txt")
    expect.set_options(timeout=READY_SECONDS * 1000)  # Playwright's own 5 s are too few beside other tests
    with sync_playwright() as playwright:
        running = launch(playwright, program)
        yield running
        if running.is_connected():
            running.close()


@pytest.fixture(autouse=True)
def watchdog(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ends the browser when a test takes too long: a page that is stuck in a loop of its own answers nothing, and
    Playwright would wait for ever.

    The test then fails for a closed page, and so do those after it.
    """
    timer = threading.Timer(MOST_SECONDS, end_browsers, args=[request.node.name])
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.fixture(scope="package")
def artifacts() -> pathlib.Path:
    """A folder for screenshots, emptied once a run, ignored by git. Tests keep pictures there for people to look at."""
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    ARTIFACTS.mkdir()
    return ARTIFACTS


@pytest.fixture(scope="package")
def furnished(session_server: Client) -> Client:
    """The host with pictures of the names that the workflows ask for."""
    assert session_server.base is not None
    for name, file in PICTURES.items():
        shutil.copyfile(ROOT / "lab" / "world" / "concepts" / file, session_server.base / "input" / name)
    return session_server


@pytest.fixture(scope="package", params=RENDERERS)
def shared_frontend(request: pytest.FixtureRequest, browser: Browser, session_server: Client) -> Iterator[Frontend]:
    """The renderer's one page; use `frontend`. pytest runs all tests of one renderer before the other's."""
    page = Frontend(browser, session_server, request.param)
    yield page
    page.close()


@pytest.fixture
def frontend(
    shared_frontend: Frontend, server: Client, artifacts: pathlib.Path, request: pytest.FixtureRequest
) -> Iterator[Frontend]:
    """A page with an empty graph; the test runs once in each renderer. What the page complains about fails the test.

    `frontend.renderer` tells which; `load`, `load_api`, `run`, `boxes`, `workflow` … are in frontend.py.
    """
    shared_frontend.forget()
    yield shared_frontend
    _finish(shared_frontend, request, artifacts)


@pytest.fixture
def quiet(frontend: Frontend, furnished: Client) -> Iterator[Frontend]:
    """The page without its dialog on missing models, which `test_missing_models_are_offered` looks at."""
    setting = "([name, value]) => window.app.extensionManager.setting.set(name, value)"
    frontend.page.evaluate(setting, [WARNING, False])
    yield frontend
    frontend.page.evaluate(setting, [WARNING, True])


@pytest.fixture
def open_frontend(
    browser: Browser, server: Client, artifacts: pathlib.Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Frontend]]:
    """`open_frontend("vue", locale="ja", palette="light")`: a fresh page, for what the shared one cannot show (about 5
    s each)."""
    opened: list[Frontend] = []

    def open_one(renderer: str = "classic", **options: Any) -> Frontend:
        opened.append(Frontend(browser, server, renderer, **options))
        return opened[-1]

    yield open_one
    try:
        for page in opened:
            _finish(page, request, artifacts)
    finally:
        for page in opened:
            page.close()


@pytest.fixture
def snap(artifacts: pathlib.Path, request: pytest.FixtureRequest) -> Callable[..., pathlib.Path]:
    """`snap(frontend, "after the run")`: a screenshot among the artifacts, named after the test."""

    def take(page: Frontend, what: str = "") -> pathlib.Path:
        return page.screenshot(artifacts / f"{_file_name(request, what)}.png")

    return take


def _file_name(request: pytest.FixtureRequest, what: str) -> str:
    return re.sub(r"[^\w.]+", "_", f"{request.node.name} {what}").strip("_")


def _finish(page: Frontend, request: pytest.FixtureRequest, artifacts: pathlib.Path) -> None:
    if page.page.is_closed():
        return
    if request.node.stash.get(OUTCOME, False):
        page.screenshot(artifacts / f"{_file_name(request, 'failed')}.png")
    elif page.errors:
        page.screenshot(artifacts / f"{_file_name(request, 'complained')}.png")
        pytest.fail("the page complained:\n" + "\n".join(page.errors), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[OUTCOME] = report.failed
    return report
