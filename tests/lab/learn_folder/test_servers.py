"""Servers that run already: what is sent, what comes back, and what goes wrong."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from lab import DevError
from lab.learn_folder import at_server, engines, graph
from lab.learn_folder.pictures import Picture
from lab.learn_folder.pool import Pool
from lab.learn_folder.tasks import Failure, Learned, Outcome, Task, TaskFailed, WorkerLost

from ...helpers.fake_comfyui import FakeComfyUI, Gone, Prompt


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_server, "LOOK_EVERY", 0.01)


@pytest.fixture
def fake() -> Iterator[FakeComfyUI]:
    with FakeComfyUI().running() as server:
        yield server


def tasks(tmp_path: pathlib.Path, *names: str) -> list[Task]:
    made = []
    for name in names:
        path = tmp_path / f"{name}.png"
        path.write_bytes(f"pixels of {name} \r\n\0".encode())
        picture = Picture(path.name, path, name, "dog")
        made.append(graph.task(picture, path.read_bytes(), graph.template(graph.Settings()), 0))
    return made


def learn(fake: FakeComfyUI, task: Task, patience: float = 0.1) -> Learned:
    with engines.servers([fake.url], 10, patience) as (worker,):
        return worker.learn(task, task.path.read_bytes())


def run(todo: list[Task], *servers: FakeComfyUI) -> tuple[dict[str, Outcome], dict[str, str]]:
    with engines.servers([server.url for server in servers], 10, 0.1) as workers:
        pool = Pool(todo, workers)
        return {outcome.task.name: outcome for outcome in pool.outcomes()}, pool.left_out


def test_the_concept_moves_here_with_what_was_drawn(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    (rex,) = tasks(tmp_path, "rex")
    got = learn(fake, rex)
    assert (got.overlay, got.pictures) == (b"picture overlay.png", (b"picture 1.png", b"picture 2.png"))
    assert len(got.concept) == 32 and not fake.concepts, "the server keeps none"


def test_a_server_that_remembers_the_run_saves_the_concept_again(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    (rex,) = tasks(tmp_path, "rex")
    assert learn(fake, rex).concept == learn(fake, rex).concept
    assert [prompt["6"]["inputs"]["name"] for prompt in fake.prompts] == ["rex", "rex", "rex "]


def test_what_is_remembered_is_not_taken_for_what_has_its_name_by_now(
    tmp_path: pathlib.Path, fake: FakeComfyUI
) -> None:
    (rex,) = tasks(tmp_path, "rex")
    learned = learn(fake, rex).concept
    fake.concepts["rex"] = b"saved by an artist between the two runs"
    assert learn(fake, rex).concept == learned and list(fake.concepts) == ["rex"]


def test_a_concept_of_that_name_on_the_server_stays_as_it_is(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    fake.concepts["rex"] = b"the artist's own"
    (rex,) = tasks(tmp_path, "rex")
    assert learn(fake, rex).concept != b"the artist's own"
    assert fake.concepts == {"rex": b"the artist's own"}


def test_the_very_same_concept_that_was_on_the_server_before_stays_there(
    tmp_path: pathlib.Path, fake: FakeComfyUI
) -> None:
    (rex,) = tasks(tmp_path, "rex")
    fake.concepts["rex"] = learn(fake, rex).concept
    assert learn(fake, rex).concept == fake.concepts["rex"]


def test_a_server_that_does_not_let_its_copy_go_costs_no_concept(
    tmp_path: pathlib.Path, fake: FakeComfyUI, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.errors = {"/single_image_studio/concepts/delete"}
    (rex,) = tasks(tmp_path, "rex")
    assert learn(fake, rex).concept == fake.concepts["rex"]
    assert "keeps a copy of the concept rex" in capsys.readouterr().err


def test_the_result_is_the_same_whichever_server_gave_it(tmp_path: pathlib.Path) -> None:
    todo = tasks(tmp_path, "a", "b", "c", "d", "e")
    with contextlib.ExitStack() as stack:
        one, two, three = (stack.enter_context(FakeComfyUI().running()) for _ in range(3))
        serial, _ = run(todo, one)
        shared, _ = run(todo[::-1], two, three)
    assert all(isinstance(outcome.result, Learned) for outcome in serial.values())
    assert {name: concept(o) for name, o in serial.items()} == {name: concept(o) for name, o in shared.items()}


def concept(outcome: Outcome) -> bytes:
    assert isinstance(outcome.result, Learned), outcome.result
    return outcome.result.concept


def fails_at(name: str, sentence: str) -> Callable[[Prompt], str | None]:
    return lambda prompt: sentence if prompt["6"]["inputs"]["name"] == name else None


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("SIS_MaskFromPrompt: `prompt`: no dog was found", "SIS_MaskFromPrompt: `prompt`: no dog was found"),
        ("LoadImage: cannot identify image file", "the picture cannot be read: LoadImage: cannot identify image file"),
        ("SIS_SaveConcept: the disk is full", "SIS_SaveConcept: the disk is full"),
    ],
)
def test_what_a_picture_fails_with_is_told_and_the_others_go_on(
    tmp_path: pathlib.Path, fake: FakeComfyUI, sentence: str, told: str
) -> None:
    fake.learn = fails_at("b", sentence)
    done, left_out = run(tasks(tmp_path, "a", "b", "c"), fake)
    assert done["b"].result == Failure("b.png", told)
    assert concept(done["a"]) and concept(done["c"]) and not left_out


def test_a_server_that_goes_away_leaves_its_picture_to_another(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    def leaves(_: Prompt) -> None:
        raise Gone

    with FakeComfyUI(leaves).running() as leaving:
        done, left_out = run(tasks(tmp_path, "a", "b", "c"), leaving, fake)
    assert {outcome.worker for outcome in done.values()} == {fake.url}
    assert all(concept(outcome) for outcome in done.values())
    assert "does not answer" in left_out[leaving.url] and len(leaving.prompts) == 1


@pytest.mark.parametrize("path", ["/upload/image", "/prompt", "/view", "/queue"])
def test_a_server_that_answers_with_errors_is_left_out(tmp_path: pathlib.Path, fake: FakeComfyUI, path: str) -> None:
    with FakeComfyUI().running() as broken:
        broken.errors = {path}
        done, left_out = run(tasks(tmp_path, "a", "b", "c", "d"), broken, fake)
        assert all(concept(outcome) for outcome in done.values())
        done, left_out = run(tasks(tmp_path, "a"), broken)
    assert "500" in left_out[broken.url]
    assert isinstance(done["a"].result, Failure) and "500" in done["a"].result.reason


def test_a_server_that_refuses_the_workflow_is_asked_once(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    fake.refusal = {"error": {"message": "no such checkpoint"}, "node_errors": {}}
    done, left_out = run(tasks(tmp_path, "a", "b"), fake)
    assert all("no such checkpoint" in str(outcome.result) for outcome in done.values())
    assert "no such checkpoint" in left_out[fake.url]


def test_a_server_that_was_started_again_is_not_waited_for(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    fake.forgetful = True
    with pytest.raises(WorkerLost, match="no longer knows the workflow"):
        learn(fake, *tasks(tmp_path, "a"))


def test_an_older_pack_is_told(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    fake.old = True
    with pytest.raises(WorkerLost, match="update it"):
        learn(fake, *tasks(tmp_path, "a"))


def test_a_concept_that_cannot_be_found_is_told(tmp_path: pathlib.Path, fake: FakeComfyUI) -> None:
    class Nothing(dict):  # type: ignore[type-arg]
        def __setitem__(self, *_: object) -> None:
            pass

    fake.concepts = Nothing()
    with pytest.raises(TaskFailed, match="not in the server's list"):
        learn(fake, *tasks(tmp_path, "a"))


def test_servers_that_cannot_be_used_are_left_out(fake: FakeComfyUI, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeComfyUI().running() as bare:
        bare.errors = {"/object_info/SIS_SaveConcept"}
        with engines.servers([bare.url, fake.url + "/", fake.url], 10) as workers:
            assert [worker.name for worker in workers] == [fake.url]
        assert f"{bare.url} is left out" in capsys.readouterr().err
        with pytest.raises(DevError, match="none of the servers"), engines.servers([bare.url], 10):
            pass
