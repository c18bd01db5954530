"""Edit Grid's `edits_at_once`: the same pictures in fewer evaluations, wherever that is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from single_image_studio.support.errors import InputError

from ..helpers.edit_grids import Models, grid, inverted
from ..helpers.stock_sampling import star

ALPHAS, RATIOS = [0.0, 0.5, 1.0], [0.6]


@pytest.fixture
def sizes(demo_model: Models, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many latents each call of the UNet gets, both sides of guidance counted."""
    found: list[int] = []
    apply: Callable[..., Any] = demo_model[0].model.apply_model

    def counted(x: Any, *args: Any, **more: Any) -> Any:
        found.append(len(x))
        return apply(x, *args, **more)

    monkeypatch.setattr(demo_model[0].model, "apply_model", counted)
    return found


def difference(one: Any, other: Any) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one.pictures, other.pictures, strict=True))


def test_a_row_s_edits_share_evaluations(demo_model: Models, sizes: list[int]) -> None:
    inversion = inverted(demo_model, star(demo_model[2]))
    alone = grid(demo_model, inversion, ALPHAS, RATIOS)
    one_by_one = len(sizes)
    sizes.clear()
    together = grid(demo_model, inversion, ALPHAS, RATIOS, at_once=0)
    assert max(sizes) == 2 * len(ALPHAS) and len(sizes) < one_by_one
    assert 0 < difference(together, alone) < 1e-4  # another order of adding
    assert together.proposal.cells == alone.proposal.cells


def test_an_inversion_with_a_noise_mask_keeps_what_is_outside(demo_model: Models) -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:12, 4:12] = 1
    inversion = inverted(demo_model, star(demo_model[2]) | {"noise_mask": mask})
    assert difference(*(grid(demo_model, inversion, [0.0, 1.0], RATIOS, at_once=n) for n in (1, 2))) < 1e-4


def test_a_batch_s_pictures_and_a_patched_model_s_edits_go_alone(demo_model: Models) -> None:
    latent = star(demo_model[2])
    two = inverted(demo_model, {"samples": torch.cat([latent["samples"], latent["samples"].flip(-1)])})
    assert difference(*(grid(demo_model, two, [0.0, 1.0], RATIOS, at_once=n) for n in (1, 0))) == 0
    patched = demo_model[0].clone()
    patched.set_model_attn2_output_patch(lambda out, _options: out * 1.01)  # as other packs' image prompts
    one = inverted(demo_model, latent)
    assert difference(*(grid(demo_model, one, [0.0, 1.0], RATIOS, patched, n) for n in (1, 0))) == 0


@pytest.mark.parametrize("at_once", [-1, 65, 1.5, "all", None])
def test_another_number_is_named(demo_model: Models, at_once: Any) -> None:
    with pytest.raises(InputError, match="`edits_at_once`"):
        grid(demo_model, None, [0.0], [0.2], at_once=at_once)
