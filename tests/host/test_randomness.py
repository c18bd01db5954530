from __future__ import annotations

import pytest
import torch


def test_the_same_seed_draws_the_same_and_leaves_the_generator_as_it_was(host) -> None:  # type: ignore[no-untyped-def]
    from single_image_studio.host.randomness import same_chance

    torch.manual_seed(1)
    before = torch.get_rng_state()
    draws = []
    for seed in (5, 5, 6):
        with same_chance(seed, torch.device("cpu")):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(RuntimeError), same_chance(5, torch.device("cpu")):
        torch.rand(3)
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), before)
