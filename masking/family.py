"""Families of models: how the files of one kind of network are recognised, and what each becomes."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..support.errors import InputError
from .weights import Watch, Weights, read_folder_weights, read_json, read_weights

Model = TypeVar("Model", covariant=True)  # a Detector or a Segmenter
Config = Mapping[str, Any]  # the content of a config.json


@dataclass(frozen=True)
class Source:
    """What a network is built from.

    name: of the file or folder, for messages. weights: in the names that published Hugging Face folders have.
    folder: where a tokenizer and a preprocessor_config.json may lie; None for a single file.
    """

    name: str
    config: Config
    weights: Weights
    folder: pathlib.Path | None = None


@dataclass(frozen=True)
class OriginalFormat(Generic[Model]):
    """A family's checkpoints as its authors' own program writes them.

    recognises: tells them by the names of their weights. load: reads them into our network; (weights, file's name).
    package: of the original program, where users can ask for it. load_in_package: reads them into that program.
    """

    recognises: Callable[[Weights], bool]
    load: Callable[[Weights, str], Model]
    package: str = ""
    load_in_package: Callable[[Weights, str], Model] | None = None


@dataclass(frozen=True)
class Family(Generic[Model]):
    """One kind of network, for instance GroundingDINO.

    name: with its article, for messages. model_type: in a Hugging Face folder's config.json.
    key_weight: the name of a weight that all its files in Hugging Face's format have; "" where they need their folder.
    published_config: the config of such weights without a folder; None where they are of no published size.
    build: makes the model, in float32 on the CPU. original: the authors' own checkpoints, where they differ.
    """

    name: str
    model_type: str
    key_weight: str
    published_config: Callable[[Weights], Config | None]
    build: Callable[[Source], Model]
    original: OriginalFormat[Model] | None = None


def in_folders(
    name: str, model_type: str, build: Callable[[Source], Model], original: OriginalFormat[Model] | None = None
) -> Family[Model]:
    """A family whose files in Hugging Face's format need their folder's config.json."""
    return Family(name, model_type, "", lambda _: None, build, original)


@dataclass(frozen=True)
class FamilyTable(Generic[Model]):
    """All families that can play one part. widget: the node's combo. folder: the host's name of its model folder."""

    widget: str
    folder: str
    families: Sequence[Family[Model]]

    def packages(self) -> list[str]:
        """The original programs that can be asked for."""
        return [family.original.package for family in self.families if family.original and family.original.package]

    def load(self, path: pathlib.Path, package: str = "", watch: Watch = lambda: None) -> Model:
        """Makes a model of a file or folder, by what is in it and not by what it is called.

        path: a Hugging Face folder, an original checkpoint, or a folder's model.safetensors alone.
        package: one of `packages`, to run an original checkpoint in that program.
        watch: called often while files are read; what it raises ends the loading.
        Raises: InputError when it is something else, damaged, or holds code.
        """
        return (self._load_folder if path.is_dir() else self._load_file)(path, package, watch)

    def _load_folder(self, folder: pathlib.Path, package: str, watch: Watch) -> Model:
        _refuse_package(package, folder)
        config = read_json(folder / "config.json")
        model_type = config.get("model_type")
        for family in self.families:
            if family.model_type == model_type:
                return family.build(Source(folder.name, config, read_folder_weights(folder, watch), folder))
        raise InputError(f"{folder} holds a {model_type or 'nameless'} model and not {self._names()}: choose another.")

    def _load_file(self, path: pathlib.Path, package: str, watch: Watch) -> Model:
        weights = read_weights(path, watch)
        for family in self.families:
            original = family.original
            if original is not None and original.recognises(weights):
                return _load_original(original, weights, path.name, package)
        _refuse_package(package, path)
        return self._load_published(path.name, weights)

    def _load_published(self, name: str, weights: Weights) -> Model:
        """Weights in Hugging Face's format that were taken out of their folder, by their size."""
        for family in self.families:
            if family.key_weight and family.key_weight in weights:
                config = family.published_config(weights)
                if config is not None:
                    return family.build(Source(name, config, weights))
                raise InputError(
                    f"`{self.widget}`: {name} is of no published size: put it into a folder of its own beside its"
                    " config.json."
                )
        keys = " nor ".join(family.key_weight for family in self.families if family.key_weight)
        raise InputError(f"`{self.widget}`: {name} is not {self._names()} checkpoint (no {keys}): choose another.")

    def _names(self) -> str:
        return " nor ".join(dict.fromkeys(family.name for family in self.families))


def _load_original(original: OriginalFormat[Model], weights: Weights, name: str, package: str) -> Model:
    """Raises: InputError when another package was asked for than the one that can read them."""
    if not package:
        return original.load(weights, name)
    if package != original.package or original.load_in_package is None:
        raise InputError(f"{name} is of a kind which {package} cannot read: choose the entry without [{package}].")
    return original.load_in_package(weights, name)


def _refuse_package(package: str, path: pathlib.Path) -> None:
    """Raises: InputError when a package was asked for."""
    if package:
        raise InputError(
            f"{path.name} is in Hugging Face's format, which {package} cannot read: choose the entry without"
            f" [{package}]."
        )
