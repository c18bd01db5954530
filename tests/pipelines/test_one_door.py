"""Training and editing reach the UNet through one door: what hangs on MODEL acts on both, as it acts on sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.pipeline_runs import RUNS, Run, stage1


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_pipeline_calls_what_wraps_the_model(demo_model: Any, run: Run) -> None:
    """A `model_function_wrapper`, which the host's samplers apply and the bare model does not."""
    model, clip, vae = demo_model
    calls = 0

    def count(apply_model: Callable[..., Tensor], call: dict[str, Any]) -> Tensor:
        nonlocal calls
        calls += 1
        return apply_model(call["input"], call["timestep"], **call["c"])

    wrapped = model.clone()
    wrapped.set_model_unet_function_wrapper(count)
    with torch.inference_mode():
        run(wrapped, clip, vae)
    assert calls > 0


@pytest.mark.parametrize("kind", ["attention output", "block", "attention replacement"])
def test_patches_of_the_model_act_on_training(demo_model: Any, kind: str) -> None:
    """Each kind of patch changes what Stage I learns; the same seed without it gives the same bits twice."""
    model, clip, vae = demo_model
    patched = model.clone()
    if kind == "attention output":
        patched.set_model_attn2_output_patch(lambda hidden, _: hidden * 1.5)
    elif kind == "block":
        patched.set_model_input_block_patch(lambda hidden, _: hidden * 1.5)
    else:
        from comfy.ldm.modules.attention import optimized_attention

        def halved(query: Tensor, context: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
            return optimized_attention(query, context, value, options["n_heads"]) * 0.5

        patched.set_model_attn2_replace(halved, "middle", 0)
    with torch.inference_mode():
        plain, again, other = (stage1(wire, clip, vae).embedding for wire in (model, model, patched))
    assert torch.equal(plain, again)
    assert not torch.equal(plain, other)


def freeu(backbone: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """An output block patch as FreeU V2's: the first half of the channels grows with their mean."""

    def patch(hidden: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
        return backbone(hidden, 1 + 0.3 * hidden.mean(1, keepdim=True)), skip

    return patch


def in_place(hidden: Tensor, factor: Tensor) -> Tensor:
    half = hidden.shape[1] // 2
    hidden[:, :half] = hidden[:, :half] * factor
    return hidden


def out_of_place(hidden: Tensor, factor: Tensor) -> Tensor:
    half = hidden.shape[1] // 2
    return torch.cat([hidden[:, :half] * factor, hidden[:, half:]], 1)


def test_a_patch_that_writes_in_place_trains_as_one_that_does_not(demo_model: Any) -> None:
    model, clip, vae = demo_model
    embeddings = []
    for backbone in (in_place, out_of_place):
        patched = model.clone()
        patched.set_model_output_block_patch(freeu(backbone))
        with torch.inference_mode():
            embeddings.append(stage1(patched, clip, vae).embedding)
    assert torch.equal(*embeddings)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_pipeline_runs_under_freeu(demo_model: Any, stock_picture: Any, run: Run) -> None:
    from comfy_extras.nodes_freelunch import FreeU_V2

    model, clip, vae = demo_model
    before = stock_picture(model, clip, vae)
    with torch.inference_mode():
        output = FreeU_V2.execute(model, 1.3, 1.4, 0.9, 0.2) if hasattr(FreeU_V2, "execute") else None
        patched = output.result[0] if output is not None else FreeU_V2().patch(model, 1.3, 1.4, 0.9, 0.2)[0]
        run(patched, clip, vae)
    assert torch.equal(stock_picture(model, clip, vae), before)
