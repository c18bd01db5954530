"""The project's own source, as tests read it: files, what they import, what they call."""

from __future__ import annotations

import ast
import functools
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One name that a file imports.

    module: its whole dotted name; of a relative import the one from the root, such as `losses.terms.background`.
    at_top: whether it is imported with the file, and not by a function.
    """

    module: str
    relative: bool
    at_top: bool

    @property
    def parts(self) -> list[str]:
        return self.module.split(".")


def python_files(*folders: str) -> list[pathlib.Path]:
    """All Python files below some of the root's folders."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: pathlib.Path) -> str:
    """A file's path from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree_of(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: pathlib.Path) -> tuple[Import, ...]:
    """Every import in a file, those for type checkers and inside functions too."""
    package = list(path.relative_to(ROOT).parent.parts)
    return tuple(
        Import(name, relative, at_top)
        for node, at_top in _statements(tree_of(path), True)
        for name, relative in _names(node, package)
    )


def calls_of(path: pathlib.Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file: what is called, as it is written, and the call itself."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _statements(node: ast.AST, at_top: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement below a node, and whether it runs when the file is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            if isinstance(child, ast.stmt):
                yield child, at_top
            yield from _statements(child, at_top and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _names(node: ast.AST, package: list[str]) -> Iterator[tuple[str, bool]]:
    """(dotted name, relative) of each name that an import statement brings."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, False) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        around = package[: len(package) - node.level + 1] if node.level else []
        stem = [*around, *(node.module or "").split(".")] if node.module else around
        yield from ((".".join([*stem, alias.name]), bool(node.level)) for alias in node.names)
