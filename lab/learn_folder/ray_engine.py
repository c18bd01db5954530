"""Workers of a Ray cluster: one actor a GPU, each with a ComfyUI of its own on its machine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from .. import ROOT, DevError
from ..hosting.installation import say
from ..hosting.server import START_SECONDS
from .engines import THREADS, Machine, OwnComfyUI
from .tasks import Learned, Task, TaskFailed, WorkerLost

SPARE = 60  # seconds of an answer's way
CLUSTER = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent unasked
    "RAY_worker_niceness": "0",  # by default all else on the machine goes before Ray's workers
}
"""For a cluster that is started here, where the user has not set them."""


class Remote:
    """What runs in the actor's process."""

    def __init__(self, machine: Machine) -> None:
        # Ray sets it to the number of CPUs that it thinks it lends
        os.environ.pop(THREADS, None)
        self._worker = OwnComfyUI(machine)

    def ready(self) -> int:
        """The process's id, once its ComfyUI runs."""
        return os.getpid()

    def learn(self, task: Task, picture: bytes) -> Learned | str:
        """What was learned, or why not.

        Raises: WorkerLost.
        """
        try:
            return self._worker.learn(task, picture)
        except TaskFailed as error:
            return str(error)


class Actor:
    """The worker on this side. pid: of the actor's process, once it is known."""

    def __init__(self, ray: Any, number: int, machine: Machine, options: dict[str, Any]) -> None:
        self.name = f"ray worker {number}"
        self.pid: int | None = None
        self._ray, self._machine = ray, machine
        self._class = ray.remote(Remote).options(**options)
        self._actor: Any = None

    def learn(self, task: Task, picture: bytes) -> Learned:
        """As Worker; the first call starts the actor."""
        if self._actor is None:
            self._start()
        answer = self._ask(self._actor.learn.remote(task, picture), self._machine.time_limit + SPARE)
        if isinstance(answer, str):
            raise TaskFailed(answer)
        return answer  # type: ignore[no-any-return]

    def come_back(self) -> bool:
        """Starts another actor, wherever the cluster has room."""
        try:
            self.close()
            self._start()
        except WorkerLost as error:
            say(str(error))
            return False
        return True

    def close(self) -> None:
        """Ends the actor, and with it its ComfyUI."""
        actor, self._actor = self._actor, None
        if actor is not None:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)

    def _start(self) -> None:
        if not self._ray.is_initialized():  # a call would start another cluster
            raise WorkerLost("the run has ended")
        self._actor = self._class.remote(self._machine)
        self.pid = self._ask(self._actor.ready.remote(), START_SECONDS + SPARE)

    def _ask(self, answer: Any, seconds: float) -> Any:
        """Raises: WorkerLost when the actor, its ComfyUI or its machine is gone."""
        try:
            return self._ray.get(answer, timeout=seconds)
        except self._ray.exceptions.RayTaskError as error:
            raise WorkerLost(str(error.cause)) from error
        except self._ray.exceptions.GetTimeoutError as error:
            raise WorkerLost(f"{self.name} did not answer within {seconds:.0f} s") from error
        except self._ray.exceptions.RayError as error:
            raise WorkerLost(str(error).strip().splitlines()[0]) from error


@contextlib.contextmanager
def actors(machine: Machine, count: int | None, address: str | None) -> Iterator[list[Actor]]:
    """As many as asked for, or one a GPU, or one. Starts a cluster on this machine for their time, or joins one.

    address: of a running cluster, whose machines have this pack and the ComfyUI at the same paths.
    Raises: DevError without Ray, or when there is no cluster at the address.
    """
    ray = _import_ray()
    for name, value in CLUSTER.items():
        os.environ.setdefault(name, value)
    # where the actors find this very code; what the user has set stays
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": path}},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise DevError(f"Ray cannot be used: {str(error).strip().splitlines()[0]}") from error
    workers: list[Actor] = []
    try:
        workers = [Actor(ray, number, machine, options) for number, options in _shares(ray.cluster_resources(), count)]
        yield workers
    finally:
        for worker in workers:
            worker.close()
        ray.shutdown()


def _shares(resources: dict[str, float], wanted: int | None) -> list[tuple[int, dict[str, Any]]]:
    """Each actor's number, from 1, and what it asks of the cluster: a GPU, or its share of the CPUs where there is
    none."""
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    count = wanted or gpus or 1
    if gpus and count > gpus:
        say(f"--workers {count}: the cluster has {gpus} GPUs, and each worker needs one")
        count = gpus
    # none of its calls is repeated by Ray: the pool does that, on whichever worker is free first
    lent = {"num_gpus": 1, "num_cpus": 1} if gpus else {"num_cpus": max(1, cpus // count)}
    return [(number, {**lent, "max_restarts": 0, "max_task_retries": 0}) for number in range(1, count + 1)]


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise DevError(
            f"Ray is not installed: `{sys.executable} -m pip install -r requirements-ray.txt` in {ROOT}, or use"
            " --engine servers, which needs nothing"
        ) from None
    return ray
