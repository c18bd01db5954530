"""The shape of the code under web/: small files, short lines, and one door to the host's page."""

from __future__ import annotations

import pathlib
import re

import pytest

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
SOURCES = [path for suffix in ("js", "mjs", "css", "ts") for path in sorted(WEB.rglob(f"*.{suffix}"))]
IMPORT = re.compile(r'^(?:import|export)\b[^"]*\bfrom "([^"]+)"|^import "([^"]+)"', re.M)
EXTENSION_LINES = 100


def imports(path: pathlib.Path) -> list[str]:
    return [first or second for first, second in IMPORT.findall(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(WEB)))
def test_files_are_small_and_lines_are_short(path: pathlib.Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 300
    assert not [number for number, line in enumerate(lines, start=1) if len(line) > 120]


def test_the_host_loads_extensions_alone_and_they_are_thin() -> None:
    """The host loads every .js under web/ as an extension: what is none is an .mjs."""
    scripts = [path for path in SOURCES if path.suffix == ".js"]
    assert len(scripts) >= 6
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert path.parent == WEB and "app.registerExtension(" in text
        assert len(text.splitlines()) <= EXTENSION_LINES


def test_one_module_knows_where_the_host_is_and_the_library_knows_no_room() -> None:
    code = [path for path in SOURCES if path.suffix in (".js", ".mjs")]
    outside = {path.relative_to(WEB).as_posix() for path in code for name in imports(path) if "scripts/" in name}
    assert outside == {"lib/host.mjs"}
    for path in (WEB / "lib").rglob("*.mjs"):
        for name in imports(path):
            target = (path.parent / name).resolve()
            assert "scripts/" in name or target.is_relative_to(WEB / "lib"), f"{path.name} imports {name}"
            assert "scripts/" in name or target.is_file()


def test_elements_and_styles_are_made_in_one_place() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".js", ".mjs") and path.name != "elements.mjs":
            assert "createElement" not in text, f"{path.name}: use element() or svgElement()"
    assert [path.name for path in SOURCES if path.suffix == ".css"] == ["style.css"]


def test_results_come_to_nodes_through_the_gate_alone() -> None:
    """The host calls `onExecuted` on whatever graph is open, and fills `nodeOutputs` from it."""
    for path in SOURCES:
        if path.suffix in (".js", ".mjs") and path.name != "results.mjs":
            text = path.read_text(encoding="utf-8")
            assert "onExecuted" not in text and "nodeOutputs" not in text, f"{path.name}: use onResult()"
