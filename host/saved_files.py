"""Whether what a node has saved is still there.

The host reuses a node's result as long as the node and those before it have the same values. Of the file that such a
result tells of it knows nothing: one that was deleted or renamed since would never be written again. So a node that
saves tells with its inputs how often its files were found gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .folders import stamp_of
from .identity import asked_for
from .server import running_node


@dataclass
class _Saved:
    """What a node has saved. run: the last one in which it did. files: those of that run, with their stamps.

    lost: how often one of them was gone when the node was to run again.
    """

    run: str = ""
    files: dict[Path, str | None] = field(default_factory=dict)
    lost: int = 0


MOST_SAVED = 4096  # that are remembered; one that was forgotten runs once more
_saved: dict[str, _Saved] = {}
"""By the node with all that it comes from, the oldest first: the host may keep the results of several graphs."""


def keep(path: Path) -> None:
    """Remembers what the running node has saved, or has found to be saved already."""
    node = running_node()
    if node is None:
        return
    saved = _saved.setdefault(asked_for(), _Saved())
    if saved.run != node.prompt:
        saved.run, saved.files = node.prompt, {}
    saved.files[path] = _stamp(path)
    while len(_saved) > MOST_SAVED:
        del _saved[next(iter(_saved))]


def times_lost() -> int:
    """For a saving node's `fingerprint_inputs`: changes when a file that it saved last is gone, or is another by now.

    It stays the same when the file is there again.
    """
    saved = _saved.get(asked_for(), _Saved())
    if any(stamp is None or stamp != _stamp(path) for path, stamp in saved.files.items()):
        saved.files, saved.lost = {}, saved.lost + 1
    return saved.lost


def _stamp(path: Path) -> str | None:
    try:
        return stamp_of(path)
    except OSError:
        return None
