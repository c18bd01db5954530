"""One run as people see it: the host's bar and previews, the page's live view, the line under the node, the log.

An algorithm yields a report a step (`diffusion.report`); a pipeline hands each to its `Reporter`, which is also the one
place where a run is cancelled between steps.
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any, TypeVar

from torch import Tensor

from ..diffusion.report import StepReport, Steps
from ..host.progress import Progress, courtesy
from ..page.live import LiveRun, Moment, NodeAddress
from ..pictures.eight_bits import to_pil

T = TypeVar("T")


class Reporter:
    """Reports one run of one node, as a context: leaving it tells the page how the run ended.

    kind: which live view shows it (a key of `page.live.TITLES`); None for none.
    address: where the node runs; a script has none, and nobody is told there but the host's bar.
    text: also write the steps as a line of text under the node.
    """

    def __init__(self, kind: str | None = None, address: NodeAddress | None = None, *, text: bool = False) -> None:
        self.address = address or NodeAddress()
        self._live = None if kind is None else LiveRun(kind, self.address)
        self._node = self.address.node if text else None
        self.begin(0)

    def begin(self, total: int, model: Any = None, *, pictures: int = 1, preview_every: int = 0) -> None:
        """Starts counting.

        total: what the costs of all steps add up to, over all `pictures` of the batch.
        model: the MODEL whose latents are previewed. preview_every: steps of a phase from preview to preview; 0: none.
        """
        self.total, self.done, self.pictures = total, 0, pictures
        self._preview_every = preview_every
        self._progress = Progress(max(1, total), model, self._node)
        if self._live is not None:
            self._live.begin(total)

    def follow(self, algorithm: Steps[T], picture: int = 1) -> T:
        """Runs an algorithm to its end, reports every step, and returns its result.

        picture: which of the batch it works on, from 1.
        Raises: the host's InterruptProcessingException when the user has pressed cancel; the algorithm is closed then.
        """
        with contextlib.closing(algorithm):
            while True:
                try:
                    report = next(algorithm)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                self.step(report, picture)

    def step(self, report: StepReport, picture: int = 1) -> None:
        """Shows one finished step.

        Raises: the host's InterruptProcessingException when the user has pressed cancel.
        """
        moment = Moment(report.phase, report.step, report.steps, picture, self.pictures)
        if report.past:
            self._show_past(report, moment)
            return
        shown = report.latents if self._preview_every and report.step % self._preview_every == 0 else None
        preview = self.advance(report.cost, f"step {self.done + report.cost} of {self.total}", shown)
        if self._live is not None:
            with courtesy("The live view"):
                self._live.step(self.done, moment, report.losses, preview)

    def _show_past(self, report: StepReport, moment: Moment) -> None:
        """A step of an earlier run counts and is on the curve; it is shown with the next one, or at the end."""
        self.done += report.cost
        if self._live is not None:
            with courtesy("The live view"):
                self._live.past(self.done, moment, report.losses)

    def advance(self, cost: int, text: str, latents: Tensor | None = None) -> Any:
        """Moves the bar, for work that has no steps to report. Returns the preview as a PIL picture, or None.

        Raises: the host's InterruptProcessingException when the user has pressed cancel.
        """
        self.done += cost
        return self._progress.update(self.done, text, latents)

    def show_subject(self, picture: Tensor) -> None:
        """Shows in the live view, before the first step and from then on, what is learned: (H, W, 3) in [0, 1]."""
        if self._live is not None:
            with courtesy("The subject"):
                self._live.show_subject(to_pil(picture))

    def ui(self) -> dict[str, list[dict[str, Any]]]:
        """The run's history for NodeOutput's `ui`, so that a reused result brings its curves along."""
        if self._live is not None:
            with courtesy("The live view"):
                return self._live.ui()
        return {}

    def __enter__(self) -> Reporter:
        if self._live is not None:
            with courtesy("The live view"):
                self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            with courtesy("The live view"):
                self._live.__exit__(kind, error, trace)
