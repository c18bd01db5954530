"""What is guarded ends with its owner."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from lab.hosting import guard, server

FOR_EVER = "import signal; signal.pause()"
OWNER = f"""
import subprocess, sys
guarded = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
guarded.stdout.readline()
subprocess.Popen([sys.executable, {guard.__file__!r}, str(guarded.pid)], stdin=subprocess.PIPE)
print(guarded.pid, flush=True)
guarded.wait()
"""


@pytest.mark.parametrize("stubborn", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_what_is_guarded_ends_when_its_owner_is_killed(stubborn: str) -> None:
    work = f"import signal; {stubborn}\nprint(1, flush=True)\nsignal.pause()"
    with subprocess.Popen([sys.executable, "-c", OWNER, work], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        guarded = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    guarded.wait(guard.PATIENCE + 30)


def test_a_guard_that_is_no_longer_needed_does_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", FOR_EVER]) as process:
        with server._guarding(process):
            pass
        assert process.poll() is None
        process.kill()
