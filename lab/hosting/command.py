"""The frame of a command that works on a host: a server for its length, and one sentence for what a person can mend."""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator

from .. import DevError
from .client import Client, HostError
from .environment import choose_host
from .server import serving, stop_on_signals, temporary_base


@contextlib.contextmanager
def temporary_host(add_files: Callable[[pathlib.Path], None] = lambda _: None) -> Iterator[Client]:
    """A server over a base directory of its own for the length of a `with` block, on the host that the environment
    names, or the project's.

    add_files: puts further files into the base directory, before the server starts.
    Raises: DevError when there is no host, or it does not start.
    """
    with temporary_base() as base:
        add_files(base)
        with serving(choose_host(None, None), base) as client:
            yield client


def exit_code(work: Callable[[], None]) -> int:
    """Does the work. Returns 0, or 1 after printing the sentence of what a person can put right."""
    stop_on_signals()
    try:
        work()
    except (DevError, HostError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
