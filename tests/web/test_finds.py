"""The page writes picks as Python reads them."""

from __future__ import annotations

import json
import pathlib

from single_image_studio.masking.picks import parse_picks

from ..helpers.page_modules import furnish, said

CASES = [("", 0, [2]), ("", 2, [1, 3]), ("2 / / 1", 0, None), ("2 / / 1", 2, None), ("1 / 2", 1, []), ("5", 0, [1])]


def test_the_page_and_python_agree(tmp_path: pathlib.Path) -> None:
    script = f"""
      const {{ picksOf, withPicks }} = await import(`${{pack}}/finds/picks.mjs`);
      const written = {json.dumps(CASES)}.map(([text, picture, picks]) => withPicks(text, picture, picks));
      console.log(JSON.stringify(written.map((text) => [text, [0, 1, 2].map((picture) => picksOf(text, picture))])));
    """
    for (before, picture, picks), (text, read) in zip(CASES, said(furnish(tmp_path), script)):
        python = parse_picks(text, 3)
        assert [None if each is None else [n for n in each if n] for each in python] == read, text
        expected = parse_picks(before, 3)
        expected[picture] = None if picks is None else tuple(picks) or (0,)
        assert python == expected
