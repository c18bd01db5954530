"""How long functions, files and lines are, room by room: `python -m lab.measuring.code_shape`.

A function counts from its `def` to its last line, docstring included; a method is a function. Only the standard library
is needed.
"""

from __future__ import annotations

import ast
import os
import pathlib
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .. import ROOT

# The limits, in this one place; a test holds the project to them.
MEDIAN_LINES = 8  # of a function of the pack
P90_LINES = 22
FILE_LINES = 300
LINE_COLUMNS = 120
PARAMETERS = 6  # of a function in FEW_PARAMETERS
FEW_PARAMETERS = ("inversion", "concept")

NOT_THE_PACK = ("lab", "tests", "")  # "": the root's own files
ANY_LENGTH = ("locales", "nodes")  # texts, and schemas that the host wants in one piece
NOT_OURS = ("demo_training", "demo_output", "test_artifacts", "node_modules")  # hidden folders aside
LANGUAGES = (".py", ".js", ".mjs", ".ts", ".css")


@dataclass(frozen=True)
class Function:
    """One function: where it is, its lines, and its parameters but for `self` and `cls`."""

    file: pathlib.PurePosixPath
    name: str
    lines: int
    parameters: int


def source_files(root: pathlib.Path = ROOT) -> list[pathlib.PurePosixPath]:
    """All files of code, from the root."""
    paths: list[pathlib.PurePosixPath] = []
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in NOT_OURS]
        inside = pathlib.PurePosixPath(pathlib.Path(folder).relative_to(root).as_posix())
        paths += [inside / name for name in names if name.endswith(LANGUAGES)]
    return sorted(paths)


def room_of(file: pathlib.PurePosixPath) -> str:
    """The folder of the root that a file is in; "" for the root's own."""
    return file.parts[0] if len(file.parts) > 1 else ""


def functions_of(file: pathlib.PurePosixPath, root: pathlib.Path = ROOT) -> Iterator[Function]:
    """All functions of a Python file, those inside others too."""
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            yield Function(file, node.name, (node.end_lineno or node.lineno) - node.lineno + 1, count)


def percentile(lengths: Iterable[int], share: float) -> int:
    """The length that this share of all does not exceed. 0 when there are none."""
    ordered = sorted(lengths)
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0


def long_files(files: Iterable[pathlib.PurePosixPath], root: pathlib.Path = ROOT) -> list[tuple[str, int]]:
    """(file, lines) of those over FILE_LINES, the longest first."""
    limited = [file for file in files if room_of(file) not in ANY_LENGTH]
    lengths = [(str(file), len((root / file).read_text(encoding="utf-8").splitlines())) for file in limited]
    return sorted([entry for entry in lengths if entry[1] > FILE_LINES], key=lambda entry: -entry[1])


def long_lines(files: Iterable[pathlib.PurePosixPath], root: pathlib.Path = ROOT) -> list[str]:
    """`file:line` of every line over LINE_COLUMNS."""
    return [
        f"{file}:{number}"
        for file in files
        for number, line in enumerate((root / file).read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_COLUMNS
    ]


def row(name: str, functions: list[Function]) -> str:
    """One line of the table."""
    longest = max(functions, key=lambda function: function.lines)
    lengths = [function.lines for function in functions]
    middle = f"{statistics.median(lengths):g} | {percentile(lengths, 0.9)} | {longest.lines}"
    return f"| {name} | {len(functions)} | {middle} `{longest.name}` in {longest.file.name} |"


def table(functions: list[Function]) -> str:
    """The table in Markdown: the pack's rooms, the pack as a whole, the lab and the tests."""
    rooms: dict[str, list[Function]] = {}
    for function in functions:
        rooms.setdefault(room_of(function.file), []).append(function)
    pack = [function for function in functions if room_of(function.file) not in NOT_THE_PACK]
    inside = [row(f"`{room}/`", rooms[room]) for room in sorted(rooms) if room not in NOT_THE_PACK]
    around = [row(f"`{room}/`", rooms[room]) for room in ("lab", "tests") if room in rooms]
    head = ["| room | functions | median | 90 % | longest |", "|---|---|---|---|---|"]
    return "\n".join([*head, *inside, row("**the pack**", pack), *around])


def crowded(functions: Iterable[Function]) -> list[str]:
    """Functions of FEW_PARAMETERS' rooms that take more than PARAMETERS."""
    limited = [function for function in functions if room_of(function.file) in FEW_PARAMETERS]
    return [f"{f.file}: {f.name} takes {f.parameters}" for f in limited if f.parameters > PARAMETERS]


def python_functions(files: Iterable[pathlib.PurePosixPath], root: pathlib.Path = ROOT) -> list[Function]:
    """All functions of the Python files among these."""
    return [function for file in files if file.suffix == ".py" for function in functions_of(file, root)]


def main() -> None:
    files = source_files()
    functions = python_functions(files)
    print(table(functions))
    print(f"\nThe pack's limits are {MEDIAN_LINES} lines for the median and {P90_LINES} for 90 %.")
    for heading, lines in (
        (f"Files over {FILE_LINES} lines", [f"{count} {file}" for file, count in long_files(files)]),
        (f"Lines over {LINE_COLUMNS} columns", long_lines(files)),
        (f"Functions of {' and '.join(FEW_PARAMETERS)} with more than {PARAMETERS} parameters", crowded(functions)),
    ):
        print("\n  ".join([f"\n{heading}: {len(lines) or 'none'}", *lines]))


if __name__ == "__main__":
    main()
