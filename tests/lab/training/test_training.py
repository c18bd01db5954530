"""The demo's training scripts: what they write is what the host reads, and what they read back."""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import replace

import pytest
import torch

from lab.training import autoencoder, captioned_pictures, checkpoint_file, namer, networks, train_model
from lab.world import named_scenes, random_scenes, told_scenes, world


def test_the_folded_encoder_is_the_linear_one(host) -> None:
    from lab.hosting import in_process

    linear = autoencoder.LinearEncoder()
    with torch.no_grad():
        linear.weight.add_(0.05 * torch.randn(linear.weight.shape, generator=torch.Generator().manual_seed(0)))
    vae = in_process.taesd()
    autoencoder.fold_encoder(linear, vae.taesd_encoder)
    pictures = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(vae.taesd_encoder(pictures), linear(pictures), atol=1e-5)
    folded = {f"enc.{k}": v for k, v in vae.taesd_encoder.state_dict().items()}
    back = autoencoder.unfold_encoder(folded, "enc.")
    assert torch.allclose(back["weight"], linear.weight) and torch.allclose(back["bias"], linear.bias)


def test_a_checkpoint_goes_in_and_out(host, tmp_path) -> None:
    import safetensors.torch

    from lab.hosting import in_process

    unet, text = networks.new_unet(), networks.new_text_encoder()
    vae = in_process.taesd()
    autoencoder.start_decoder(vae.taesd_decoder)
    state = {"encoder": autoencoder.LinearEncoder().state_dict(), "decoder": vae.taesd_decoder.state_dict()}
    used = torch.tensor([49406, 49407, 320])
    path = tmp_path / "small.safetensors"
    safetensors.torch.save_file(checkpoint_file.checkpoint(unet, text, used, state), path)
    again, words = networks.new_unet(), networks.new_text_encoder()
    checkpoint_file.load_parts(safetensors.torch.load_file(path), again, words)
    for one, two in zip(unet.parameters(), again.parameters()):
        assert torch.allclose(one, two, atol=1e-3)
    table, back = (t.transformer.get_input_embeddings().weight for t in (text, words))
    assert torch.allclose(table[used], back[used], atol=1e-3) and not torch.allclose(table[1], back[1], atol=1e-3)
    stored = autoencoder.state_of(path)
    assert torch.allclose(stored["encoder"]["weight"], state["encoder"]["weight"], atol=1e-3)
    assert torch.allclose(stored["decoder"]["1.weight"], state["decoder"]["1.weight"], atol=1e-3)


def test_half_the_timesteps_are_early() -> None:
    drawn = train_model.draw_timesteps(4000, torch.Generator().manual_seed(0))
    assert int(drawn.min()) >= 0 and int(drawn.max()) < 1000
    assert (drawn >= 600).float().mean().item() == pytest.approx(0.7, abs=0.03)


def test_a_named_scene_shows_what_its_looks_say() -> None:
    rng = random.Random(5)
    counts = set()
    for _ in range(200):
        scene, looks = named_scenes.sample_named_scene(rng)
        words = scene.caption.split()
        counts.add(len(looks))
        assert words.count(named_scenes.NAME) == len(looks) and not set(words) & set(world.PATTERNS)
        named = [obj for obj, after in zip(scene.objects, _words_before_classes(words)) if after == named_scenes.NAME]
        assert [named_scenes.look_of(obj) for obj in named] == list(looks)
        assert all(
            world.distance(obj.color, obj.second) > 150 and world.distance(obj.color, scene.background) > 150
            for obj in named
        )
    assert counts == {1, 2}


def _words_before_classes(words: list[str]) -> list[str]:
    return [words[i - 1] if i else "" for i, word in enumerate(words) if word in world.CLASSES]


def test_a_look_tells_every_appearance_apart() -> None:
    scene = random_scenes.sample_concept(random.Random(1), "star")
    obj = replace(scene.objects[0], pattern="striped", pattern_angle=0.0)
    looks = {
        named_scenes.look_of(replace(obj, **change))
        for change in (
            {},
            {"color": obj.second, "second": obj.color},
            {"pattern": "split"},
            {"pattern_angle": math.pi / 2},
        )
    }
    assert len(looks) == 4 and {len(look) for look in looks} == {namer.LOOK}
    spot = replace(obj, pattern="spotted")
    assert named_scenes.look_of(spot) == named_scenes.look_of(replace(spot, pattern_angle=math.pi / 2)), (
        "a spot has no angle"
    )


def test_names_take_their_places_in_order(host) -> None:
    """Against the same vectors put into the token table as words of their own."""
    text = networks.new_text_encoder()
    table = text.transformer.get_input_embeddings().weight
    vectors = torch.randn(3, table.shape[1], generator=torch.Generator().manual_seed(0))
    ids = networks.token_ids(["a * heart and a * star", "large * cross on a red background"])
    assert (ids == namer.NAME_TOKEN).sum(1).tolist() == [2, 1]
    words = ids.clone()
    with torch.no_grad():
        table[1000:1003] = vectors
        words[ids == namer.NAME_TOKEN] = torch.tensor([1000, 1001, 1002])
        assert torch.equal(networks.encode_text(text, ids, vectors), networks.encode_text(text, words)[:2])


def test_names_are_found_by_their_looks_and_learned(host) -> None:
    generator = torch.Generator().manual_seed(0)
    network = namer.Namer(96, 0.1)
    prompt = networks.token_ids(["a * heart and a * star", "a red heart", "* cross"])
    looks = torch.randn(3, namer.MOST_NAMES, namer.LOOK, generator=generator)
    called = namer.called_by(prompt, looks, network, generator)
    exact = network(torch.stack([looks[0, 0], looks[0, 1], looks[2, 0]]))
    assert torch.nn.functional.cosine_similarity(called, exact).min() > 0.9 and not torch.equal(called, exact)
    called.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_names_mean_the_same_beside_a_class_word(host) -> None:
    """Inversion starts at a class's word: half of the names have some of one mixed in."""
    network = namer.Namer(96, 0.1)
    prompt = networks.token_ids(["a * heart"] * 200)
    looks = torch.randn(1, namer.MOST_NAMES, namer.LOOK).repeat(200, 1, 1)
    word = torch.zeros(1, 96)
    word[0, 0] = 50.0
    called = namer.called_by(prompt, looks, network, torch.Generator().manual_seed(0), word)
    shares = (called[:, 0] - network(looks[:1, 0])[0, 0]) / 50
    assert 0.35 < (shares.abs() < 0.02).float().mean() < 0.65 and 0.8 < shares.max() < 1.02


def test_words_are_the_tables_rows(host) -> None:
    text = networks.new_text_encoder()
    table = text.transformer.get_input_embeddings().weight
    ids = networks.token_ids(["a red heart", "a blue star and a * cross"])
    used = torch.unique(ids[ids != namer.NAME_TOKEN])
    words, vectors = networks.Words(table, used), torch.randn(1, table.shape[1])
    with torch.no_grad():
        whole = networks.encode_text(text, ids, vectors)
        assert torch.equal(networks.encode_text(text, ids, vectors, words), whole)
        before = table[1].clone()
        words.rows.mul_(2)
        words.write()
        assert torch.equal(networks.encode_text(text, ids, vectors), networks.encode_text(text, ids, vectors, words))
        assert not torch.equal(networks.encode_text(text, ids, vectors), whole) and torch.equal(table[1], before)


def test_a_half_unet_hands_its_gradients_over(host) -> None:
    unet = networks.new_unet()
    torch.nn.init.normal_(unet.out[2].weight, std=0.05)  # a new one answers nothing
    noisy, timesteps = torch.randn(2, 4, 16, 16), torch.tensor([900.0, 30.0])
    context = torch.randn(2, 77, 96)
    exact = unet(noisy, timesteps, context=context)
    exact.square().mean().backward()
    wanted = torch.cat([p.grad.flatten() for p in unet.parameters()])
    unet.zero_grad()
    half = networks.HalfUNet(unet)
    near = half(noisy, timesteps, context=context)
    near.float().square().mean().backward()
    found = torch.cat([p.grad.flatten() for p in unet.parameters()])
    assert (near.float() - exact).abs().max() < 0.1 * exact.abs().max()
    assert torch.nn.functional.cosine_similarity(found, wanted, dim=0) > 0.98
    assert all(p.grad.dtype == torch.float32 for p in unet.parameters())
    with torch.no_grad():
        unet.out[2].weight.zero_()
        unet.out[2].bias.zero_()
        assert not half(noisy, timesteps, context=context).any(), "the weights as they are now"


def _part(kind: str, count: int) -> captioned_pictures.Part:
    names = kind == "names"
    return captioned_pictures.Part(
        torch.full((count, 4, 16, 16), float(len(kind))),
        ["a * heart" if names else "a heart"] * count,
        torch.full((count, namer.MOST_NAMES, namer.LOOK), float(names)),
    )


def test_pictures_are_drawn_by_the_shares_asked_for(host) -> None:
    data = captioned_pictures.together({kind: _part(kind, count) for kind, count in (("scenes", 30), ("names", 50))})
    assert data.parts == {"scenes": (0, 30), "names": (30, 50)} and len(data.ids) == 81
    run = train_model.Run.__new__(train_model.Run)
    options = dict.fromkeys(captioned_pictures.KINDS, 0.0) | {"simple": 0.0, "names": 0.7, "batch": 4000}
    run.data, run.options = data, argparse.Namespace(**options)
    run.generator = torch.Generator().manual_seed(0)
    chosen = run.draw_pictures(0.5)
    assert (chosen >= 30).float().mean().item() == pytest.approx(0.7, abs=0.03)
    assert set(chosen.tolist()) == set(range(80))


def test_kinds_are_rendered_without_the_measured_captions() -> None:
    reserved = told_scenes.reserved_captions()
    for kind in ("told", "names", "triples"):
        pictures, captions, looks = captioned_pictures._render_kind((kind, 5, 20))
        assert pictures.shape == (20, 128, 128, 3) and looks.shape == (20, namer.MOST_NAMES, namer.LOOK)
        assert not set(captions) & reserved
        named = [caption.split().count(named_scenes.NAME) for caption in captions]
        assert [int(look.any(1).sum()) for look in looks] == named
