"""Ends a process when another one ends, even by a kill: `python guard.py PID`.

Whoever started this holds the other end of its standard input, which closes with the process that has it, on every
system. Then PID is stopped: a ComfyUI whose owner is gone would keep its GPU and its port.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

PATIENCE = 5.0  # seconds between asking and making
LOOK_EVERY = 0.1


def is_there(pid: int) -> bool:
    """Whether a process of that id runs."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def stop(pid: int) -> None:
    """Asks a process to end, then makes it."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)  # on Windows this is the end
        end = time.monotonic() + PATIENCE
        while os.name != "nt" and is_there(pid):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(LOOK_EVERY)


if __name__ == "__main__":
    while os.read(0, 1024):
        pass
    stop(int(sys.argv[1]))
