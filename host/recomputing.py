"""Training that keeps less for backward, to the bit.

Autograd keeps what each operation's gradient reads. Two kinds of it need not be kept. What a norm, an activation or a
cast made is made again from its input, which is kept anyway, and which gives the same bits again. And the input of a
convolution whose weight is frozen is read by nobody: it is there for the weight's gradient. All the gradients are
torch's own.

Nothing is put on the model. A mode of this thread sees the calls wherever they are made, so patched layers count too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode

_REMADE = frozenset((F.group_norm, F.layer_norm, F.silu, F.gelu, Tensor.float))
_CONVOLUTIONS = frozenset((F.conv1d, F.conv2d, F.conv3d))
_CHANGED = (
    "an activation that training needs was changed in place, by a patch on `model`: connect `model` without the patches"
    " of other packs."
)


class _Saved:
    """What stands for a tensor until backward."""

    def restored(self) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class _Kept(_Saved):
    """A tensor as it is. version: torch's count of the writes to it."""

    tensor: Tensor
    version: int

    def restored(self) -> Tensor:
        if self.tensor._version != self.version:
            raise RuntimeError(_CHANGED)
        return self.tensor


@dataclass(frozen=True)
class _Unread(_Saved):
    """A tensor that has to be there, and whose numbers nobody reads."""

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device

    def restored(self) -> Tensor:
        return torch.zeros((), dtype=self.dtype, device=self.device).expand(self.shape)


@dataclass(frozen=True)
class _Remade(_Saved):
    """What an operation gives. args, kwargs: its own, tensors as they are restored. version: of what it gave."""

    operation: Callable[..., Tensor]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    dtype: torch.dtype
    version: int

    def restored(self) -> Tensor:
        kwargs = {name: _restored(value) for name, value in self.kwargs.items()}
        with torch.no_grad():
            return self.operation(*map(_restored, self.args), **kwargs)


@dataclass(frozen=True)
class _View(_Saved):
    """A view of something that is made again."""

    whole: _Remade
    shape: torch.Size
    stride: tuple[int, ...]
    offset: int | torch.SymInt

    def restored(self) -> Tensor:
        return self.whole.restored().as_strided(self.shape, self.stride, self.offset)


def _restored(value: Any) -> Any:
    return value.restored() if isinstance(value, _Saved) else value


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


class Recomputing(TorchFunctionMode):
    """While it is entered, graphs are made that keep less. For one forward; backward may come after it has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._save, _restored)
        self._remade: dict[int, tuple[StorageWeakRef, _Remade]] = {}
        self._unread: int | None = None

    def __enter__(self) -> Recomputing:
        self._hooks.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._hooks.__exit__(*error)
        self._remade.clear()

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _CONVOLUTIONS and _is_frozen(args, kwargs):
            return self._convolve(func, args, kwargs)
        out = func(*args, **kwargs)
        if func in _REMADE and out.requires_grad and out._base is None:
            self._remember(out, func, args, kwargs)
        return out

    def _convolve(self, func: Callable[..., Tensor], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
        self._unread = _key(args[0])
        try:
            return func(*args, **kwargs)
        finally:
            self._unread = None

    def _remember(
        self, out: Tensor, func: Callable[..., Tensor], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        if any(isinstance(value, Tensor) and _key(value) == _key(out) for value in args):
            return  # a cast to what it was already
        with torch._C.DisableTorchFunction():
            args = [self._source(value) for value in args]
            kwargs = {name: self._source(value) for name, value in kwargs.items()}
            remade = _Remade(func, args, kwargs, out.dtype, out._version)
            self._remade[_key(out)] = StorageWeakRef(out.untyped_storage()), remade

    def _source(self, value: Any) -> Any:
        return self._save(value.detach()) if isinstance(value, Tensor) else value

    def _save(self, tensor: Tensor) -> _Saved:
        key = _key(tensor)
        if key == self._unread:
            return _Unread(tensor.shape, tensor.dtype, tensor.device)
        _, remade = self._remade.get(key, (None, None))
        if remade is None or (remade.dtype, remade.version) != (tensor.dtype, tensor._version):
            return _Kept(tensor, tensor._version)
        return _View(remade, tensor.shape, tensor.stride(), tensor.storage_offset())


def _is_frozen(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a convolution, called as torch's layers call it, has nothing to learn."""
    weights = [value for value in (*args[1:], *kwargs.values()) if isinstance(value, Tensor)]
    return bool(args) and not any(weight.requires_grad for weight in weights)
