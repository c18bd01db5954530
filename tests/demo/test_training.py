"""The demo's training scripts: what they write is what the host reads, and what they read back."""
from __future__ import annotations

import pytest
import torch

from demo import train_model, train_vae


def test_the_folded_encoder_is_the_linear_one(host) -> None:
    from demo import hosting

    linear = train_vae.LinearEncoder()
    with torch.no_grad():
        linear.weight.add_(0.05 * torch.randn(linear.weight.shape, generator=torch.Generator().manual_seed(0)))
    vae = hosting.taesd()
    train_vae.fold_encoder(linear, vae.taesd_encoder)
    pictures = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(vae.taesd_encoder(pictures), linear(pictures), atol=1e-5)
    folded = {f"enc.{k}": v for k, v in vae.taesd_encoder.state_dict().items()}
    back = train_vae.unfold_encoder(folded, "enc.")
    assert torch.allclose(back["weight"], linear.weight) and torch.allclose(back["bias"], linear.bias)


def test_a_checkpoint_goes_in_and_out(host, tmp_path) -> None:
    import safetensors.torch

    from demo import hosting

    unet, text = train_model.new_unet(), train_model.new_text_encoder()
    vae = hosting.taesd()
    train_vae.start_decoder(vae.taesd_decoder)
    state = {"encoder": train_vae.LinearEncoder().state_dict(), "decoder": vae.taesd_decoder.state_dict()}
    used = torch.tensor([49406, 49407, 320])
    path = tmp_path / "small.safetensors"
    safetensors.torch.save_file(train_model.checkpoint(unet, text, used, state), path)
    again, words = train_model.new_unet(), train_model.new_text_encoder()
    train_model.load_parts(safetensors.torch.load_file(path), again, words)
    for one, two in zip(unet.parameters(), again.parameters()):
        assert torch.allclose(one, two, atol=1e-3)
    table, back = (t.transformer.get_input_embeddings().weight for t in (text, words))
    assert torch.allclose(table[used], back[used], atol=1e-3) and not torch.allclose(table[1], back[1], atol=1e-3)
    autoencoder = train_vae.state_of(path)
    assert torch.allclose(autoencoder["encoder"]["weight"], state["encoder"]["weight"], atol=1e-3)
    assert torch.allclose(autoencoder["decoder"]["1.weight"], state["decoder"]["1.weight"], atol=1e-3)


def test_half_the_timesteps_are_early() -> None:
    drawn = train_model.draw_timesteps(4000, torch.Generator().manual_seed(0))
    assert int(drawn.min()) >= 0 and int(drawn.max()) < 1000
    assert (drawn >= 600).float().mean().item() == pytest.approx(0.7, abs=0.03)
