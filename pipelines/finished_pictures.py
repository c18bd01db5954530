"""A batch goes on where it was cancelled or killed: its finished pictures are kept, and found again."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from ..host.identity import Untold, digest_of
from ..support.bounded_folder import BoundedFolder
from ..support.errors import InputError
from ..support.finite import are_finite
from ..support.strict_json import read_numbers, write_numbers
from ..support.warnings import warn

log = logging.getLogger("single_image_studio")

FORMAT = "single_image_studio.finished_picture"
T = TypeVar("T")
WORTH = 5.0  # seconds: a picture that was made in less is made anew


class Finished(NamedTuple):
    """A picture's result. tensors: by name. facts: the rest, in values that JSON knows, infinite ones too."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Form(NamedTuple, Generic[T]):
    """How a result is written, and read again; reading raises LookupError, TypeError or ValueError for what is none."""

    write: Callable[[T], Finished]
    read: Callable[[Finished], T]


class FinishedPictures(Generic[T]):
    """Keeps the pictures of one batch that are finished, in a folder, and finds those of an earlier run.

    run: tells it from other ones; "" keeps and finds nothing. found: how many pictures were finished before.
    Nothing here costs a run: what fails is logged, and the picture is made anew.
    """

    def __init__(
        self, folder: BoundedFolder, run: str, form: Form[T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._run, self._form, self._clock = folder, run, form, clock
        self._together: frozenset[str] = frozenset()  # keys of the whole batch
        self.found = 0

    def all(
        self,
        pictures: int,
        depends_on: Callable[[int], tuple[Any, ...]],
        make: Callable[[int], T],
        advance: Callable[[int, str], object],
        cost: int,
    ) -> list[T]:
        """Every picture's result, and a word to the user on how many were made before.

        depends_on: all that a picture's result depends on, beside what is the same for the whole batch. make: makes it.
        Both are given the picture's place in the batch. advance: of the reporter. cost: what making one counts there.
        """

        def was_found(i: int) -> None:
            advance(cost, f"picture {i + 1} was finished before")

        keys = [self._key(depends_on(i)) for i in range(pictures)]
        self._together = frozenset(key for key in keys if key is not None)
        results = [self._get(keys[i], partial(make, i), partial(was_found, i)) for i in range(pictures)]
        if self.found:
            warn("pictures_kept", found=self.found, pictures=pictures)
        return results

    def get(self, picture: tuple[Any, ...], make: Callable[[], T], was_found: Callable[[], object]) -> T:
        """A picture's result. picture: all that it depends on, beside what is the same for the whole batch.

        make: makes it. was_found: called instead, where it was made before.
        """
        return self._get(self._key(picture), make, was_found)

    def _get(self, key: str | None, make: Callable[[], T], was_found: Callable[[], object]) -> T:
        found = None if key is None else self._find(key)
        if found is not None:
            self.found += 1
            was_found()
            return found
        began = self._clock()
        made = make()
        if key is not None and self._clock() - began >= WORTH:
            self._keep(key, self._form.write(made))
        return made

    def _key(self, picture: tuple[Any, ...]) -> str | None:
        """None where pictures cannot be told from others: something hangs on the prompts that is no number."""
        try:
            return hashlib.sha256(f"{self._run} {digest_of(picture)}".encode()).hexdigest()[:32] if self._run else None
        except Untold as error:
            log.info("The pictures of this batch are not kept: %s.", error)
            return None

    def _find(self, key: str) -> T | None:
        try:
            header = self.folder.header(key)
            if header is None or header.metadata.get("format") != FORMAT:
                return None
            finished = Finished(self.folder.tensors(key), read_numbers(header.metadata["facts"]))
            if not are_finite(*finished.tensors.values()):
                raise InputError("it holds numbers that are not finite.")
            return self._form.read(finished)
        except (InputError, LookupError, TypeError, ValueError, OSError, MemoryError, RecursionError) as error:
            log.info("A kept picture of a batch cannot be used, and is made anew: %s", error)
            return None

    def _keep(self, key: str, made: Finished) -> None:
        """Gives up other batches' pictures for it, and none of its own: one that is larger than the folder would lose
        each picture just before its turn to be found."""
        metadata = {"format": FORMAT, "facts": write_numbers(made.facts)}
        try:
            self.folder.keep(key, made.tensors, metadata, self._together)
        except (OSError, RuntimeError, MemoryError) as error:
            log.info("A finished picture of a batch could not be kept: %s", error)
