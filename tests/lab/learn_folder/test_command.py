"""The whole command, with servers that learn in no time; and what it refuses."""

from __future__ import annotations

import builtins
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from lab import DevError, cli
from lab.learn_folder import at_server, command, engines, ray_engine

from ...helpers.fake_comfyui import FakeComfyUI


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeComfyUI]:
    monkeypatch.setattr(at_server, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(cli.server, "stop_on_signals", lambda: None)
    monkeypatch.setattr(command.sheet, "draw", lambda *_: [])
    for name in ("COMFYUI_PATH", "COMFYUI_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    with FakeComfyUI().running() as server:
        yield server


@pytest.fixture
def pictures(tmp_path: pathlib.Path) -> pathlib.Path:
    for file in ("dog/rex.png", "dog/max.png", "tom_cat.png", "IMG_1.png"):
        (tmp_path / "p" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / file).write_bytes(file.encode())
    return tmp_path / "p"


def options(*arguments: str) -> Any:
    return cli.parser().parse_args(["learn-folder", *arguments])


def report_of(pictures: pathlib.Path) -> Any:
    return json.loads((pictures.with_name("p_learned") / "report.json").read_text())


def test_a_second_run_does_only_what_is_missing(fake: FakeComfyUI, pictures: pathlib.Path) -> None:
    arguments = ["learn-folder", str(pictures), "--servers", fake.url]
    fake.learn = lambda prompt: "X: no" if prompt["6"]["inputs"]["name"] == "max" else None
    assert cli.main(arguments) == 1
    assert len(fake.prompts) == 3
    assert [failed["file"] for failed in report_of(pictures)["failed"]] == ["IMG_1.png", "dog/max.png"]
    concepts = pictures.with_name("p_learned") / "concepts"
    assert {path.name for path in concepts.iterdir()} == {"rex.safetensors", "tom_cat.safetensors"}

    fake.learn = lambda _: None
    (pictures / "IMG_1.png").unlink()
    assert cli.main(arguments) == 0
    assert len(fake.prompts) == 4 and report_of(pictures)["already_there"] == 2

    assert cli.main([*arguments, "--steps", "3"]) == 0, "other settings: all anew"
    assert len(fake.prompts) == 7 and all(prompt["4"]["inputs"]["steps"] == 3 for prompt in fake.prompts[4:])

    (pictures / "tom_cat.png").write_bytes(b"another picture")
    assert cli.main([*arguments, "--steps", "3"]) == 0
    assert len(fake.prompts) == 8 and {path.name for path in concepts.iterdir()} == {
        "rex.safetensors", "tom_cat.safetensors", "max.safetensors",
    }  # fmt: skip


def test_concepts_go_into_the_models_that_are_named(
    fake: FakeComfyUI, pictures: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (pictures / "IMG_1.png").unlink()
    assert cli.main(["learn-folder", str(pictures), "--servers", fake.url, "--models", str(models)]) == 0
    assert (models / "single_image_studio" / "concepts" / "rex.safetensors").is_file()


def test_a_report_that_cannot_be_written_is_told_all_the_same(
    fake: FakeComfyUI, pictures: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures.with_name("p_learned") / "report.txt").mkdir(parents=True)
    assert cli.main(["learn-folder", str(pictures), "--servers", fake.url]) == 1
    told = capsys.readouterr().err
    assert "3 concepts learned" in told and "IMG_1.png: its name says no class word" in told
    assert "this report could not be written" in told


def test_a_run_that_is_stopped_keeps_what_it_has_and_tells_it(fake: FakeComfyUI, pictures: pathlib.Path) -> None:
    (pictures / "IMG_1.png").unlink()
    keep = command.Results.keep

    def stops(results: Any, outcome: Any) -> Any:
        keep(results, outcome)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.Results, "keep", stops)
        assert cli.main(["learn-folder", str(pictures), "--servers", fake.url]) == 130
    assert "not tried, since the run was stopped" in (pictures.with_name("p_learned") / "report.txt").read_text()
    assert cli.main(["learn-folder", str(pictures), "--servers", fake.url]) == 0
    assert report_of(pictures)["already_there"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "servers"], "belong together"),
        (["--engine", "local", "--servers", "http://a"], "belong together"),
        (["--workers", "2"], "belong to --engine ray"),
        (["--engine", "ray", "--workers", "0"], "--workers is 0"),
        (["--steps", "0"], "--steps is 0"),
    ],
)
def test_options_that_do_not_fit_are_told(arguments: list[str], sentence: str) -> None:
    chosen = options("p", *arguments)
    chosen.engine = chosen.engine or "local"
    with pytest.raises(DevError, match=sentence):
        command.check(chosen)


def test_without_ray_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    machine: Any = None
    with pytest.raises(DevError, match="pip install -r requirements-ray.txt"), ray_engine.actors(machine, 2, None):
        pass


def test_each_actor_asks_for_a_gpu_or_for_its_share_of_the_cpus(capsys: pytest.CaptureFixture[str]) -> None:
    def asked(resources: dict[str, float], wanted: int | None) -> list[tuple[float | None, float]]:
        return [(options.get("num_gpus"), options["num_cpus"]) for _, options in ray_engine._shares(resources, wanted)]

    assert asked({"CPU": 16, "GPU": 3}, None) == [(1, 1)] * 3
    assert asked({"CPU": 16}, 3) == [(None, 5)] * 3
    assert asked({"CPU": 2}, None) == [(None, 2)] and asked({"CPU": 2}, 4) == [(None, 1)] * 4
    assert asked({"CPU": 16, "GPU": 2}, 5) == [(1, 1)] * 2
    assert "has 2 GPUs" in capsys.readouterr().err


def test_a_user_s_models_are_named_to_the_host(tmp_path: pathlib.Path) -> None:
    for kind in ("checkpoints", "sams", "single_image_studio"):
        (tmp_path / "models" / kind).mkdir(parents=True)
    (tmp_path / "models" / "a file").touch()
    named = json.loads(engines._model_paths(tmp_path / "models", tmp_path).read_text())["models"]
    assert named.pop("base_path") == str(tmp_path / "models")
    assert named == {kind: kind for kind in ("checkpoints", "sams", "single_image_studio")}
