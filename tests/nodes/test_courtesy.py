"""Showing is a courtesy: whatever fails of it, the result is the one of a run in which nothing fails."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch

from single_image_studio.support.warnings import listen, warn

from ..helpers.conditionings import encode

Models = tuple[Any, Any, Any]


def full_disk(*_: Any, **__: Any) -> Any:
    raise OSError(28, "No space left on device")


@pytest.fixture
def nothing_can_be_shown(host: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and every way to the page and to the temp folder fails."""

    def break_all() -> None:
        import comfy.utils
        import latent_preview
        from comfy_api.v0_0_2 import ui

        from single_image_studio.host import progress
        from single_image_studio.page import live

        for place, name in (
            (ui, "PreviewImage"), (comfy.utils.ProgressBar, "update_absolute"), (progress, "running_server"),
            (latent_preview, "get_previewer"), (live, "_send_event"), (live.LiveRun, "step"), (live.LiveRun, "ui"),
            (live.LiveRun, "show_subject"), (live.LiveRun, "__exit__"), (live.LiveRun, "__enter__"),
        ):  # fmt: skip
            monkeypatch.setattr(place, name, full_disk)

    return break_all


def learned(demo_model: Models, concept_picture: Any, preview_every: int) -> Any:
    from single_image_studio.nodes.train import TrainStage1, TrainStage2

    image, mask, word = concept_picture
    shared = {"batch_size": 1, "learning_rate": 1e-2, "background_weight": 0.0, "seed": 3, "precision": "auto",
              "gradient_checkpointing": "auto", "preview_every": preview_every}  # fmt: skip
    chosen = {"class_word": word, "steps": 2, "encoder": "none", "resolution": 64}
    one = TrainStage1.execute(*demo_model, image, mask, **shared, **chosen)
    tuned = {"steps": 1, "semantic_weight": 0.0, "rank": 2, "train_text_encoder": False}
    return TrainStage2.execute(*demo_model, one.args[0], **shared, **tuned).args[0]


@pytest.mark.parametrize("preview_every", [0, 1])
def test_a_training_is_kept(
    demo_model: Models, concept_picture: Any, nothing_can_be_shown: Callable[[], None], preview_every: int
) -> None:
    expected = learned(demo_model, concept_picture, preview_every)
    nothing_can_be_shown()
    found = learned(demo_model, concept_picture, preview_every)
    assert found.fingerprint() == expected.fingerprint() and found.losses == expected.losses


def test_an_inversion_and_a_grid_are_kept(demo_model: Models, nothing_can_be_shown: Callable[[], None]) -> None:
    from single_image_studio.nodes.edit import EditGrid
    from single_image_studio.nodes.invert import NullTextInvert

    model, clip, vae = demo_model
    source, target, uncond = (encode(clip, text) for text in ("a heart", "a star", ""))
    latent = {"samples": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))}

    @torch.inference_mode()
    def run() -> tuple[Any, Any]:
        made = NullTextInvert.execute(model, latent, source, uncond, "direct", 2, 3.0, 1, 1e-2, 0.0, "auto", vae)
        return made.args[0], EditGrid.execute(model, vae, made.args[0], source, target, "0.5", "0,0.5")

    expected, drawn = run()
    nothing_can_be_shown()
    found, again = run()
    assert torch.equal(found.noise_latents, expected.noise_latents) and torch.equal(found.offsets, expected.offsets)
    assert all(torch.equal(a, b) for a, b in zip(drawn.args[:2], again.args[:2]))
    assert drawn.args[2:] == again.args[2:]


def test_decoding_for_the_report_alone_costs_no_inversion(demo_model: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.nodes.invert import NullTextInvert
    from single_image_studio.pipelines import invert_pictures

    model, clip, vae = demo_model
    monkeypatch.setattr(invert_pictures, "decode", lambda *_: (_ for _ in ()).throw(MemoryError("too large")))
    latent, prompts = {"samples": torch.randn(1, 4, 8, 8)}, (encode(clip, "a heart"), encode(clip, ""))
    with torch.inference_mode():
        made = NullTextInvert.execute(model, latent, *prompts, "direct", 2, 3.0, 1, 1e-2, 0.0, "auto", vae)
    assert made.args[0].report["latent_psnr"] and "pixels" not in made.args[3]


def test_masks_are_kept(nothing_can_be_shown: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.nodes import masks

    masked = {"masks": torch.ones(1, 8, 8), "overlays": torch.ones(1, 8, 8, 3), "report": "{}", "boxes": [[]]}
    result = types.SimpleNamespace(**masked, segs=((8, 8), []), finds=[{}])
    monkeypatch.setattr(masks, "mask_from_prompt", lambda *_: result)
    nothing_can_be_shown()
    found = masks.MaskFromPrompt.execute(
        torch.ones(1, 8, 8, 3), prompt="x", detector="d", segmenter="s", box_threshold=0.3, text_threshold=0.2,
        select="best", on_missing="empty", grow=0, feather=0, keep_loaded=False,
    )  # fmt: skip
    assert found.args == (result.masks, result.overlays, "{}", result.boxes, result.segs)


def test_a_warning_that_no_page_hears_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.support import warnings

    monkeypatch.setattr(warnings, "_listeners", [])
    listen(full_disk)
    warn("nothing_to_optimise")


def test_a_cancel_while_something_is_shown_is_still_a_cancel(host: Any) -> None:
    from single_image_studio.host.progress import CANCELLED, courtesy

    with pytest.raises(CANCELLED), courtesy("Anything"):
        raise CANCELLED()
