"""The campaign's parts. Each trial is a dict that goes into the results as one line of JSON."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
from safetensors.torch import load_file

from ..hosting.client import Client, Event, HostError, describe_failure
from ..hosting.environment import Host
from ..hosting.server import serving
from . import graphs

Row = dict[str, Any]
# of each site: the calls of which one is chosen to fail, and with what
FAULTS = {
    "forward": (80, ("error", "memory")),
    "backward": (16, ("error", "memory")),
    "update": (12, ("error", "memory")),
    "text": (4, ("error", "memory")),
    "vae": (4, ("error", "memory")),
    "write": (4, ("disk",)),
}
WORK = {"learn": graphs.learning, "edit": graphs.editing}
PACK = pathlib.PurePosixPath("models", "single_image_studio")
STAGES = ("SIS_TrainStage1", "SIS_TrainStage2")
LONG = 30  # steps of a training that is cancelled late
QUEUE = (graphs.stock, graphs.using, graphs.learning, graphs.editing)


def injector(base: pathlib.Path) -> pathlib.Path:
    """Where `lab.robustness.injector` is in a base directory."""
    return base / "custom_nodes" / "sis_injector"


def process_of(base: pathlib.Path) -> psutil.Process:
    """The host's."""
    return psutil.Process(int((injector(base) / "pid").read_text()))


def broken(base: pathlib.Path) -> list[str]:
    """The pack's files that cannot be read to their end."""
    from safetensors import SafetensorError, safe_open

    found = []
    for path in sorted((base / PACK).rglob("*.safetensors")):
        try:
            with safe_open(path, "np") as file:
                for name in file.keys():  # noqa: SIM118 it is no dict
                    file.get_slice(name).get_shape()
        except (SafetensorError, OSError):
            found.append(path.name)
    return found


def half_written(base: pathlib.Path) -> int:
    """Temporary files beside the pack's own."""
    return sum(1 for path in (base / PACK).rglob("*.tmp"))


class Trials:
    """Cancels and faults on one host that goes on all the time."""

    def __init__(self, client: Client) -> None:
        assert client.base is not None
        self.client, self.base = client, client.base
        self.expected = graphs.stock_pixels(client, 0)
        client.run(graphs.learning(0, graphs.KEPT))
        client.run(graphs.editing(0, graphs.KEPT))
        self.seconds = {name: self._time(name) for name in WORK}

    def _time(self, name: str) -> float:
        began = time.monotonic()
        self.client.run(WORK[name](1))
        return time.monotonic() - began

    def cancel(self, number: int) -> Row:
        """Cancels a workflow somewhere between its beginning and its end."""
        chance = random.Random(number)
        name = chance.choice(list(WORK))
        prompt_id = self.client.post(WORK[name](number))
        time.sleep(chance.uniform(0, self.seconds[name]))
        cancelled = time.monotonic()
        self.client.interrupt()
        entry = self.client.wait(prompt_id)
        took = time.monotonic() - cancelled
        return {"part": "cancels", "work": name, "took": round(took, 2), **self._after(number, entry)}

    def fault(self, number: int) -> Row:
        """Lets one call of a workflow fail."""
        chance = random.Random(number)
        name, site = chance.choice(list(WORK)), list(FAULTS)[number % len(FAULTS)]
        calls, errors = FAULTS[site]
        asked = {"site": site, "call": chance.randint(1, calls), "error": chance.choice(errors)}
        folder = injector(self.base)
        (folder / "happened").unlink(missing_ok=True)
        (folder / "fault.json").write_text(json.dumps(asked))
        entry = self.client.wait(self.client.post(WORK[name](number)))
        happened = (folder / "happened").is_file()
        return {"part": "faults", "work": name, **asked, "happened": happened, **self._after(number, entry)}

    def late(self, number: int) -> Row:
        """Cancels a training at 90 % of its steps, lets it go on, and compares what is saved with a training that
        nobody cancelled."""
        stage = STAGES[number % 2]
        (injector(self.base) / "keep_states").touch()  # so short a training would keep none
        prompt = graphs.learning(number, steps=LONG, resume=True)
        (node,) = (key for key, value in prompt.items() if value["class_type"] == stage)
        steps: list[int] = []

        def watch(event: Event) -> None:
            if event["type"] == "progress" and event["data"]["node"] == node:
                steps.append(event["data"]["value"])
                if cancels and steps[-1] >= 0.9 * event["data"]["max"]:
                    self.client.interrupt()

        cancels, self.client.on_event = True, watch
        ended = describe_failure(self.client.wait(self.client.post(prompt))) or "success"
        cancels, reached = False, max(steps)
        steps.clear()
        self.client.run(prompt)
        self.client.on_event = None
        gone_on = self._saved(number)
        self.client.run(graphs.learning(number, steps=LONG))
        same = gone_on == self._saved(number)
        first = min(steps, default=LONG)
        return {"part": "late", "number": number, "ended": ended, "reached": reached, "from": first, "same": same}

    def _saved(self, number: int) -> dict[str, bytes]:
        """The numbers of a concept that `graphs.learning` has saved, as bytes."""
        file = load_file(self.base / PACK / "concepts" / f"trial_{number}.safetensors")
        return {name: tensor.numpy().tobytes() for name, tensor in file.items()}

    def _after(self, number: int, entry: dict[str, Any]) -> Row:
        """How it ended, and whether the host is what it was."""
        ended = describe_failure(entry) or "success"
        same = bool(np.array_equal(graphs.stock_pixels(self.client, number), self.expected))
        left = {"broken": broken(self.base), "half_written": half_written(self.base)}
        return {"number": number, "ended": ended, "same": same, **left}


def kill(host: Host, base: pathlib.Path, number: int) -> Row:
    """Kills a host while it writes one file after another; the next start must list and read what is there.

    base: one with `graphs.KEPT` in it.
    """
    chance = random.Random(number)
    with serving(host, base) as client:
        for i in range(200):
            client.post(graphs.saving(f"kill_{number}_{i}"))
        folder = base / PACK / "inversions"
        before = len(list(folder.glob(f"kill_{number}_*")))
        time.sleep(chance.uniform(0.1, 2.0))
        os.kill(process_of(base).pid, signal.SIGKILL)
        written = len(list(folder.glob(f"kill_{number}_*"))) - before
    row = {"part": "kills", "number": number, "written": written, "broken": broken(base)}
    row["half_written"] = half_written(base)
    for path in [*folder.glob(f"kill_{number}_*"), *(base / PACK).rglob("*.tmp")]:
        path.unlink()
    return row


def queue(client: Client, prompts: int, chance: random.Random) -> Iterator[Row]:
    """Runs workflows one after another, and tells what the host holds every ten of them."""
    assert client.base is not None
    process, temp = process_of(client.base), client.base / "temp"
    for number in range(1, prompts + 1):
        chosen = chance.choices(QUEUE, (4, 3, 1, 2))[0]
        try:
            client.run(chosen(10_000 + number))
            failed = ""
        except HostError as error:
            failed = str(error)
        if number % 10 == 0 or failed:
            files = [path.stat().st_size for path in temp.rglob("*") if path.is_file()]
            held = {"rss": process.memory_info().rss, "handles": process.num_fds(), "threads": process.num_threads()}
            yield {"part": "queue", "number": number, **held, "temp_files": len(files), "failed": failed}
