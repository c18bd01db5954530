"""A pretend accelerator: the paths of a GPU, without one.

Its tensors say that they are on another device (torch's "meta", which nobody else uses here), hold real numbers on the
CPU, and fail as on a GPU when they are mixed with tensors of the CPU. The host loads, offloads and samples on it by its
own code; only what asks the driver is replaced. What it can't show is timing, other rounding, and kernels that a real
device lacks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

CARD = torch.device("meta")
CPU = torch.device("cpu")
FP8 = ("fp8_e4m3fn_unet", "fp8_e4m3fn_text_enc")
"""The host's arguments that store weights in 8 bits."""
_aten = torch.ops.aten
_TO, _COPY = _aten._to_copy.default, _aten.copy_.default
_SHALLOW = _aten._has_compatible_shallow_copy_type.default
_INDEXED = {
    *(_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default, _aten._index_put_impl_.default),
    _aten._unsafe_index.Tensor,
}
_INDEXING = (Tensor.__getitem__, Tensor.__setitem__)
_MAKERS = (torch.tensor, torch.as_tensor, torch.asarray)
_IN_HALF = {F.linear, F.conv2d, F.conv_transpose2d, F.scaled_dot_product_attention, torch.conv2d, torch.matmul,
            torch.bmm, torch.baddbmm, torch.einsum, Tensor.matmul, Tensor.__matmul__, Tensor.bmm}  # fmt: skip
_IN_FULL = {F.grid_sample, F.softmax, F.layer_norm, F.group_norm, torch.softmax, torch.layer_norm, Tensor.softmax}


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
    if func is _SHALLOW:
        return False
    here: list[OnCard] = []
    there: list[Tensor] = []
    bare = [_bare(value, here, there) for value in args]
    named = {name: _bare(value, here, there) for name, value in kwargs.items()}
    assert not any(value.device.type == CARD.type for value in there), f"{func}: torch made numbers of its own there"
    result_is_here = _place_of_result(func, args, kwargs.get("device"), here, there)
    if named.get("device") is not None:
        named["device"] = CPU
    return _wrapped(func(*bare, **named), here, result_is_here)


def _bare(value: Any, here: list[OnCard], there: list[Tensor]) -> Any:
    """The value with the numbers of the card's tensors in their place; each tensor goes into one of the lists."""
    if type(value) is OnCard:
        here.append(value)
        return value.real_numbers
    if isinstance(value, Tensor):
        if value.dim():
            there.append(value)
    elif type(value) in (list, tuple):
        return type(value)([_bare(part, here, there) for part in value])
    return value


def _wrapped(value: Any, here: list[OnCard], is_here: bool) -> Any:
    """A result on the card, or as it is; what was worked on in place is the same tensor again."""
    if isinstance(value, Tensor):
        for tensor in here:
            if tensor.real_numbers is value:
                return tensor
        return OnCard(value) if is_here else value
    if type(value) in (list, tuple):
        return type(value)([_wrapped(part, here, is_here) for part in value])
    return value


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
        if func is Tensor.new_tensor and isinstance(args[0], OnCard):
            return torch.tensor(*args[1:], **{"dtype": args[0].dtype, **kwargs}).to(CARD)
        if func not in _MAKERS or device is None or torch.device(device).type != CARD.type:
            return func(*args, **kwargs)
        if isinstance(args[0], OnCard):
            return args[0].to(dtype=kwargs.get("dtype"))
        return func(*args, **{**kwargs, "device": CPU}).to(CARD)


class _Autocast(TorchFunctionMode):
    """torch's autocast, which knows no such card: layers in half precision, norms and softmax in fp32."""

    def __init__(self, half: torch.dtype) -> None:
        super().__init__()
        self.half = half

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        dtype = self.half if func in _IN_HALF else torch.float32 if func in _IN_FULL else None

        def cast(value: Any) -> Any:
            is_number = isinstance(value, OnCard) and value.dtype in (torch.float32, self.half)
            return value.to(dtype) if is_number else value

        given = (args, kwargs or {}) if dtype is None else tree_map(cast, (args, kwargs or {}))
        return func(*given[0], **given[1])


class _Generator(torch.Generator):
    """What is drawn on the card is drawn on the CPU."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, CPU if torch.device(device).type == CARD.type else device)


def _autocast(device: str, dtype: torch.dtype, real: Any = torch.autocast) -> Any:
    return _Autocast(dtype) if device == CARD.type else real(device, dtype)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the host is told of the card, and what it has on it.

    half: the precision that it is best at, or None. vram: a name of the host's VRAMState without _VRAM. on_cpu: what
    stays there. fp8: UNets and text encoders are stored in it. models: the host's list of what is loaded.
    """

    memory: float = 8 * 2**30
    half: torch.dtype | None = None
    vram: str = "NORMAL"
    on_cpu: tuple[str, ...] = ()
    fp8: bool = False
    models: list[Any] = field(default_factory=list)

    def _answers(self, manager: Any) -> dict[str, Any]:
        def of(part: str) -> torch.device:
            return CPU if part in self.on_cpu else CARD

        def free(_: Any = None, torch_free_too: bool = False, **__: Any) -> Any:
            return (self.memory, self.memory) if torch_free_too else self.memory

        state = manager.VRAMState[f"{self.vram}_VRAM"]
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
            patch.setattr(manager, "current_loaded_models", self.models)
            for part in FP8:
                patch.setattr(manager.args, part, self.fp8)
            patch.setattr(torch, "autocast", _autocast)
            patch.setattr(torch, "Generator", _Generator)
            # inference tensors are of torch's own making
            patch.setattr(torch, "inference_mode", lambda on=True: torch.no_grad() if on else contextlib.nullcontext())
            with _Operations(), _Making():
                manager.cleanup_models()  # whose objects died while another card was plugged in
                yield


def _always(answer: Any) -> Any:
    return lambda *_, **__: answer
