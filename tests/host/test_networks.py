"""Foreign networks under the host's memory manager."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn


class Net(nn.Module):
    """Has a `device` of its own that cannot be written, as transformers' models have."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    @property
    def device(self):
        return torch.device("cpu")

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_placed_is_known_to_the_host_and_freed_with_its_last_reference(host) -> None:
    import comfy.model_management as manager

    from single_image_studio.host import networks

    net = Net()
    placed = networks.ManagedNetwork(net)
    placed.load()
    placed.load()
    assert sum(loaded.model is placed.patcher for loaded in manager.current_loaded_models) == 1
    assert placed.patcher.model_size() >= 3 * (16 + 4) * 4
    alive = weakref.ref(net)
    del net, placed
    networks.release_memory()
    gc.collect()
    assert alive() is None
    manager.cleanup_models_gc()
    assert all(loaded.model is not None for loaded in manager.current_loaded_models)


def test_half_precision_is_for_gpus(host, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management as manager

    from single_image_studio.host import networks

    assert networks.half_precision() is None
    monkeypatch.setattr(manager, "get_torch_device", lambda: torch.device("cuda", 0))
    for fp16, bf16, expected in ((True, True, torch.float16), (False, True, torch.bfloat16), (False, False, None)):
        monkeypatch.setattr(manager, "should_use_fp16", lambda *_, fp16=fp16: fp16)
        monkeypatch.setattr(manager, "should_use_bf16", lambda *_, bf16=bf16: bf16)
        assert networks.half_precision() is expected


def test_cancel_takes_effect_within_a_layer_and_leaves_no_hooks(host) -> None:
    import comfy.model_management as manager

    from single_image_studio.host import networks

    net, reached = Net(), []

    def press_cancel(*_):  # type: ignore[no-untyped-def]
        reached.append(0)
        manager.interrupt_current_processing()

    net.layers[0].register_forward_hook(press_cancel)
    net.layers[1].register_forward_hook(lambda *_: reached.append(1))
    with pytest.raises(manager.InterruptProcessingException), networks.cancellable(net):
        net(torch.zeros(1, 4))
    assert reached == [0] and not any(layer._forward_pre_hooks for layer in net.layers)
    manager.interrupt_current_processing(False)


def test_a_network_is_whole_on_its_device_also_without_vram(host) -> None:
    from single_image_studio.host.networks import ManagedNetwork

    from ..helpers.pretend import Card

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)
            self.own = torch.nn.Parameter(torch.ones(2))
            self.register_buffer("places", torch.arange(2))

    net = Net()
    with Card(vram="NO", memory=2**20).plugged_in(), torch.no_grad():
        ManagedNetwork(net).load()
        assert {tensor.device.type for tensor in [*net.parameters(), *net.buffers()]} == {"meta"}
