"""The table of pretended cards: the last run of a cell counts, and nothing that was not run looks as if it were."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from lab.measuring import pretended_cards


def line(card: str, group: str, failed: str = "", apart: float = 0.0) -> dict[str, Any]:
    return {"date": "2026-01-02", "versions": "ComfyUI 1, torch 2", "card": card, "group": group, "failed": failed,
            "apart": apart}  # fmt: skip


def test_each_cell_is_its_last_run(tmp_path: pathlib.Path) -> None:
    lines = [line("a", "x", "Mixed"), line("b", "x", apart=0.0312), line("a", "y", "Mixed"), line("a", "x")]
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    read = pretended_cards.read(path)
    assert pretended_cards.table(read)[2:] == ["| x | 0 | 0.03 |", "| y | **failed** | not run |"]
    page = pretended_cards.report(read)
    assert "Run 2026-01-02 with" in page and "2 of the 3 cells" in page
