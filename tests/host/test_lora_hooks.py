"""HOOKS of a concept, against the host's own node on the exported file."""

from __future__ import annotations

from typing import Any

import torch

from ..helpers.conditionings import encode
from ..helpers.lora import some_lora
from ..helpers.stock_sampling import host_samples, published_sigmas


def test_the_same_bits_as_create_hook_lora_on_the_export(demo_model: Any, host: Any) -> None:
    import comfy.hooks
    from comfy_extras.nodes_hooks import CreateHookLora
    from safetensors.torch import save_file

    from single_image_studio.host.lora_hooks import hooks_of

    model, clip, _ = demo_model
    lora = some_lora(model, clip)
    (host / "models" / "loras").mkdir(parents=True, exist_ok=True)
    save_file(lora, host / "models" / "loras" / "hooked.safetensors")
    theirs = CreateHookLora().create_hook("hooked.safetensors", 0.8, 0.6)[0]

    def sampled(hooks: Any) -> torch.Tensor:
        positive = comfy.hooks.set_hooks_for_conditioning(encode(clip, "a heart"), hooks)
        shape = (1, 4, 16, 16)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            return host_samples(
                model, positive, encode(clip, ""), torch.zeros(shape), published_sigmas(model, 4), 4.0, noise=noise
            )

    ours = sampled(hooks_of(lora, 0.8, 0.6))
    assert torch.equal(ours, sampled(theirs))
    assert not torch.equal(ours, sampled(comfy.hooks.HookGroup()))
    hook = hooks_of(lora, 0.8, 0.6).hooks[0]
    assert (hook.strength_model, hook.strength_clip) == (0.8, 0.6)


def test_without_a_lora_there_is_no_hook(host: Any) -> None:
    from single_image_studio.host.lora_hooks import hooks_of

    assert len(hooks_of({}, 1.0, 1.0)) == 0 and len(hooks_of({"x": torch.zeros(1)}, 0.0, 0.0)) == 0
