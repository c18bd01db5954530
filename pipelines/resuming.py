"""A training goes on where it was cancelled or killed: what is kept of it, when, and how it is found again."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ..concept.data import Concept, tensor_bytes
from ..concept.settings import StageSettings
from ..concept.training_state import Misfit, TrainingState
from ..host.identity import samples, versions
from ..support.bounded_folder import BoundedFolder
from ..support.errors import InputError
from ..support.reading import reason
from ..support.warnings import Warned, tell, told, warn

log = logging.getLogger("single_image_studio")

FORMAT = "single_image_studio.training_state"
EVERY = 60.0  # seconds that a kill may cost
SHARE = 0.01  # of a training's time that keeping its state on the way may take
WORTH = 20.0  # seconds of training; less than that may be lost when it ends, however it ends
SHARE_AT_END = 0.05  # of the time that would be lost
MOST_WARNINGS, LONGEST_WARNING = 50, 1000
_NO_MATTER = ("preview_every",)


class StateKeeper:
    """Keeps one training's state in a folder, when that is cheap beside what would be lost. A `concept` Keeper.

    key: from `training_key`. steps: that the training is to have. Nothing here costs a training: what fails is warned
    of once.
    """

    bytes_a_second = 500e6  # until the first one was written, for all trainings

    def __init__(
        self, folder: BoundedFolder, key: str, steps: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.key, self.steps, self._clock = folder, key, steps, clock
        self._since = clock()
        self._size: int | None = None
        self._has_failed = False

    def go_on(self, restore: Callable[[TrainingState], None]) -> None:
        """Calls `restore` with the kept state, if there is one, and says from which step the training goes on."""
        try:
            found = self._read()
            if found is not None:
                state, warned = found
                restore(state)
                for warning in (Warned("went_on", {"done": state.facts["done"], "steps": self.steps}), *warned):
                    tell(warning)
        except (InputError, MemoryError) as error:
            log.info("The kept state of a training: %s", error)
            warn("state_damaged")
        except Misfit as misfit:
            tell(misfit.warned)
        self._since = self._clock()

    def _read(self) -> tuple[TrainingState, list[Warned]] | None:
        """Raises: InputError when the file is damaged; Misfit when another version wrote it."""
        header = self.folder.header(self.key)
        if header is None:
            return None
        if header.metadata.get("format") != FORMAT or header.metadata.get("versions") != versions():
            raise Misfit(Warned("state_of_another_version"))
        facts, warned = _texts(header.metadata)
        return TrainingState(self.folder.tensors(self.key), facts), warned

    def passed(self, take: Callable[[], TrainingState]) -> None:
        """Keeps the state once a minute, or more seldom where writing is slow."""
        if self._lost() >= EVERY:
            self._keep_if_worth(take, EVERY, SHARE)

    def ended(self, take: Callable[[], TrainingState]) -> None:
        """Keeps the last state: of a cancelled training to go on, of a finished one to go on to more steps, or to have
        its result again after a restart."""
        if self._lost() >= WORTH:
            self._keep_if_worth(take, WORTH, SHARE_AT_END)

    def _lost(self) -> float:
        """Seconds of training that are not kept."""
        return self._clock() - self._since

    def _keep_if_worth(self, take: Callable[[], TrainingState], least: float, share: float) -> None:
        if self._has_failed:
            return
        try:
            if self._size is None:
                self._size = sum(tensor.nbytes for tensor in take().tensors.values())
            if self._lost() >= max(least, self._size / StateKeeper.bytes_a_second / share):
                self._keep(take())
        except (OSError, RuntimeError, MemoryError) as error:
            self._has_failed = True
            warn("state_not_kept", reason=reason(error) if isinstance(error, OSError) else type(error).__name__)

    def _keep(self, state: TrainingState) -> None:
        began = self._clock()
        warned = [{"id": warning.id, "values": dict(warning.values)} for warning in told() if warning.id not in _OWN]
        texts = {"format": FORMAT, "versions": versions(), "facts": state.facts, "warned": warned}
        metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in texts.items()}
        self.folder.keep(self.key, state.tensors, metadata)
        self._since = self._clock()
        StateKeeper.bytes_a_second = (self._size or 0) / max(self._since - began, 1e-3)


_OWN = {"went_on", "state_damaged", "state_of_another_version", "state_beyond_steps", "state_not_kept"}


def _texts(metadata: Mapping[str, str]) -> tuple[dict[str, Any], list[Warned]]:
    """Facts and warnings of a kept state.

    Raises: InputError when they are not such as were written.
    """
    try:
        facts, warned = json.loads(metadata["facts"]), json.loads(metadata["warned"])
        warnings = [Warned(entry["id"], entry["values"]) for entry in warned]
        is_long = len(warnings) > MOST_WARNINGS or any(len(warning.text) > LONGEST_WARNING for warning in warnings)
        if not isinstance(facts, dict) or is_long:
            raise ValueError("no facts")
        return facts, warnings
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"its metadata is damaged ({error}).") from error


def training_key(
    stage: str, settings: StageSettings, origin: str, pictures: Mapping[str, Tensor], concept: Concept | None = None
) -> str:
    """The same for the same stage on the same picture with the same models and settings; 32 hex digits.

    origin: tells the models apart. pictures: what is learned from. concept: what Stage II goes on from.
    How many `steps` does not count where the rate is constant: more of them begin with the same ones.
    """
    asked = {name: value for name, value in settings.to_dict().items() if name not in _NO_MATTER}
    if settings.rate_schedule == "constant":
        del asked["steps"]
    digest = hashlib.sha256(json.dumps([stage, asked, origin], sort_keys=True).encode())
    for name, tensor in pictures.items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor_bytes(tensor))
    if concept is not None:
        digest.update(concept.fingerprint().encode())
        first = concept.settings.get("stage1", {})
        digest.update(json.dumps([first.get("encoder"), first.get("seed")]).encode())
        for name, tensor in (concept.encoder_state or {}).items():
            digest.update(name.encode() + samples(tensor))
    return digest.hexdigest()[:32]
