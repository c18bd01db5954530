"""The help pages and the guides: a page for every node in every language, about the inputs that there are, with
pictures that there are."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import pytest

from lab import locales

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "web" / "docs"
LANGUAGES = ("en", *locales.TRANSLATED)
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
GUIDE = re.compile(r"\bdocs/\w+\.md\b")
# "- **steps**: what it is\" or, translated, "- **名前** *steps*：…\", and typical values in a line of their own; no
# tables: the panel is too narrow
ENTRY = re.compile(r"^- \*\*([^*]+)\*\*(?: \*(\w+)\*)?[:：] ?(.*?(?:\\\n  .*)?)$", re.MULTILINE)
HEAVIEST = 60_000  # bytes of a picture in a help page

Infos = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def infos(host: pathlib.Path) -> Infos:
    return locales.schemas()


def page_path(node: str, language: str) -> pathlib.Path:
    """Where the page's help panel looks: its own language first, then the plain file, which is English."""
    return DOCS / f"{node}.md" if language == "en" else DOCS / node / f"{language}.md"


def pages() -> list[pathlib.Path]:
    return sorted(DOCS.rglob("*.md"))


def test_there_is_a_page_for_every_node_and_none_for_others(infos: Infos) -> None:
    copies = {DOCS / node / "en.md" for node in infos}
    assert set(pages()) == {page_path(node, language) for node in infos for language in LANGUAGES} | copies


def test_the_page_that_newer_frontends_ask_for_in_english_is_the_plain_one(infos: Infos) -> None:
    """They ask for NODE/en.md first; the plain file serves every language that has no page."""
    for node in infos:
        copied = (DOCS / node / "en.md").read_bytes() == page_path(node, "en").read_bytes()
        assert copied, f"{node}/en.md: `python -m lab.locales --write` copies {node}.md"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_tells_about_every_input_and_output_in_order(infos: Infos, language: str) -> None:
    for node, info in infos.items():
        text = page_path(node, language).read_text(encoding="utf-8")
        assert text.startswith(f"# {locales.read(language)['nodeDefs.json'][node]['display_name']}\n"), node
        assert list(entries(text)) == ["input " + name for name, _ in locales.inputs_of(info)] + [
            "output " + name for name in info["output_name"]
        ], f"{node}, {language}"
        assert not re.search(r"`|^\|", text, re.MULTILINE), (
            f"{node}, {language}: the panel shows code too faintly, and cuts tables"
        )


def entries(page: str) -> dict[str, str]:
    """What a page tells of each input and output, in order. Keys: "input steps", "output loss"."""
    sections = page.split("\n## ")[1:3]
    return {
        f"{kind} {name or label}": told
        for kind, section in zip(("input", "output"), sections)
        for label, name, told in ENTRY.findall(section)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_tells_how_much_resume_keeps(infos: Infos, language: str) -> None:
    from single_image_studio.host.folders import finished_pictures, training_states

    trainings, pictures = dict.fromkeys(("SIS_TrainStage1", "SIS_TrainStage2"), training_states()), finished_pictures()
    for node, folder in {**trainings, "SIS_NullTextInvert": pictures, "SIS_ImagicTextOptimize": pictures}.items():
        told = entries(page_path(node, language).read_text(encoding="utf-8"))["input resume"]
        limits = {str(folder.most_files), str(folder.most_bytes // 2**30), f"{folder.days:g}"}
        assert limits <= set(re.findall(r"\d+", told)), f"{node}, {language}: {limits}"


def bold(line: str) -> str | None:
    found = re.search(r"\*\*([^*]+)\*\*", line)
    return found[1] if found else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_default_in_bold_is_the_schemas(infos: Infos, language: str) -> None:
    compared = 0
    for node, info in infos.items():
        told_of = entries(page_path(node, language).read_text(encoding="utf-8"))
        for name, options in locales.inputs_of(info):
            typical = told_of["input " + name].partition("\\\n")[2]
            told, default = bold(typical), options.get("default")
            if told is None:
                assert default in (None, ""), f"{node}.{name}: the page has no default in bold"
                continue
            compared += 1
            if isinstance(default, bool):
                assert ("on" if default else "off") in (told, *re.findall(r"[(（](on|off)[)）]", typical)), (
                    f"{node}.{name}"
                )
            elif isinstance(default, (int, float)):
                assert float(told) == float(default), f"{node}.{name}: the page says {told}, the schema {default}"
            else:
                assert told == default, f"{node}.{name}: the page says {told}, the schema {default}"
    assert compared > 40


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(DOCS)))
def test_a_pages_pictures_are_there_and_light(path: pathlib.Path) -> None:
    pictures = PICTURE.findall(path.read_text(encoding="utf-8"))
    assert pictures, "a page has a picture"
    for caption, link in pictures:
        # the panel reads a relative link from web/docs, whatever the page's own folder
        picture = DOCS / link
        assert caption and picture.is_file(), f"{link}: `python -m lab.drawing.help_pictures` draws it"
        assert picture.stat().st_size <= HEAVIEST


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_names_a_guide_in_the_packs_folder_and_links_nowhere(path: pathlib.Path) -> None:
    """The panel reads a relative link from the host's address, and the project has no address of its own."""
    text = path.read_text(encoding="utf-8")
    assert not LINK.findall(text)
    guides = GUIDE.findall(text)
    assert guides and all((ROOT / guide).is_file() for guide in guides)


def test_every_picture_is_shown_and_can_be_drawn_anew() -> None:
    from lab.drawing.help_pictures import FIGURES

    linked = {
        pathlib.Path(link).stem
        for path in [*pages(), ROOT / "docs" / "tuning.md"]
        for _, link in PICTURE.findall(path.read_text(encoding="utf-8"))
        if "pictures/" in link
    }
    there = {path.stem for path in (DOCS / "pictures").glob("*.jpg")}
    assert linked == there <= set(FIGURES)


# The stock nodes' inputs, and names of other things, that the guides speak of.
NOT_OURS = {
    "add_noise",
    "sampler_name",
    "scheduler",
    "start_at_step",
    "ddim_uniform",
    "steps_offset",
    "single_image_studio",
    "my_dog",
    "my_dog_2",
    "my_concept",
    "my_inversion",
    "anna_dreamshaper",
    "scoring_sheet",
}
SNAKE = re.compile(r"[`*]([a-z0-9]+(?:_[a-z0-9]+)+)[`*]")


def test_guides_speak_of_inputs_that_there_are(infos: Infos) -> None:
    known = set(NOT_OURS) | {path.stem for path in (ROOT / "workflows").rglob("*.json")}
    for info in infos.values():
        known |= {*info["output_name"], *(name for name, _ in locales.inputs_of(info))}
        for group in info["input"].values():
            known |= {option for spec in group.values() if isinstance(spec[0], list) for option in spec[0]}
            known |= {option for spec in group.values() if len(spec) > 1 for option in spec[1].get("options", [])}
    for path in [ROOT / "README.md", ROOT / "docs" / "editing.md", ROOT / "docs" / "tuning.md", *pages()]:
        unknown = {name for name in SNAKE.findall(path.read_text(encoding="utf-8")) if name not in known}
        assert not unknown, f"{path.name} speaks of {sorted(unknown)}"
