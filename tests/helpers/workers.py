"""Which of pytest-xdist's workers runs which test, in `--dist loadfile`."""

from __future__ import annotations

from typing import Any

import pytest

PAGE = "tests/browser/"


def share(config: pytest.Config, log: Any) -> Any:
    """A scheduler: a file's tests run on one worker, so that what they share is made once, and a worker that is free
    takes the next file. All tests of the page are as one file: one browser, and one page a renderer.
    """
    from xdist.scheduler import LoadFileScheduling  # which a single process does not need

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return PAGE if nodeid.startswith(PAGE) else super()._split_scope(nodeid)

    return ByFile(config, log)
