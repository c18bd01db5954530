"""A local Ray cluster of two workers learns a folder's pictures, and one of them is killed at it.

Ray is no part of the tests' environment: docs/many_machines.md says how this is run.
"""

from __future__ import annotations

import os
import pathlib
import signal
import threading
from typing import Any

import psutil
import pytest

from lab.hosting.client import Client
from lab.hosting.environment import Host
from lab.learn_folder import engines, ray_engine
from lab.learn_folder.pool import Pool

from ...helpers.folders import Told, learned, same_bits, three_pictures

pytest.importorskip("ray")


class Doomed(Told):
    """Its actor's process is killed once it has its second task. comfyui: the process of that actor's own ComfyUI."""

    def __init__(self, actor: ray_engine.Actor, killed: threading.Event) -> None:
        super().__init__(actor)
        self._actor, self._ask, self._killed = actor, actor._ask, killed
        self.comfyui: psutil.Process
        actor._ask = self._kill_and_ask  # type: ignore[method-assign]

    def _kill_and_ask(self, answer: Any, seconds: float) -> Any:
        if self.calls == 2 and not self._killed.is_set():
            assert self._actor.pid is not None
            children = psutil.Process(self._actor.pid).children()
            (self.comfyui,) = [child for child in children if "main.py" in child.cmdline()]
            os.kill(self._actor.pid, signal.SIGKILL)
            self._killed.set()
        return self._ask(answer, seconds)


def test_a_killed_worker_s_pictures_are_learned_by_the_other_to_the_bits_of_a_serial_run(
    server: Client, real_host: Host, tmp_path: pathlib.Path
) -> None:
    todo, killed = three_pictures(tmp_path / "pictures"), threading.Event()
    machine = engines.Machine(Host(real_host.python, real_host.comfyui, ours=True), None, 300)
    with ray_engine.actors(machine, 2, None) as actors:
        sound, doomed = Told(actors[0], begin=killed), Doomed(actors[1], killed)
        pool = Pool(todo, [sound, doomed])
        shared = {outcome.task.file: outcome for outcome in pool.outcomes()}
        doomed.comfyui.wait(60)
    assert sorted(outcome.worker for outcome in shared.values()) == [sound.name, sound.name, doomed.name]
    with engines.servers([server.url], 120) as (alone,):
        for outcome in Pool(todo, [alone]).outcomes():
            assert same_bits(learned(outcome), learned(shared[outcome.task.file])), outcome.task.file
