"""A training between two steps: all that the bits of the further steps depend on, to write down and to go on from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..losses.terms import LOSS_TERMS
from ..support import checks
from ..support.errors import InputError
from ..support.warnings import Warned
from .optimizer import MOMENTS as ADAM_MOMENTS
from .trainer import Trainer

MODULE, MOMENTS, HISTORY, NOTES = "module.", ("moment1.", "moment2."), "history.", "notes."
GENERATOR, UPDATES = "generator", "updates"
LARGEST_SCALE = 2.0**60  # torch doubles it each 2,000 steps


@dataclass(frozen=True)
class TrainingState:
    """tensors: `module.NAME`, everything of the encoder and the LoRA; `moment1.N` and `moment2.N`, AdamW's of parameter
    N, and `updates`, how many it had; `generator`; `history.TERM`, each loss so far, and `notes.NAME`, what the stage
    noted, float64. They may be the training's own, on its device: who keeps them copies them at once.
    facts: the rest, in values that JSON knows.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Misfit(Exception):
    """A state that this training cannot go on from. warned: why, for a person."""

    def __init__(self, warned: Warned) -> None:
        super().__init__(warned.text)
        self.warned = warned


def state_of(trainer: Trainer) -> TrainingState:
    """The state after the last whole step; `trainer.drawn` must not be None."""
    assert trainer.drawn is not None
    tensors = {MODULE + name: value for name, value in trainer.stage.modules.state_dict().items()}
    updates = []
    for index, parameter in enumerate(trainer.stage.parameters):
        adam = trainer.optimizer.state.get(parameter) or {}
        updates.append(float(adam.get("step", 0.0)))
        for prefix, key in zip(MOMENTS, ADAM_MOMENTS, strict=True):
            tensors[f"{prefix}{index}"] = adam[key] if adam else torch.zeros_like(parameter)
    tensors |= {UPDATES: torch.tensor(updates), GENERATOR: trainer.drawn}
    for prefix, numbers in ((HISTORY, trainer.history), (NOTES, trainer.notes)):
        tensors |= {prefix + name: torch.tensor(values, dtype=torch.float64) for name, values in numbers.items()}
    return TrainingState(tensors, _facts_of(trainer))


def _facts_of(trainer: Trainer) -> dict[str, Any]:
    return {
        "done": trainer.done,
        "terms": list(trainer.history),
        "computed": _computed(trainer),
        "size": trainer.size,
        "checkpointing": trainer.model.checkpointing,
        "overflows": trainer.overflows,
        "has_learned": trainer.has_learned,
        "moments_in_ram": trainer.optimizer.moments_in_ram,
        "scaler": trainer.scaler.state_dict(),
    }


def _computed(trainer: Trainer) -> str:
    """In what and on what the numbers come about: elsewhere they are rounded otherwise."""
    return f"{trainer.model.compute_dtype} on {trainer.model.device.type}"


def restore(trainer: Trainer, state: TrainingState) -> None:
    """Brings a new training to where a state was taken. Everything is checked before anything is changed.

    Raises: Misfit when the state is damaged, or of a training that is not this one.
    """
    try:
        facts, done = _checked_facts(trainer, state.facts)
        _check_tensors(trainer, state.tensors, done, facts["terms"])
        torch.Generator().set_state(state.tensors[GENERATOR])
    except (InputError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise Misfit(Warned("state_damaged")) from error
    if done > trainer.settings.steps:
        raise Misfit(Warned("state_beyond_steps", {"done": done, "steps": trainer.settings.steps}))
    if facts.get("moments_in_ram"):
        trainer.optimizer.keep_moments_in_ram()
    _put_back(trainer, state.tensors, facts["terms"])
    trainer.size, trainer.model.checkpointing = facts["size"], facts["checkpointing"]
    trainer.overflows, trainer.has_learned = facts["overflows"], facts["has_learned"]
    trainer.scaler.load_state_dict(facts["scaler"])


def _checked_facts(trainer: Trainer, facts: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """The facts, and how many steps were done.

    Raises: InputError, LookupError, TypeError or Misfit when they are not this training's.
    """
    if facts["computed"] != _computed(trainer):
        raise Misfit(Warned("state_of_another_version"))
    done = checks.whole("done", facts["done"], 1)
    checks.whole("size", facts["size"], 1, trainer.settings.batch_size)
    checks.whole("overflows", facts["overflows"], 0)
    for name in ("checkpointing", "has_learned"):
        checks.flag(name, facts[name])
    checks.flag("moments_in_ram", facts.get("moments_in_ram", False))  # states of before do not tell
    if "loss" not in facts["terms"] or not set(facts["terms"]) <= set(LOSS_TERMS):
        raise InputError("terms")
    _check_scaler(trainer.scaler.state_dict(), facts["scaler"])
    return facts, done


def _check_scaler(own: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """own: what this training's scaler has, nothing where none is needed; only the scale and its count may differ."""
    if not own and kept == {}:
        return
    if {**own, "scale": kept["scale"], "_growth_tracker": kept["_growth_tracker"]} != kept:
        raise InputError("scaler")
    checks.whole("_growth_tracker", kept["_growth_tracker"], 0)
    if not checks.is_number(kept["scale"]) or not 0 < kept["scale"] <= LARGEST_SCALE:
        raise InputError("scale")


def _check_tensors(trainer: Trainer, tensors: Mapping[str, Tensor], done: int, terms: Iterable[str]) -> None:
    """Raises: InputError unless each tensor is there, of its dtype and shape, and holds what can be."""
    if {name: _form(tensor) for name, tensor in tensors.items()} != _expected(trainer, done, terms):
        raise InputError("tensors")
    updates = tensors[UPDATES]  # twice `done` at most: an update may have been made once more for want of memory
    if not bool(((updates >= 0) & (updates <= 2 * done) & (updates == updates.floor())).all()):
        raise InputError(UPDATES)
    for name, tensor in tensors.items():
        is_told = name.startswith((HISTORY, NOTES))  # which no further step depends on
        if name != GENERATOR and not is_told and not _can_be(tensor, name.startswith(MOMENTS[1])):
            raise InputError(name)


def _expected(trainer: Trainer, done: int, terms: Iterable[str]) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    parameters = trainer.stage.parameters
    forms = {MODULE + name: _form(value) for name, value in trainer.stage.modules.state_dict().items()}
    forms |= {f"{prefix}{index}": _form(p) for index, p in enumerate(parameters) for prefix in MOMENTS}
    forms |= {GENERATOR: _form(trainer.generator.get_state()), UPDATES: (torch.float32, (len(parameters),))}
    told = [*(HISTORY + term for term in terms), *(NOTES + name for name in trainer.notes)]
    return forms | dict.fromkeys(told, (torch.float64, (done,)))


def _form(tensor: Tensor) -> tuple[torch.dtype, tuple[int, ...]]:
    return tensor.dtype, tuple(tensor.shape)


def _can_be(tensor: Tensor, is_square: bool) -> bool:
    """Whether numbers are such as a training that goes well has: finite, and a mean of squares not below 0."""
    if not tensor.numel():
        return True
    low, high = (float(value) for value in tensor.aminmax())
    return math.isfinite(low) and max(-low, high) <= checks.LARGEST and (low >= 0 or not is_square)


def _put_back(trainer: Trainer, tensors: Mapping[str, Tensor], terms: Iterable[str]) -> None:
    trainer.stage.modules.load_state_dict(
        {name.removeprefix(MODULE): tensor for name, tensor in tensors.items() if name.startswith(MODULE)}
    )
    updates = tensors[UPDATES]
    trainer.optimizer.put_back(
        {"step": updates[index].clone()}
        | {key: tensors[f"{prefix}{index}"] for prefix, key in zip(MOMENTS, ADAM_MOMENTS, strict=True)}
        for index in range(len(updates))
    )
    trainer.generator.set_state(tensors[GENERATOR])
    trainer.drawn = tensors[GENERATOR]
    trainer.history = {term: tensors[HISTORY + term].tolist() for term in terms}
    trainer.notes = {name: tensors[NOTES + name].tolist() for name in trainer.notes}
