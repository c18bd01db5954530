"""The detectors and segmenters that a user can choose: which files there are, and the one of each that is loaded."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import Generic, TypeVar

import torch

from ..host import model_files, networks
from ..host.progress import throw_if_cancelled
from ..masking import families
from ..masking.catalogue import PUBLISHED, PublishedModel, find_published, how_to_get, marked, original_of, unmarked
from ..masking.family import FamilyTable
from ..masking.interfaces import Detector, MaskingModel, Segmenter
from ..support.errors import InputError, brief

log = logging.getLogger("single_image_studio")
Model = TypeVar("Model", bound=MaskingModel)


class ModelChoices(Generic[Model]):
    """What one combo of Mask from Prompt, or of another node of its kind, offers, and how a choice becomes a model.

    Models that are there come first, then those of them that an original program can run, with its package in square
    brackets, then published ones that are missing, marked as such: the page offers to download a file that a workflow
    names and no list has. All names are valid, marked or not, so that saved workflows load. The shipped workflows name
    a checkpoint by its copy as .safetensors; where the original is there, it stands for the copy, unmarked.
    """

    def __init__(self, table: FamilyTable[Model], node: str = "Mask from Prompt") -> None:
        self.table, self._node = table, node
        self.folder = model_files.ModelFolder(table.folder)

    def names(self) -> list[str]:
        there = list(self.folder.models())
        checkpoints = [name for name in there if name.endswith(".pth")]
        absent = [model for model in PUBLISHED if model.kind == self.folder.kind and model.name not in there]
        in_package = [f"{name} [{package}]" for package in self.table.packages() for name in checkpoints]
        stood_for = [model.name for model in absent if original_of(model) in there]
        return [*there, *in_package, *stood_for, *(marked(model) for model in absent if model.name not in stood_for)]

    def path(self, choice: str) -> pathlib.Path:
        """Raises: InputError when there is no such model; for a published one, the message says how to get it."""
        path = self._find(choice)
        if path is not None:
            return path
        name, _ = self._split(choice)
        folder = str(self.folder.folders()[0])
        if missing := self.missing(choice):
            raise InputError(f"`{self.table.widget}`: {how_to_get(missing)}")
        raise InputError(
            f"`{self.table.widget}`: there is no {brief(name)} in {folder} nor in the extra model paths: choose another"
            " in the list."
        )

    def missing(self, choice: str) -> tuple[PublishedModel, str] | None:
        """A published model that is not there, and the folder that it belongs in."""
        name, _ = self._split(choice)
        model = find_published(name, self.folder.kind)
        return (model, str(self.folder.folders()[0])) if model and self._find(choice) is None else None

    def stamp(self, choice: str | None) -> str:
        """Changes with the choice and with its files' content; empty when there is no such model."""
        path = self._find(choice) if choice else None
        return f"{choice} {model_files.stamp(path)}" if path is not None else ""

    def load(self, choice: str) -> Model:
        """The model, on the CPU, in the precision that suits the host's device.

        Raises: InputError as `path` and `FamilyTable.load`; the host's InterruptProcessingException when the user has
            pressed cancel.
        """
        path, (_, package) = self.path(choice), self._split(choice)
        with torch.inference_mode(False), networks.cancellable_loading():
            model = self.table.load(path, package, throw_if_cancelled)
            throw_if_cancelled()
            model.use_half(networks.half_precision())
        log.info("%s: loaded %s.", self._node, choice)
        return model

    def _find(self, choice: str) -> pathlib.Path | None:
        name, _ = self._split(choice)
        models, published = self.folder.models(), find_published(name, self.folder.kind)
        return models.get(name) or (models.get(original_of(published)) if published else None)

    def _split(self, choice: str) -> tuple[str, str]:
        """(name, package or "")."""
        choice = unmarked(choice)
        for package in self.table.packages():
            if choice.endswith(f" [{package}]"):
                return choice.removesuffix(f" [{package}]"), package
        return choice, ""


class LoadedModel(Generic[Model]):
    """Holds the last model that was used, until it is freed or another takes its place."""

    def __init__(self, choices: ModelChoices[Model]) -> None:
        self.choices = choices
        self.model: Model | None = None
        self._network: networks.ManagedNetwork | None = None
        self._stamp = ""

    def use(self, choice: str) -> Model:
        """The model on the host's device: the one that is held, or read from its file.

        Raises: InputError as `ModelChoices.load`.
        """
        self.choices.path(choice)
        stamp = self.choices.stamp(choice)
        if self.model is None or self._network is None or self._stamp != stamp:
            self.free()
            self.model, self._stamp = self.choices.load(choice), stamp
            self._network = networks.ManagedNetwork(self.model.net)
        self._network.load()
        return self.model

    @contextlib.contextmanager
    def freed_after(self, free: bool) -> Iterator[None]:
        """Frees the model at the end of a block, however it ends."""
        try:
            yield
        finally:
            if free:
                self.free()

    def free(self) -> None:
        """Drops the model and gives its memory back."""
        self.model = self._network = None
        networks.release_memory()


DETECTORS: ModelChoices[Detector] = ModelChoices(families.DETECTORS)
SEGMENTERS: ModelChoices[Segmenter] = ModelChoices(families.SEGMENTERS)


def require_models(detector: str | None, segmenter: str) -> None:
    """detector: None where there are no words to find.

    Raises: InputError when one of these choices is not there; where both are published and missing, of both.
    """
    missing = [found for found in (detector and DETECTORS.missing(detector), SEGMENTERS.missing(segmenter)) if found]
    if len(missing) == 2:
        raise InputError(f"`detector` and `segmenter`: {how_to_get(*missing)}")
    if detector is not None:
        DETECTORS.path(detector)
    SEGMENTERS.path(segmenter)
