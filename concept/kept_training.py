"""A training whose state is kept on the way, and that goes on from a kept one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from ..diffusion.report import StepReport, Steps
from .trainer import LossHistory, Trainer
from .training_state import TrainingState, restore, state_of


class Keeper(Protocol):
    """Who keeps a training's state, and decides when that is worth its time."""

    def go_on(self, restore: Callable[[TrainingState], None]) -> None:
        """Calls `restore` with the state that is kept of this training, if one is."""
        ...

    def passed(self, take: Callable[[], TrainingState]) -> None:
        """A step is done. take: gives the state after it."""
        ...

    def ended(self, take: Callable[[], TrainingState]) -> None:
        """The training ends here: it is done, cancelled, or has failed. take: gives the state after its last step."""
        ...


def kept_steps(trainer: Trainer, keeper: Keeper | None) -> Steps[LossHistory]:
    """`trainer.steps`, from where a kept state ends; the steps before it are reported as past ones.

    Raises: as `Trainer.steps`.
    """
    if keeper is None:
        return (yield from trainer.steps())
    keeper.go_on(lambda state: restore(trainer, state))
    before = trainer.done
    yield from _past(trainer)
    try:
        for report in trainer.steps():
            keeper.passed(lambda: state_of(trainer))
            yield report
    finally:
        if trainer.drawn is not None and trainer.done > before:
            keeper.ended(lambda: state_of(trainer))
    return trainer.history


def _past(trainer: Trainer) -> Iterator[StepReport]:
    for step in range(trainer.done):
        losses = {name: values[step] for name, values in trainer.history.items()}
        yield StepReport("learning", step + 1, trainer.settings.steps, losses=losses, past=True)
