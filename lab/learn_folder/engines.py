"""Who learns: a ComfyUI that is started here, or some that run already. `ray_engine` has the third kind."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .. import DevError
from ..hosting.client import Client, Event, HostError
from ..hosting.environment import Host
from ..hosting.installation import say
from ..hosting.server import as_users_do, serving, temporary_base
from ..jobs.progress import Progress
from .at_server import PATIENCE, ServerWorker
from .tasks import Learned, Task

NEEDED = "SIS_SaveConcept"
THREADS = "OMP_NUM_THREADS"


def _threads() -> str | None:
    return os.environ.get(THREADS)


@dataclass(frozen=True)
class Machine:
    """How a ComfyUI is started for learning, here or by Ray on another machine with the same paths.

    models: a folder of models to use beside those that the ComfyUI names in its own extra_model_paths.yaml.
    time_limit: seconds that one picture may take.
    threads: OMP_NUM_THREADS, on which the last bits of a CPU's sums depend.
    """

    host: Host
    models: pathlib.Path | None
    time_limit: float
    threads: str | None = field(default_factory=_threads)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Client]:
        """A ComfyUI with this pack alone, which writes nothing outside a temporary folder.

        Raises: DevError when it does not start.
        """
        parent = None if self.host.ours else pathlib.Path(tempfile.gettempdir())
        threads = {THREADS: self.threads} if self.threads else {}
        start = replace(as_users_do(self.host), environment=threads, guarded=True)
        with temporary_base(parent) as base:
            if self.models is not None:
                paths = ("--extra-model-paths-config", str(_model_paths(self.models, base)))
                start = replace(start, arguments=paths)
            with serving(self.host, base, start=start) as client:
                yield client


def _model_paths(models: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
    """Writes what the host's --extra-model-paths-config reads: YAML, of which JSON is a part."""
    kinds = {folder.name: folder.name for folder in sorted(models.iterdir()) if folder.is_dir()}
    path = base / "models_of_the_user.yaml"
    path.write_text(json.dumps({"models": {"base_path": str(models.absolute()), **kinds}}), encoding="utf-8")
    return path


class OwnComfyUI:
    """A worker that starts its own ComfyUI, and starts it again when it is lost. show: given what it tells while it
    computes, of one task."""

    name = "this machine"

    def __init__(self, machine: Machine, show: Callable[[Task], Callable[[Event], None]] | None = None) -> None:
        """Raises: DevError when it does not start."""
        self._machine, self._show = machine, show
        self._stack = contextlib.ExitStack()
        self._start()

    def _start(self) -> None:
        self._client = self._stack.enter_context(self._machine.serving())
        self._worker = ServerWorker(self._client, self._machine.time_limit)

    def learn(self, task: Task, picture: bytes) -> Learned:
        """As Worker."""
        self._client.on_event = self._show(task) if self._show else None
        return self._worker.learn(task, picture)

    def come_back(self) -> bool:
        """Starts another one."""
        try:
            self.close()
            self._start()
        except (DevError, OSError) as error:
            say(str(error))
            return False
        return True

    def close(self) -> None:
        """Stops it, and removes its folder."""
        self._stack.close()


@contextlib.contextmanager
def local(machine: Machine) -> Iterator[list[OwnComfyUI]]:
    """One ComfyUI on this machine.

    Raises: DevError when it does not start.
    """
    say("starting ComfyUI …")
    worker = OwnComfyUI(machine, lambda task: Progress(task.prompt))
    try:
        yield [worker]
    finally:
        worker.close()


@contextlib.contextmanager
def servers(urls: Sequence[str], time_limit: float, patience: float = PATIENCE) -> Iterator[list[ServerWorker]]:
    """ComfyUI servers that run already, those of them that answer and have the pack.

    Raises: DevError when none does.
    """
    found = [client for client in map(_client, dict.fromkeys(url.rstrip("/") for url in urls)) if _is_fit(client)]
    if not found:
        raise DevError(
            "none of the servers can be used: start ComfyUI with Single Image Studio there, and check --servers"
        )
    workers = [ServerWorker(client, time_limit, patience) for client in found]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.close()


def _client(url: str) -> Client:
    return Client(url if "://" in url else f"http://{url}")


def _is_fit(client: Client) -> bool:
    try:
        fit = NEEDED in client.object_info(NEEDED)
    except (HostError, ValueError) as error:
        say(f"{client.url} is left out: {error}")
        return False
    if not fit:
        say(f"{client.url} is left out: it has no Single Image Studio")
    return fit
