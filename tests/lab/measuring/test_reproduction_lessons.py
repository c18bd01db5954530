"""What the reproduction teaches beside the pack's own stages: its losses by hand, and its pictures."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lab.hosting import in_process
from lab.measuring.concepts import concept_scene
from lab.measuring.learning import Variant, pixels_and_mask, subject_of
from lab.measuring.reproduction import judging
from lab.measuring.reproduction.concept_part import SEED, ConceptPart
from lab.measuring.reproduction.lessons import Learned
from lab.measuring.reproduction.rows import FULL1, FULL2, PRIOR, ROWS, Row
from lab.measuring.reproduction.stages import PHRASE, ClassEmbeddingKept, Reconstruction
from lab.world import painting, world
from single_image_studio.concept.encoders import build_encoder
from single_image_studio.concept.lora import LoraSet
from single_image_studio.concept.settings import Stage2Settings
from single_image_studio.concept.trainer import Trainer
from single_image_studio.concept.training import Stage2
from single_image_studio.diffusion.report import result_of

from ...helpers.linear_model import SUBJECT, WIDTH, LinearModel

ALPHA_BAR = torch.linspace(0.99, 0.01, 1000)


class Word(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.tensor([[1.0, 2.0]]))

    def forward(self, _: Tensor) -> Tensor:
        return self.vector


class Model:
    """Predicts a noise that is given; encodes a prompt as what it is told."""

    alpha_bar = ALPHA_BAR

    def __init__(self, eps: Tensor) -> None:
        self.eps, self.class_word = eps, torch.tensor([3.0, 4.0], requires_grad=True)

    def predict_x0(self, latents: Tensor, timesteps: Tensor, _: Tensor) -> Tensor:
        level = ALPHA_BAR[timesteps].reshape(-1, 1, 1, 1)
        return (latents - (1 - level).sqrt() * self.eps) / level.sqrt()

    def encode(self, embedding: Tensor | None, prompt: str = "*") -> Tensor:
        return 1.0 * self.class_word if embedding is None else embedding


def test_reconstruction_is_the_noise_s_error_over_the_whole_picture() -> None:
    wild = torch.Generator().manual_seed(0)
    x0, noise, eps = (torch.randn(3, 4, 2, 2, generator=wild) for _ in range(3))
    timesteps = torch.tensor([10, 500, 900])
    level = ALPHA_BAR[timesteps].reshape(-1, 1, 1, 1)
    batch = types.SimpleNamespace(x0=x0, latents=level.sqrt() * x0 + (1 - level).sqrt() * noise, timesteps=timesteps)
    stage = Reconstruction(Model(eps), Word())
    (losses,) = stage.losses(batch, stage.encode("*"))
    assert float(losses["misfit"]) == pytest.approx(float((noise - eps).square().mean()), rel=1e-4)
    assert len(stage.parameters) == 1 and stage.encode("*")[PHRASE].requires_grad


def test_a_frozen_word_is_no_parameter_and_a_lora_is() -> None:
    lora = nn.Linear(2, 2)
    stage = Reconstruction(Model(torch.zeros(1)), Word().requires_grad_(False), lora)
    assert [*map(id, stage.parameters)] == [*map(id, lora.parameters())]


class Lora:
    def __init__(self, model: Model) -> None:
        self._model = model

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        tuned, self._model.class_word = self._model.class_word, torch.tensor([1.0, 1.0])
        yield
        self._model.class_word = tuned


def test_the_class_embedding_is_held_at_the_frozen_one() -> None:
    model = Model(torch.zeros(1))

    class Inner:
        parameters: list[nn.Parameter] = []
        weights, lora, x0_pred = {"foreground": 1.0}, Lora(model), None

        def encode(self, _: str) -> dict[str, Tensor]:
            return {"star": torch.zeros(1)}

        def losses(self, _: Any, __: Any) -> Iterator[dict[str, Tensor]]:
            yield {"foreground": torch.ones(())}

    inner = Inner()
    inner.model = model  # type: ignore[attr-defined]
    stage = ClassEmbeddingKept(inner)
    own, kept = stage.losses(None, stage.encode("*"))
    assert float(own["foreground"]) == 1 and kept["semantic"].item() == pytest.approx((2.0**2 + 3.0**2) / 2)
    kept["semantic"].backward()  # type: ignore[no-untyped-call]
    assert model.class_word.grad is not None and stage.weights == {"foreground": 1.0, "semantic": 1.0}


def test_the_pack_s_own_loop_trains_both() -> None:
    """On a small linear model: what the pack's `Trainer` asks of a stage, these have."""
    settings = Stage2Settings(steps=3, batch_size=4, learning_rate=0.01, semantic_weight=0.0)
    model, word = LinearModel(), build_encoder("none", WIDTH, 0, torch.ones(1, WIDTH))
    lora = LoraSet({"unet": model.unet, "text": model.text}, settings.rank, torch.Generator().manual_seed(0))
    kept = ClassEmbeddingKept(Stage2(model, word, lora, SUBJECT, settings))
    for stage, term in ((kept, "semantic"), (Reconstruction(model, word), "misfit")):
        before = [parameter.detach().clone() for parameter in stage.parameters]
        with lora.attached():
            history = result_of(Trainer(model, stage, settings).steps())  # type: ignore[arg-type]
        assert len(history[term]) == 3
        assert any(not torch.equal(old, new) for old, new in zip(before, stage.parameters, strict=True))


def test_a_cropped_picture_is_filled_by_its_subject() -> None:
    scene = concept_scene(SEED, 1)
    image, mask = pixels_and_mask(scene)
    cropped, whole = subject_of(scene, Variant("", 1, whole=True, cropped=True))
    assert cropped.shape == image.shape and float(whole.min()) == 1
    _, cut = subject_of(scene, Variant("", 1, cropped=True))
    rows, columns = cut[0].nonzero(as_tuple=True)
    assert max(int(rows.max() - rows.min()), int(columns.max() - columns.min())) >= world.SIZE - 2
    assert float(cut.mean()) > float(mask.mean()) and torch.equal(subject_of(scene, Variant("", 1))[1], mask)


def test_a_host_s_node_gets_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    class Node:
        FUNCTION = "go"

        @classmethod
        def go(cls, **inputs: list[int]) -> Any:
            return types.SimpleNamespace(args=(sum(inputs["a"]), inputs["b"]))

    module = types.ModuleType("some_nodes")
    module.Node = Node  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_nodes", module)
    monkeypatch.setattr(in_process, "import_host", lambda: None)
    assert in_process.run_host_node("some_nodes", "Node", {"a": [1, 2], "b": [5]}) == (3, [5])


class PaintingTeacher:
    """Rows with a plain loss paint the concept's own picture whatever is asked; the others paint nothing of it."""

    def __init__(self) -> None:
        self.taught: list[Row] = []

    def nothing(self, cls: str) -> Learned:
        return Learned(None, lambda model, clip: (model, clip), cls, {}, 0.0)

    def teach(self, row: Row, scene: world.Scene, seed: int, start: Any = None) -> Learned:
        assert (start is None) == (not row.starts_from)
        self.taught.append(row)
        return Learned((row, scene), lambda model, clip: (model, clip), "<c>", {"loss": [2.0, 1.0]}, 0.0)

    def draw(self, learned: Learned, prompts: list[str], seeds: list[int]) -> np.ndarray:
        assert len(set(seeds)) == len(seeds) == len(prompts)
        picture = np.full((world.SIZE, world.SIZE, 3), 128, np.uint8)
        if learned.concept and learned.concept[0].variant.whole:
            picture = painting.render(learned.concept[1])[0]
        return np.stack([picture] * len(prompts))


def test_a_concept_s_rows_find_what_they_start_from(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "heat", lambda *_: (None, None))  # which asks the model
    teacher = PaintingTeacher()
    part = ConceptPart(teacher, 1, tmp_path)  # type: ignore[arg-type]
    index = 5  # beyond those whose pictures are kept
    line = part.measure("I plain", index)
    assert line["scores"]["source"] == line["scores"]["found"] == 1 and line["scores"]["esr"] < 0.3
    assert line["history"] == {"loss": [2.0, 1.0]} and line["heat"] is None and not any(tmp_path.iterdir())
    assert part.measure(PRIOR, index)["scores"]["found"] == 0
    part.measure(FULL2, index)  # after a stop: Stage I is learned anew
    assert teacher.taught == [ROWS["I plain"], ROWS[FULL1], ROWS[FULL2]]
    part.measure("II plain", index)
    assert teacher.taught[3:] == [ROWS["II plain"]]  # from the cache
