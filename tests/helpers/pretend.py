"""A pretend accelerator: the paths of a GPU, without one.

Its tensors say that they are on another device (torch's "meta", which nobody else uses here), hold real numbers on the
CPU, and fail as on a GPU when they are mixed with tensors of the CPU. The host loads, offloads and samples on it by its
own code; only what asks the driver is replaced. What it can't show is timing, other rounding, and kernels that a real
device lacks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CARD = torch.device("meta")
CPU = torch.device("cpu")
_aten = torch.ops.aten
_TO, _COPY = _aten._to_copy.default, _aten.copy_.default
_INDEXED = {
    *(_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default, _aten._index_put_impl_.default),
    _aten._unsafe_index.Tensor,
}
_INDEXING = (Tensor.__getitem__, Tensor.__setitem__)
_MAKERS = (torch.tensor, torch.as_tensor, torch.asarray)


class Mixed(RuntimeError):
    """An operation on tensors of two devices, as CUDA refuses it."""


class OnCard(Tensor):
    """A tensor that says it is on the card; `real` holds its numbers."""

    real_numbers: Tensor

    @staticmethod
    def __new__(cls: Any, real: Tensor) -> OnCard:
        made = torch.Tensor._make_wrapper_subclass(
            cls, real.size(), strides=real.stride(), storage_offset=real.storage_offset(), dtype=real.dtype,
            layout=real.layout, device=CARD,
        )  # fmt: skip
        made.real_numbers = real
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _dispatch(func, args, kwargs or {})

    def item(self) -> Any:
        return self.real_numbers.item()

    def tolist(self) -> Any:
        return self.real_numbers.tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"OnCard({self.real_numbers})"

    is_meta = property(lambda self: False)  # type: ignore[assignment]


def _dispatch(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if "has_compatible_shallow_copy" in str(func):
        return False
    flat, _ = tree_flatten((args, kwargs))
    here = [value for value in flat if isinstance(value, OnCard)]
    there = [v for v in flat if isinstance(v, Tensor) and not isinstance(v, OnCard) and v.dim() > 0]
    assert not any(value.device.type == CARD.type for value in there), f"{func}: torch made numbers of its own there"
    result_is_here = _place_of_result(func, args, kwargs.get("device"), here, there)
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": CPU}
    bare = tree_map(lambda value: value.real_numbers if isinstance(value, OnCard) else value, (args, kwargs))
    result = func(*bare[0], **bare[1])
    known = {id(tensor.real_numbers): tensor for tensor in here}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, OnCard):
            return value
        return known.get(id(value)) if id(value) in known else OnCard(value) if result_is_here else value

    return tree_map(wrapped, result)


def _place_of_result(func: Any, args: Any, device: Any, here: list[Any], there: list[Any]) -> bool:
    """Whether a result is on the card. Raises: Mixed."""
    wanted = None if device is None else torch.device(device).type == CARD.type
    if func is _TO:
        return bool(here) if wanted is None else wanted
    if func is _COPY:
        return isinstance(args[0], OnCard)
    if func in _INDEXED:
        if here and not isinstance(args[0], OnCard):
            raise Mixed(f"{func}: a tensor on the CPU, indices on the card")
        return bool(here)  # the CPU's indices are allowed into the card's tensors
    if here and there:
        raise Mixed(f"{func}: on the card, and on the CPU {[tuple(value.shape) for value in there]}")
    return bool(here) or bool(wanted)


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatch(func, args, kwargs or {})


class _Making(TorchFunctionMode):
    """torch.tensor and its like build on the CPU first; so do lists that stand for indices."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        if func in _INDEXING and isinstance(args[0], OnCard):
            chosen = args[1] if isinstance(args[1], tuple) else (args[1],)
            chosen = tuple(torch.tensor(part) if isinstance(part, list) else part for part in chosen)
            return func(args[0], chosen, *args[2:], **kwargs)
        if func not in _MAKERS or device is None or torch.device(device).type != CARD.type:
            return func(*args, **kwargs)
        if isinstance(args[0], OnCard):
            return args[0].to(dtype=kwargs.get("dtype"))
        return func(*args, **{**kwargs, "device": CPU}).to(CARD)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the host is told of the card. half: the precision that it is best at, or None. on_cpu: what stays there."""

    memory: float = 8 * 2**30
    half: torch.dtype | None = None
    low_vram: bool = False
    on_cpu: tuple[str, ...] = ()

    def _answers(self, manager: Any) -> dict[str, Any]:
        def of(part: str) -> torch.device:
            return CPU if part in self.on_cpu else CARD

        def free(_: Any = None, torch_free_too: bool = False, **__: Any) -> Any:
            return (self.memory, self.memory) if torch_free_too else self.memory

        state = manager.VRAMState.LOW_VRAM if self.low_vram else manager.VRAMState.NORMAL_VRAM
        places = {"get_torch_device": CARD, "text_encoder_device": of("clip"), "vae_device": of("vae")}
        offload = dict.fromkeys(("unet_offload_device", "text_encoder_offload_device", "vae_offload_device"), CPU)
        never = dict.fromkeys(
            ("pin_memory", "unpin_memory", "device_supports_non_blocking", "supports_fp8_compute", "is_nvidia",
             "xformers_enabled"), False,
        )  # fmt: skip
        best = {"should_use_fp16": torch.float16, "should_use_bf16": torch.bfloat16}
        return {
            **{name: _always(value) for name, value in {**places, **offload, **never}.items()},
            **{name: _always(self.half == dtype) for name, dtype in best.items()},
            **dict.fromkeys(("get_free_memory", "get_total_memory"), free),
            **dict.fromkeys(("soft_empty_cache", "get_offload_stream"), _always(None)),
            "vram_state": state,
            "set_vram_to": state,
            "cpu_state": manager.CPUState.GPU,
        }

    @contextlib.contextmanager
    def plugged_in(self) -> Iterator[None]:
        """The host has this card inside."""
        import comfy.model_management as manager

        with pytest.MonkeyPatch.context() as patch:
            for name, answer in self._answers(manager).items():
                patch.setattr(manager, name, answer, raising=not callable(answer))
            patch.setattr(manager, "current_loaded_models", [])
            # inference tensors are of torch's own making
            patch.setattr(torch, "inference_mode", lambda on=True: torch.no_grad() if on else contextlib.nullcontext())
            with _Operations(), _Making():
                yield


def _always(answer: Any) -> Any:
    return lambda *_, **__: answer
