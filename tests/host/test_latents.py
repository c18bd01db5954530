from __future__ import annotations

import pytest
import torch

from single_image_studio.support.errors import InputError


def test_there_and_back(host) -> None:
    from single_image_studio.host.latents import latent_of, latents_from, noise_latent_of

    samples = torch.randn(2, 4, 5, 3)
    with torch.inference_mode():
        wire = {"samples": samples.clone()}
        latents = latents_from(wire)
    torch.testing.assert_close(latents, samples * 0.18215)
    assert not latents.is_inference() and torch.equal(wire["samples"], samples)
    torch.testing.assert_close(latent_of(latents)["samples"], samples)
    torch.testing.assert_close(noise_latent_of(latents, 0.25)["samples"], samples * 2)


@pytest.mark.parametrize(
    ("latent", "sentence"),
    [
        (None, "holds no picture"),
        ({}, "holds no picture"),
        ({"samples": torch.zeros(0, 4, 8, 8)}, "holds no picture"),
        ({"samples": torch.zeros(1, 16, 8, 8)}, "seems to be made for"),
        ({"samples": torch.zeros(1, 4, 3, 8, 8)}, "seems to be made for a video model"),
        ({"samples": torch.full((1, 4, 8, 8), float("nan"))}, "not finite"),
    ],
)
def test_what_is_no_sd1_latent(host, latent, sentence: str) -> None:
    from single_image_studio.host.latents import latents_from

    with pytest.raises(InputError, match=f"`latent`.*{sentence}"):
        latents_from(latent)
