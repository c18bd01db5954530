"""The page's texts in every language, held to the nodes' schemas and the shipped workflows: `python -m lab.locales`
checks them.

English is written from these (`--write`); the other languages are written by hand. Both are checked for texts
that are missing, and for ones whose node, input, output, title or note is no longer there.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import importlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

from . import ROOT
from .workflow_files.sheet import NOTE

FOLDER = ROOT / "locales"
HELP = ROOT / "web" / "docs"
WORKFLOWS = "singleImageStudioWorkflows"  # in main.json; web/workflow_texts.js reads it
TRANSLATED = ("zh", "ja")
FILES = ("main.json", "nodeDefs.json")
OWN_TYPES = {"SIS_CONCEPT": "concept", "SIS_INVERSION": "inversion"}
# The page compiles every text: braces name a variable, @ another text, | a plural.
UNSAFE = re.compile(r"[{}@|]")
Texts = dict[str, Any]


def schemas() -> dict[str, Texts]:
    """What /object_info tells of every node of the pack, by node id. Loads the host into this process."""
    from .hosting import in_process

    in_process.import_host()
    in_process.import_pack()
    extension = importlib.import_module(f"{in_process.PACKAGE}.nodes.extension")
    # this one may have an event loop already, as under Playwright
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        nodes = thread.submit(asyncio.run, extension.SingleImageStudio().get_node_list()).result()
    return {info["name"]: info for info in (node.GET_NODE_INFO_V1() for node in nodes)}


def inputs_of(info: Texts) -> Iterator[tuple[str, Texts]]:
    """(name, options) of a node's visible inputs, in order."""
    for group in ("required", "optional"):
        for name, spec in info["input"].get(group, {}).items():
            yield name, spec[1] if len(spec) > 1 else {}


def node_texts(info: Texts) -> Texts:
    """A node's texts as the page looks for them in nodeDefs.json; what the schema leaves out is an empty text."""
    inputs = {
        name: {"name": options.get("display_name") or name, "tooltip": options.get("tooltip") or ""}
        for name, options in inputs_of(info)
    }
    outputs = {
        str(i): {"name": name, "tooltip": tooltip or ""}
        for i, (name, tooltip) in enumerate(zip(info["output_name"], info["output_tooltips"]))
    }
    return {
        "display_name": info["display_name"],
        "description": info["description"] or "",
        "inputs": inputs,
        "outputs": outputs,
    }


def workflow_texts(folder: pathlib.Path = ROOT / "workflows") -> Texts:
    """What can be read in the shipped workflows: titles of nodes and groups, by themselves, and notes, by their
    workflow and title."""
    titles, groups, notes = set(), set(), {}
    for file in sorted(folder.glob("*.json")):
        saved = json.loads(file.read_text(encoding="utf-8"))
        titles |= {node["title"] for node in saved["nodes"]}
        groups |= {group["title"] for group in saved["groups"]}
        notes[file.stem] = {node["title"]: node["widgets_values"][0] for node in saved["nodes"] if node["type"] == NOTE}
    return {"titles": {t: t for t in sorted(titles)}, "groups": {t: t for t in sorted(groups)}, "notes": notes}


def english(infos: dict[str, Texts]) -> dict[str, Texts]:
    """All files of locales/en."""
    categories = {part for info in infos.values() for part in info["category"].split("/")}
    main = {
        "nodeCategories": {part: part for part in sorted(categories)},
        "dataTypes": OWN_TYPES,
        WORKFLOWS: workflow_texts(),
    }
    return {"main.json": main, "nodeDefs.json": {name: node_texts(info) for name, info in infos.items()}}


def flat(texts: Texts, path: str = "") -> dict[str, Any]:
    """{"SIS_X.inputs.mask.tooltip": text}"""
    out: dict[str, Any] = {}
    for key, value in texts.items():
        out |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return out


def read(language: str, folder: pathlib.Path = FOLDER) -> dict[str, Texts]:
    """All files of a language; a missing one is empty."""
    paths = {name: folder / language / name for name in FILES}
    return {
        name: json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {} for name, path in paths.items()
    }


def complaints(expected: dict[str, Texts], found: dict[str, Texts], same_words: bool) -> list[str]:
    """What is wrong with a language's files, a line each. same_words: the texts must be the expected ones (English)."""
    out = []
    for name in FILES:
        want, have = flat(expected[name]), flat(found[name])
        out += [f"{name}: {key} is missing" for key in want if key not in have]
        out += [f"{name}: {key} is about nothing that the nodes and workflows have" for key in have if key not in want]
        for key in (key for key in want if key in have):
            text = have[key]
            if not isinstance(text, str) or not text.strip():
                out.append(f"{name}: {key} is empty")
            elif UNSAFE.search(text):
                out.append(f"{name}: {key} has one of {{ }} @ |, which the page reads as commands")
            elif same_words and text != want[key]:
                out.append(f"{name}: {key} differs from the schema or the workflow")
    return out


def check(infos: dict[str, Texts], folder: pathlib.Path = FOLDER) -> dict[str, list[str]]:
    """Complaints about every language, English first."""
    expected = english(infos)
    return {
        language: complaints(expected, read(language, folder), language == "en") for language in ("en", *TRANSLATED)
    }


def copy_help(folder: pathlib.Path = HELP) -> None:
    """Newer pages ask for NODE/en.md before NODE.md, which serves every language without a page of its own."""
    for page in folder.glob("*.md"):
        (folder / page.stem / "en.md").write_bytes(page.read_bytes())


def write_english(infos: dict[str, Texts], folder: pathlib.Path = FOLDER) -> None:
    """Writes locales/en anew."""
    for name, texts in english(infos).items():
        path = folder / "en" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(texts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write locales/en and the help's en.md first")
    options, infos = parser.parse_args(), schemas()
    if options.write:
        write_english(infos)
        copy_help()
    found = check(infos)
    for language, lines in found.items():
        print("\n".join(f"{language}/{line}" for line in lines) or f"{language}: complete, {len(infos)} nodes")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
