"""Batches on the demo model, cancelled as the host cancels: finished pictures stay, and the rest comes out alike."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from single_image_studio.support import warnings

from ..helpers.kept_apart import foo
from ..helpers.loops import run_apart
from ..helpers.lora import some_lora

PICTURES = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
MASKS = torch.zeros(3, 64, 64)
MASKS[:, 16:48, :32] = 1
Run = Callable[..., Any]


@pytest.fixture
def folder(host: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder of its own, and every picture worth keeping."""
    from single_image_studio.pipelines import finished_pictures, invert_pictures, optimize_prompt
    from single_image_studio.support.bounded_folder import BoundedFolder

    monkeypatch.setattr(finished_pictures, "WORTH", 0.0)
    folder = BoundedFolder(tmp_path / "pictures", most_files=16, most_bytes=2**30, days=7, left_free=0)
    for module in (invert_pictures, optimize_prompt):
        monkeypatch.setattr(module, "finished_pictures", lambda: folder)
    return folder.path


def reporter_that_cancels(at: int | None) -> Any:
    """at: the picture in whose first step the user presses cancel."""
    import comfy.model_management

    from single_image_studio.pipelines.reporter import Reporter

    class Cancelling(Reporter):
        def step(self, report: Any, picture: int = 1) -> None:
            comfy.model_management.interrupt_current_processing(picture == at)
            super().step(report, picture)

    return Cancelling("inversion")


@pytest.fixture
def prompts(demo_model: Any) -> Any:
    import nodes

    model, clip, _ = demo_model
    with torch.inference_mode():
        return model, nodes.CLIPTextEncode().encode(clip, "a red heart")[0], nodes.CLIPTextEncode().encode(clip, "")[0]


@pytest.fixture
def invert(prompts: Any) -> Run:
    from single_image_studio.diffusion.ddim import DDIMSchedule
    from single_image_studio.inversion.methods import InversionSettings
    from single_image_studio.pipelines.invert_pictures import SourcePrompts, invert_pictures

    def run(
        origin: str | None = "graph", cancel: int | None = None, method: str = "null_text", masked: bool = False,
        source: Any = None, pictures: Any = PICTURES, seed: int = 0,
    ) -> Any:  # fmt: skip
        model, plain, uncond = prompts
        settings = InversionSettings(method=method, schedule=DDIMSchedule(2), guidance_scale=5.0, seed=seed)
        settings = replace(settings, null_text=replace(settings.null_text, inner_steps=1))
        latent = {"samples": pictures} | ({"noise_mask": MASKS} if masked else {})
        wires = SourcePrompts(source=source or plain, uncond=uncond)
        with torch.inference_mode():
            return invert_pictures(model, latent, wires, settings, reporter_that_cancels(cancel), None, origin)

    return run


@pytest.fixture
def optimize(prompts: Any) -> Run:
    from single_image_studio.inversion.text_optimization import TextOptimizationSettings
    from single_image_studio.pipelines.optimize_prompt import optimize_prompt

    def run(origin: str | None = "graph", cancel: int | None = None, seed: int = 0) -> Any:
        model, target, _ = prompts
        settings, latent = TextOptimizationSettings(steps=2, seed=seed), {"samples": PICTURES}
        with torch.inference_mode():
            return optimize_prompt(model, target, latent, settings, reporter_that_cancels(cancel), None, origin)

    return run


def cancelled(run: Run, **named: Any) -> None:
    import comfy.model_management

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        run(**named)


def kept(run: Run, **named: Any) -> tuple[Any, int]:
    """The result, and how many pictures the run says were finished before."""
    with warnings.collecting("test") as told:
        result = run(**named)
    return result, sum(warning.values["found"] for warning in told if warning.id == "pictures_kept")


def bits(inversion: Any) -> list[Any]:
    parts = [inversion.noise_latents, inversion.uncond_embeds, inversion.offsets]
    if inversion.outside is not None:
        parts += [inversion.outside.mask, inversion.outside.trajectory]
    report = {name: value for name, value in inversion.report.items() if name != "seconds"}
    return [None if part is None else part.numpy().tobytes() for part in parts] + [report]


@pytest.mark.parametrize("how", [{}, {"method": "edit_friendly", "seed": 4}, {"masked": True, "method": "direct"}])
def test_an_inversion_goes_on_with_the_third_picture(folder: pathlib.Path, invert: Run, how: dict[str, Any]) -> None:
    whole = bits(invert(origin=None, **how))
    assert not folder.exists()
    cancelled(invert, cancel=3, **how)
    assert len(list(folder.iterdir())) == 2
    result, found = kept(invert, **how)
    assert bits(result) == whole and found == 2
    again, found = kept(invert, **how)
    assert bits(again) == whole and found == 3


def test_text_optimisation_goes_on_too(folder: pathlib.Path, optimize: Run) -> None:
    (prompt, losses) = optimize(origin=None)
    cancelled(optimize, cancel=2)
    (again, told), found = kept(optimize)
    assert found == 1 and told == losses and torch.equal(again[0][0], prompt[0][0])


def test_only_the_same_run_finds_them(folder: pathlib.Path, invert: Run, optimize: Run, prompts: Any) -> None:
    invert()
    _, words, uncond = prompts
    assert kept(invert, seed=1)[1] == kept(invert, origin="another graph")[1] == kept(invert, source=uncond)[1] == 0
    assert kept(invert, masked=True)[1] == kept(invert, method="direct")[1] == 0
    assert kept(invert, pictures=torch.cat([PICTURES[2:], PICTURES[:1] + 1]))[1] == 1  # the place in a batch is nothing
    assert kept(optimize)[1] == 0 and kept(optimize, seed=1)[1] == 0


def test_one_picture_alone_is_not_kept(folder: pathlib.Path, invert: Run) -> None:
    invert(pictures=PICTURES[:1])
    assert not folder.exists()


def test_what_is_no_number_on_a_prompt_is_not_kept(folder: pathlib.Path, invert: Run, prompts: Any) -> None:
    _, ((embedding, options),), _ = prompts
    invert(source=[[embedding, {**options, "another_pack": object()}]])
    assert not folder.exists()


def test_damaged_pictures_are_made_anew(folder: pathlib.Path, invert: Run) -> None:
    whole = bits(invert())
    cut, empty, nan = sorted(folder.iterdir())
    cut.write_bytes(cut.read_bytes()[:-100])
    empty.write_bytes(b"")
    data = bytearray(nan.read_bytes())
    data[-4:] = b"\x00\x00\xc0\x7f"
    nan.write_bytes(data)
    result, found = kept(invert)
    assert bits(result) == whole and found == 0


def test_a_full_disk_costs_nothing(folder: pathlib.Path, invert: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from single_image_studio.support.bounded_folder import BoundedFolder

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    whole = bits(invert(origin=None))
    monkeypatch.setattr(BoundedFolder, "keep", full)
    assert bits(invert()) == whole


def test_concepts_that_are_kept_apart_tell_models_from_one_another(demo_model: Any) -> None:
    """One node may run for each MODEL of a list, and its graph is the same then."""
    from single_image_studio.host.unet_apart import with_lora_apart
    from single_image_studio.pipelines.batch_identity import run_of
    from single_image_studio.pipelines.learn_concept import Checkpoint

    model, clip, vae = demo_model
    lora, other = some_lora(model, clip), some_lora(model, clip, size=0.1)
    left = torch.zeros(1, 8, 8)
    left[..., :4] = 1

    def batch(*concept: Any, **more: Any) -> str:
        on = with_lora_apart(model, *concept, **more) if concept else model
        return run_of("inversion", on, {}, "graph", 2)

    assert batch("foo", lora, 1.0, region=left) == batch("foo", lora, 1.0, region=left.clone())
    unlike = [batch(), batch("foo", lora, 1.0), batch("bar", lora, 1.0), batch("foo", other, 1.0)]
    unlike += [batch("foo", lora, 0.5), batch("foo", lora, 1.0, region=left), batch("foo", lora, 1.0, region=1 - left)]
    unlike.append(batch("foo", lora, 1.0, by_tokens=False))
    assert len(set(unlike)) == len(unlike)

    def training(*wires: Any) -> str:
        return Checkpoint(*wires, vae).identity()

    assert training(*foo((model, clip))) == training(*foo((model, clip)))
    assert len({training(model, clip), training(*foo((model, clip))), training(*foo((model, clip), lora=other))}) == 3
    (_, text), (unet, _) = foo((model, clip)), foo((model, clip), lora=other)
    assert training(unet, text) not in (training(*foo((model, clip))), training(*foo((model, clip), lora=other)))


def test_a_picture_that_is_overwritten_makes_another_model(host: Any) -> None:
    """As the host asks the nodes before it runs them: a mask of the same name, on the way to MODEL, is another one."""
    import execution
    import folder_paths
    from comfy_execution.graph import DynamicPrompt
    from PIL import Image

    from single_image_studio.host.identity import made_by

    name = "a_region_that_is_overwritten.png"
    path = pathlib.Path(folder_paths.get_input_directory()) / name
    graph = {
        "mask": {"class_type": "LoadImageMask", "inputs": {"image": name, "channel": "red"}},
        "model": {"class_type": "AnyPatch", "inputs": {"mask": ["mask", 0]}},
        "run": {"class_type": "SIS_NullTextInvert", "inputs": {"model": ["model", 0]}},
    }

    def origin(shade: int) -> str:
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)
        prompt = DynamicPrompt({key: dict(node) for key, node in graph.items()})
        run_apart(execution.IsChangedCache("run", prompt, None).get("mask"))
        return made_by(SimpleNamespace(dynprompt=prompt, unique_id="run"), ("model",))

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        assert origin(10) == origin(10) != origin(200)
    finally:
        path.unlink(missing_ok=True)
