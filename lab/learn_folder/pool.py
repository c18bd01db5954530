"""Shares tasks among workers, and does a lost worker's tasks elsewhere."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from ..hosting.installation import say
from .tasks import Failure, Learned, Outcome, Task, TaskFailed, Worker, WorkerLost

MOST_LOSSES = 3
"""Of workers at one task, which may be what breaks them; and of a worker in a row, which may be what is broken."""


@dataclass(eq=False)
class _Try:
    """A task, which workers were lost at it, each time, and why which workers failed."""

    task: Task
    lost: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def suits(self, name: str, alive: set[str]) -> bool:
        """Whether a worker may try: one that was lost at it, only where nobody else is left for it."""
        if name in self.failed:
            return False
        return name not in self.lost or not alive - set(self.lost) - set(self.failed)


class Pool:
    """Each worker has a thread that takes the first task it has not failed at.

    What one worker fails at, another tries too: a worker with a full disk or a broken GPU fails at everything, and that
    is no fault of the pictures.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        workers: Sequence[Worker],
        before: Callable[[Task], Failure | None] = lambda _: None,
    ) -> None:
        """before: asked when a task's turn comes; what it answers is the task's outcome, without a worker."""
        self._before = before
        self._waiting = [_Try(task) for task in tasks]
        self._count, self._running, self._stopped = len(tasks), 0, False
        self._workers = workers
        self._alive = {worker.name for worker in workers}
        self._changed = threading.Condition()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self.left_out: dict[str, str] = {}

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Runs all tasks. Yields outcomes as they come; afterwards `left_out` has why workers were given up.

        Close it before the workers, where it may not come to its end: then no worker begins or comes back any more.
        """
        with self._changed:
            self._give_up_what_nobody_can()  # all, where there are no workers
        for worker in self._workers:
            threading.Thread(target=self._work, args=(worker,), daemon=True, name=worker.name).start()
        try:
            for _ in range(self._count):
                yield self._outcomes.get()
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()

    def _work(self, worker: Worker) -> None:
        losses = 0
        while losses < MOST_LOSSES and (current := self._take(worker.name)):
            try:
                outcome = Outcome(current.task, worker.name, self._learn(worker, current.task))
            except WorkerLost as error:
                if self._stopped:  # its ComfyUI ended because the run did
                    return
                losses += 1
                current.lost.append(worker.name)
                self.left_out[worker.name] = str(error)
                self._tell_loss(worker.name, current.task, error)
                self._put_back(current, last=True)  # what breaks workers keeps none from the other tasks
                if error.for_good or not self._comes_back(worker):
                    break
            except Exception as error:  # TaskFailed, or what nobody thought of: the others go on either way
                current.failed[worker.name] = str(error) if isinstance(error, TaskFailed) else repr(error)
                self._put_back(current)
            else:
                losses = 0
                self.left_out.pop(worker.name, None)
                self._end(outcome)
        self._leave(worker.name)

    def _comes_back(self, worker: Worker) -> bool:
        try:
            return worker.come_back()
        except Exception as error:  # whatever it is, the other workers go on
            self.left_out[worker.name] = repr(error)
            return False

    def _take(self, name: str) -> _Try | None:
        """The next task for a worker, once there is one; None when there will be none."""
        with self._changed:
            while not self._stopped and (self._waiting or self._running):
                for waiting in self._waiting:
                    if waiting.suits(name, self._alive):
                        self._waiting.remove(waiting)
                        self._running += 1
                        return waiting
                self._changed.wait()
            return None

    def _end(self, outcome: Outcome) -> None:
        with self._changed:
            self._running -= 1
            self._outcomes.put(outcome)
            self._changed.notify_all()

    def _put_back(self, current: _Try, last: bool = False) -> None:
        with self._changed:
            self._running -= 1
            self._waiting.insert(len(self._waiting) if last else 0, current)
            self._give_up_what_nobody_can()

    def _leave(self, name: str) -> None:
        with self._changed:
            self._alive.discard(name)
            self._give_up_what_nobody_can()

    def _give_up_what_nobody_can(self) -> None:
        for waiting in list(self._waiting):
            if len(waiting.lost) >= MOST_LOSSES or not self._alive - set(waiting.failed):
                self._waiting.remove(waiting)
                name, reason = self._why(waiting)
                self._outcomes.put(Outcome(waiting.task, name, Failure(waiting.task.file, reason)))
        self._changed.notify_all()

    def _why(self, given_up: _Try) -> tuple[str, str]:
        """The worker that failed last, and a sentence."""
        if given_up.failed:
            return list(given_up.failed.items())[-1]
        name, reason = list(self.left_out.items())[-1] if self.left_out else ("", "there was none")
        if len(given_up.lost) >= MOST_LOSSES:
            return (
                name,
                f"{MOST_LOSSES} times a ComfyUI was lost while it learned this picture; the last time: {reason}",
            )
        return name, f"no ComfyUI was left to learn it; the last one: {reason}"

    @staticmethod
    def _tell_loss(name: str, task: Task, error: WorkerLost) -> None:
        say(f"{name} was lost at {task.file}, which is done again: {error}")

    def _learn(self, worker: Worker, task: Task) -> Learned | Failure:
        if failure := self._before(task):
            return failure
        try:
            picture = task.path.read_bytes()
        except OSError as error:
            return Failure(task.file, f"the picture cannot be read ({error.strerror or error})")
        say(f"{worker.name}: {task.file}")
        return worker.learn(task, picture)
