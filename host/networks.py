"""Puts networks that are not the host's own under its memory manager, which makes room for them on its device and
takes them off again."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator
from typing import Any

import comfy.model_management
import comfy.model_patcher
import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from .progress import CANCELLED, throw_if_cancelled


class _Holder(nn.Module):
    """The host writes `device` and other marks on the module it manages; some networks have those names as properties
    of their own."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net


class ManagedNetwork:
    """A network that the host places. Build it on the CPU, `load` it before each use, and drop every reference to
    free it."""

    def __init__(self, net: nn.Module) -> None:
        manager = comfy.model_management
        self.patcher: Any = comfy.model_patcher.ModelPatcher(
            _Holder(net), load_device=manager.get_torch_device(), offload_device=manager.unet_offload_device()
        )

    def load(self) -> None:
        """Onto the host's device, whole; other models make room if they must."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        # without VRAM the host loads layers alone, and leaves what modules above them hold
        self.patcher.model.to(self.patcher.load_device)


def half_precision() -> torch.dtype | None:
    """float16 or bfloat16 where the host's device is better off with it; None for float32 (CPUs, and old cards)."""
    manager = comfy.model_management
    device = manager.get_torch_device()
    if device.type not in ("cuda", "xpu"):
        return None
    if manager.should_use_fp16(device):
        return torch.float16
    return torch.bfloat16 if manager.should_use_bf16(device) else None


def release_memory() -> None:
    """Gives back the memory of everything that nobody refers to any more."""
    gc.collect()
    comfy.model_management.soft_empty_cache()


@contextlib.contextmanager
def cancellable_loading() -> Iterator[None]:
    """Lets the user's cancel take effect while a network is built and its weights are read: at each of its modules.

    Raises (inside): the host's InterruptProcessingException.
    """
    mine, cancelled = threading.get_ident(), list[BaseException]()

    def look(*_: Any) -> None:
        if threading.get_ident() != mine:
            return
        try:
            throw_if_cancelled()
        except CANCELLED as error:
            cancelled.append(error)
            raise

    throw_if_cancelled()
    hooks = [register_module_module_registration_hook(look), register_module_parameter_registration_hook(look)]
    try:
        yield
    except Exception as error:  # a loader that takes whatever is raised for a damaged file
        raise (cancelled or [error])[0] from None
    finally:
        for hook in hooks:
            hook.remove()
    throw_if_cancelled()


@contextlib.contextmanager
def cancellable(net: nn.Module) -> Iterator[None]:
    """Lets the user's cancel take effect within one layer of the network.

    Raises (inside): the host's InterruptProcessingException.
    """
    layers = [layer for module in net.modules() if isinstance(module, nn.ModuleList) for layer in module]
    hooks = [layer.register_forward_pre_hook(lambda *_: throw_if_cancelled()) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
