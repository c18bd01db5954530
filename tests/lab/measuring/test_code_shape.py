"""The limits on functions, files and lines; and that they are measured as they say."""

from __future__ import annotations

import pathlib
import statistics

import pytest

from lab.measuring import code_shape as shape

FILES = shape.source_files()
FUNCTIONS = shape.python_functions(FILES)


def test_functions_of_the_pack_are_short() -> None:
    lengths = [f.lines for f in FUNCTIONS if shape.room_of(f.file) not in shape.NOT_THE_PACK]
    assert statistics.median(lengths) <= shape.MEDIAN_LINES
    assert shape.percentile(lengths, 0.9) <= shape.P90_LINES


def test_no_file_is_long() -> None:
    assert shape.long_files(FILES) == []


def test_no_line_is_long() -> None:
    assert shape.long_lines(FILES) == []


def test_no_algorithm_takes_many_parameters() -> None:
    assert shape.crowded(FUNCTIONS) == []


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small project."""
    for name, text in {
        "concept/a.py": "class A:\n    def six(self, a, b, c, *, d, e, f):\n        return a\n\ndef one():\n    pass\n",
        "inversion/b.py": "def seven(a, b, c, d, e, f, g):\n\n    def inner():\n        pass\n",
        "nodes/long.py": "x = 1\n" * 301,
        "web/long.mjs": "x = 1;\n" * 301 + "y" * 121 + "\n",
        "locales/long.json": "\n" * 400,
        ".host/comfyui/long.py": "x = 1\n" * 301,
        "setup.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_measured(root: pathlib.Path) -> None:
    files = shape.source_files(root)
    assert list(map(str, files)) == ["concept/a.py", "inversion/b.py", "nodes/long.py", "setup.py", "web/long.mjs"]
    functions = shape.python_functions(files, root)
    assert {f.name: (f.lines, f.parameters) for f in functions} == {
        "six": (2, 6),
        "one": (2, 0),
        "seven": (4, 7),
        "inner": (2, 0),
    }
    assert shape.long_files(files, root) == [("web/long.mjs", 302)]
    assert shape.long_lines(files, root) == ["web/long.mjs:302"]
    assert shape.crowded(functions) == ["inversion/b.py: seven takes 7"]
    assert "| **the pack** | 4 | 2 | 2 | 4 `seven` in b.py |" in shape.table(functions)


@pytest.mark.parametrize(("share", "length"), [(0, 1), (0.5, 5), (0.9, 9), (1, 10)])
def test_percentiles(share: float, length: int) -> None:
    assert shape.percentile(range(10, 0, -1), share) == length
    assert shape.percentile([], share) == 0
