"""LoRA: starts as nothing, switches off, leaves nothing behind, merges to the same."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from single_image_studio.concept.lora import LoraSet
from single_image_studio.support.errors import InputError


def make(rank: int = 2, seed: int = 0) -> tuple[nn.Sequential, LoraSet]:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3, bias=False)).requires_grad_(False)
    return model, LoraSet({"a": model[0], "b": model[2]}, rank, torch.Generator().manual_seed(seed))


def train_a_little(lora: LoraSet) -> None:
    with torch.no_grad():
        for p in lora.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(3)))


def test_starts_as_nothing_and_by_its_seed() -> None:
    model, lora = make()
    x = torch.randn(4, 6)
    plain = model(x)
    with lora.attached():
        assert torch.equal(model(x), plain)
    again, other = make()[1], make(seed=1)[1]
    for name, layer in lora.layers.items():
        assert torch.equal(layer.down, again.layers[name].down)
        assert not torch.equal(layer.down, other.layers[name].down)
        assert not layer.up.any()


def test_the_start_does_not_hang_on_the_order_of_the_layers() -> None:
    """The host lists them in an order that differs from process to process."""
    model, lora = make()
    turned = LoraSet({"b": model[2], "a": model[0]}, 2, torch.Generator().manual_seed(0))
    assert list(turned.kohya()) == list(lora.kohya())
    assert all(torch.equal(a, b) for a, b in zip(lora.kohya().values(), turned.kohya().values(), strict=True))


def test_down_has_the_published_spread() -> None:
    lora = LoraSet({"big": nn.Linear(4096, 8)}, 4, torch.Generator().manual_seed(0))
    assert lora.layers["big"].down.std().item() == pytest.approx(1 / 4, rel=0.05)


def test_an_orthogonal_basis_has_rows_at_right_angles_of_the_usual_length() -> None:
    big, generator = nn.Linear(96, 8), torch.Generator().manual_seed(0)
    down = LoraSet({"big": big}, 4, generator, orthogonal=True).layers["big"].down
    assert torch.allclose(down @ down.t(), torch.eye(4) * 96 / 16, atol=1e-4)
    assert not down.requires_grad


def test_bases_of_two_concepts_hardly_meet() -> None:
    big = nn.Linear(768, 8)
    one, two = (
        LoraSet({"big": big}, 4, torch.Generator().manual_seed(seed), orthogonal=True).layers["big"].down
        for seed in (1, 2)
    )
    cosines = F.normalize(one) @ F.normalize(two).t()
    assert cosines.abs().max() < 0.15


def test_a_layer_smaller_than_the_rank_has_no_orthogonal_basis_and_takes_the_usual() -> None:
    small = LoraSet({"small": nn.Linear(2, 3)}, 4, torch.Generator().manual_seed(0), orthogonal=True)
    assert small.layers["small"].down.shape == (4, 2)


def test_off_is_the_frozen_model_and_detaching_leaves_no_hooks() -> None:
    model, lora = make()
    train_a_little(lora)
    x = torch.randn(4, 6)
    plain = model(x)
    with lora.attached():
        assert not torch.allclose(model(x), plain)
        with lora.off():
            assert torch.equal(model(x), plain)
        assert not torch.allclose(model(x), plain)
    assert torch.equal(model(x), plain)
    assert not any(m._forward_hooks for m in model.modules())


def test_each_lies_where_its_layer_computes() -> None:
    """Where a UNet's weights are kept away from its device, as with --novram, its LoRA is not."""
    targets = {"lora_unet_a": nn.Linear(4, 4), "lora_te_b": nn.Linear(4, 4)}
    layers = LoraSet(targets, 2, torch.Generator()).place(torch.device("meta")).layers
    assert layers["lora_unet_a"].up.device.type == "meta" and layers["lora_te_b"].up.device.type == "cpu"


def test_detaches_after_an_error() -> None:
    model, lora = make()
    with pytest.raises(KeyboardInterrupt), lora.attached():
        raise KeyboardInterrupt
    assert not any(m._forward_hooks for m in model.modules())


def test_kohya_weights_merge_to_the_same_output() -> None:
    model, lora = make()
    train_a_little(lora)
    x = torch.randn(4, 6)
    with lora.attached():
        live = model(x)
    weights = lora.kohya()
    assert weights["a.alpha"].item() == lora.rank  # scale alpha / rank = 1
    merged = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3, bias=False))
    merged.load_state_dict(model.state_dict())
    with torch.no_grad():
        for name, layer in (("a", merged[0]), ("b", merged[2])):
            layer.weight += weights[f"{name}.lora_up.weight"] @ weights[f"{name}.lora_down.weight"]
    assert torch.allclose(merged(x), live, atol=1e-5)


def test_goes_on_from_saved_weights() -> None:
    _, lora = make()
    train_a_little(lora)
    _, other = make(seed=5)
    other.load_kohya(lora.kohya())
    assert all(torch.equal(v, other.kohya()[k]) for k, v in lora.kohya().items())


def test_another_rank_or_missing_layers_are_refused() -> None:
    _, lora = make(rank=2)
    weights = lora.kohya()
    with pytest.raises(InputError, match="set `rank` to 2"):
        make(rank=3)[1].load_kohya(weights)
    del weights["b.lora_up.weight"]
    with pytest.raises(InputError, match="train_text_encoder"):
        make(rank=2)[1].load_kohya(weights)


def test_only_linear_layers() -> None:
    with pytest.raises(TypeError, match="Conv2d"):
        LoraSet({"c": nn.Conv2d(3, 3, 3)}, 2, torch.Generator())


def test_weights_of_other_layers_are_not_dropped_silently() -> None:
    """Going on without the text encoder from a LoRA that has it."""
    model, lora = make()
    part = LoraSet({"a": model[0]}, 2, torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"LoRA on b.*train_text_encoder"):
        part.load_kohya(lora.kohya())
