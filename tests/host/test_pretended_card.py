"""All that computes, on a pretended card: the numbers of the CPU, results on the CPU as the host wants them, and the
stock picture the same to the bit afterwards.

The long form has every card: SIS_ALL_CARDS=1 python dev.py test host -k pretended
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from ..helpers.pretend import Card, Mixed, OnCard

CHECKPOINT = pathlib.Path(__file__).resolve().parents[2] / "lab" / "weights" / "sis_demo_sd15.safetensors"
SMALL = 0.02 * 2**30  # bytes: less than the demo model
FP16, BF16 = torch.float16, torch.bfloat16
CARDS = {"fp32": Card(), "fp16, low VRAM": Card(half=FP16, low_vram=True, memory=SMALL)}
MORE = {
    "bf16, CLIP and VAE on the CPU": Card(half=BF16, on_cpu=("clip", "vae")),
    "fp16": Card(half=FP16),
    "bf16": Card(half=BF16),
    "fp32, low VRAM": Card(low_vram=True, memory=SMALL),
    "bf16, low VRAM": Card(half=BF16, low_vram=True, memory=SMALL),
    "fp32, CLIP on the CPU": Card(on_cpu=("clip",)),
    "fp16, VAE on the CPU": Card(half=FP16, on_cpu=("vae",)),
}
if os.environ.get("SIS_ALL_CARDS"):
    CARDS |= MORE
TRAINING = {
    "batch_size": 1,
    "learning_rate": 1e-2,
    "background_weight": 1.0,
    "seed": 3,
    "precision": "auto",
    "gradient_checkpointing": "auto",
    "preview_every": 1,
}


def all_that_computes() -> dict[str, Any]:
    """Results by name, each made as the executor makes it."""
    import comfy.sd
    import nodes

    from single_image_studio.nodes.concepts import ApplyConcept
    from single_image_studio.nodes.edit import EditGrid, TimestepAwareKSampler
    from single_image_studio.nodes.invert import ImagicTextOptimize, NullTextInvert
    from single_image_studio.nodes.train import TrainStage1, TrainStage2

    model, clip, vae = comfy.sd.load_checkpoint_guess_config(str(CHECKPOINT), output_vae=True, output_clip=True)[:3]
    image = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 64, 64)
    mask[:, 16:48, :32] = 1

    def encode(clip: Any, text: str) -> Any:
        return nodes.CLIPTextEncode().encode(clip, text)[0]

    def picture(model: Any, clip: Any, text: str) -> Tensor:
        prompts, latent = (encode(clip, text), encode(clip, "")), {"samples": torch.zeros(1, 4, 8, 8)}
        (sampled,) = nodes.KSampler().sample(model, 7, 4, 5.0, "euler", "normal", *prompts, latent)
        return nodes.VAEDecode().decode(vae, sampled)[0].clone()

    def apply(on: Any, name: str, **how: Any) -> Any:
        return ApplyConcept.execute(*on, found["stage 2"], name, 1.0, 1.0, **how).args[:2]

    found: dict[str, Any] = {"stock": picture(model, clip, "a red heart")}
    chosen = {"class_word": "heart", "steps": 2, "encoder": "none", "resolution": 64}
    one = found["stage 1"] = TrainStage1.execute(model, clip, vae, image, mask, **TRAINING, **chosen).args[0]
    tuning = {"steps": 2, "semantic_weight": 1.0, "rank": 2, "train_text_encoder": True, "class_text_encoder": "frozen"}
    found["stage 2"] = TrainStage2.execute(model, clip, vae, one, **TRAINING, **tuning).args[0]
    plain = apply((model, clip), "x")
    found["chain"] = picture(*apply(plain, "y"), "<x> heart and a (<y> heart:1.2)")
    found["apart"] = picture(*apply((model, clip), "x", keep_apart=True), "<x> heart and a star")
    both = apply(apply((model, clip), "x", region=mask), "y", region=1 - mask)
    found["regions"] = picture(*both, "<x> heart and a <y> heart")
    latent = {"samples": nodes.VAEEncode().encode(vae, image)[0]["samples"], "noise_mask": mask}
    source, target, uncond = encode(both[1], "<x> heart"), encode(clip, "a star"), encode(clip, "")
    inverted = NullTextInvert.execute(both[0], latent, source, uncond, "null_text", 2, 5.0, 1, 1e-2, 0.0, "auto", vae)
    found["inversion"] = inverted.args[:3]
    optimized = found["optimised"] = ImagicTextOptimize.execute(model, target, latent, 1, 1e-3, 1, 0, "auto").args[0]
    edit = (inverted.args[0], source, target)
    found["edit"] = TimestepAwareKSampler.execute(model, *edit, 0.5, 0.2, optimized).args[0]
    grid = EditGrid.execute(model, vae, *edit, "0.1,0.5", "0.2", optimized)
    found["grid"] = grid.args[:2]
    return found | {"stock again": picture(model, clip, "a red heart")}


def tensors_of(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif dataclasses.is_dataclass(value):
        yield from tensors_of([getattr(value, field.name) for field in dataclasses.fields(value)])
    elif isinstance(value, dict):
        # SD 1.x reads no pooled output, and the host makes it with a projection that this checkpoint leaves unset
        yield from tensors_of([part for key, part in value.items() if key != "pooled_output"])
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_of(part)


@pytest.fixture(scope="module")
def on_the_cpu(host: Any) -> dict[str, Any]:
    with torch.inference_mode():
        return all_that_computes()


@pytest.mark.parametrize("name", CARDS)
def test_everything_on_a_pretended_card(on_the_cpu: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.concept import trainer

    monkeypatch.setattr(trainer, "WORTH_MOVING", 1)  # a word's moments leave a card that is too small, as a ViT's do
    card = CARDS[name]
    with card.plugged_in(), torch.no_grad():
        found = all_that_computes()
    assert torch.equal(found["stock"], found["stock again"])
    for what, result in found.items():
        mine, theirs = list(tensors_of(result)), list(tensors_of(on_the_cpu[what]))
        assert not [value for value in mine if isinstance(value, OnCard)], f"{what} is left on the card"
        assert [value.shape for value in mine] == [value.shape for value in theirs], what
        broken = [i for i, value in enumerate(mine) if not torch.isfinite(value).all()]
        assert not broken, f"{what}: {[(tuple(mine[i].shape), bool(theirs[i].isfinite().all())) for i in broken]}"
        if card.half is None:
            for value, expected in zip(mine, theirs, strict=True):
                assert torch.allclose(value.float(), expected.float(), atol=1e-4), what
    if card.half is not None:  # another rounding, and the same picture to the eye
        assert (found["stock"] - on_the_cpu["stock"]).abs().mean() < 0.02


def test_the_card_refuses_what_a_card_refuses() -> None:
    with only_its_tensors(), torch.no_grad():
        here, there = torch.ones(3, device="meta"), torch.ones(3)
        assert isinstance(here, OnCard) and (here * 2).tolist() == [2.0, 2.0, 2.0]
        with pytest.raises(Mixed):
            here + there
        with pytest.raises(Mixed):
            there[here.long()]
        assert torch.equal((here + there.to(here.device)).cpu(), torch.full((3,), 2.0))
        assert here.view(1, 3)[..., [0, 2]].tolist() == [[1.0, 1.0]]


@contextlib.contextmanager
def only_its_tensors() -> Iterator[None]:
    from ..helpers.pretend import _Making, _Operations

    with _Operations(), _Making():
        yield
