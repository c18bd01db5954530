"""Links between the project's pages lead somewhere: to a file that is there, and to a heading that is in it."""

from __future__ import annotations

import pathlib
import re
from collections import Counter

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# help pages link nowhere: tests/test_help.py
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "lab").rglob("*.md")})
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGETS = re.compile(r'\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"')


def headings(page: pathlib.Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    seen: Counter[str] = Counter()
    anchors = set()
    for title in re.findall(r"^#+ (.+)", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        slug = "".join(letter for letter in words if letter.isalnum() or letter in " -_").replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: pathlib.Path) -> None:
    for either in TARGETS.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        link = either[0] or either[1]
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link}: no such file"
        if anchor and target.suffix == ".md":
            assert anchor in headings(target), f"{link}: no such heading"


def test_a_heading_that_is_there_twice_is_numbered(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# The `UNet`, whole\n\n## Why\n\n```\n# no heading\n```\n\n## Why\n", encoding="utf-8")
    assert headings(page) == {"the-unet-whole", "why", "why-1"}
