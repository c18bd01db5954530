"""Two real ComfyUIs learn a folder's pictures, and one of them is killed at it."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import psutil

from lab.hosting.base_folder import furnish
from lab.hosting.client import Client
from lab.hosting.environment import Host
from lab.hosting.server import serving
from lab.learn_folder import engines
from lab.learn_folder.pool import Pool

from ...helpers.folders import Told, learned, same_bits, three_pictures


def kill_at_the_second_task(client: Client, worker: Told, killed: threading.Event) -> None:
    """Kills the server of a listening client as soon as it has the second workflow."""
    port = client.url.rpartition(":")[2]
    (process,) = [child for child in psutil.Process().children(recursive=True) if port in child.cmdline()]

    def look(event: dict[str, Any]) -> None:
        busy = event["type"] == "status" and event["data"]["status"]["exec_info"]["queue_remaining"]
        if busy and worker.calls == 2:
            process.kill()
            killed.set()

    client.on_event = look


def test_a_killed_server_s_pictures_are_learned_by_the_other_to_the_bits_of_a_serial_run(
    server: Client, real_host: Host, tmp_path: pathlib.Path
) -> None:
    assert server.base is not None
    concepts = server.base / "models" / "single_image_studio" / "concepts"
    before = set(concepts.glob("*"))  # other tests share this server
    todo, killed = three_pictures(tmp_path / "pictures"), threading.Event()
    with (
        serving(real_host, furnish(tmp_path / "second")) as second,
        engines.servers([server.url, second.url], 120, patience=0) as servers,
    ):
        sound, doomed = Told(servers[0], begin=killed), Told(servers[1])
        kill_at_the_second_task(second, doomed, killed)
        pool = Pool(todo, [sound, doomed])
        shared = {outcome.task.file: outcome for outcome in pool.outcomes()}
    assert sorted(outcome.worker for outcome in shared.values()) == sorted([server.url, server.url, second.url])
    assert set(pool.left_out) == {second.url}

    server.free()
    with engines.servers([server.url], 120) as (alone,):
        for outcome in Pool(todo, [alone]).outcomes():
            assert same_bits(learned(outcome), learned(shared[outcome.task.file])), outcome.task.file
    assert set(concepts.glob("*")) == before, "what was learned for others moves away"
