"""What the trainings do alike: the learning rate's cosine, one update, and the detector's and the segmenter's loop."""

from __future__ import annotations

import argparse
import math
import pathlib
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..world import grounding

TRAINING_SEED, TEST_SEED = 5, 6
KEPT = 0.998  # of the average at every step


def warmed_cosine(rate: float, warm: float, angle: float) -> float:
    """A learning rate that warms up and falls to a fiftieth. warm: 0 to 1; angle: 0 at the start of a run, pi at its
    end."""
    return rate * warm * (0.51 + 0.49 * math.cos(angle))


def update(loss: Tensor, optimizer: torch.optim.Optimizer, parameters: Iterable[Tensor], most: float = 1.0) -> None:
    """One step of the optimizer. most: the norm to which the gradient is cut."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, most)
    optimizer.step()


def add_arguments(parser: argparse.ArgumentParser, name: str, steps: int, out: str) -> None:
    """The options that a `Run` reads. name: the trainee's."""
    parser.add_argument("--steps", type=int, default=steps, help="of the whole run and its learning rate's cosine")
    parser.add_argument("--pictures", type=int, default=12000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--every", type=int, default=500, help="steps between measurements on held-out pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("demo_training"))
    parser.add_argument("--resume", action="store_true", help=f"go on from FOLDER/{name}.pt")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(out))


def data_sets(options: argparse.Namespace) -> tuple[grounding.Pictures, grounding.Pictures]:
    """The pictures to train on and the held-out ones."""
    training = grounding.data_set(options.pictures, TRAINING_SEED, options.folder)
    return training, grounding.data_set(grounding.CHUNK, TEST_SEED, options.folder)


def sample_indices(data: grounding.Pictures, count: int, rng: random.Random) -> Sequence[int]:
    """The places of `count` different pictures, in order: on disk they lie in it."""
    return sorted(rng.sample(range(len(data.scenes)), count))


@dataclass(frozen=True)
class Trainee:
    """A network, and what is particular to its training.

    name: of its state's file in the training folder. loss: a step's, a scalar, from the step's number and generator.
    save: writes the averaged network into a folder. measure: what the averaged network reaches, in words.
    """

    name: str
    model: nn.Module
    loss: Callable[[int, random.Random], Tensor]
    save: Callable[[Any, pathlib.Path], None]
    measure: Callable[[Any], str]


class Run:
    """A trainee's run, or its continuation: AdamW, a running average of the weights, a state to go on from."""

    def __init__(self, trainee: Trainee, options: argparse.Namespace) -> None:
        self.trainee, self.options, self.step = trainee, options, 0
        model = trainee.model
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(KEPT)
        self.average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=average)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=1e-4, betas=(0.9, 0.98))
        self.state_file = options.folder / f"{trainee.name}.pt"
        if options.resume:
            self.load()

    def load(self) -> None:
        state = torch.load(self.state_file, weights_only=True)
        self.trainee.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]

    def save(self) -> None:
        """Writes the state and the averaged network, and prints what that reaches."""
        state = {
            "model": self.trainee.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(state, self.state_file)
        averaged: Any = self.average.module
        self.trainee.save(averaged.eval(), self.options.out)
        print(f"  {self.trainee.measure(averaged)}", flush=True)

    def rate(self) -> float:
        """This step's learning rate."""
        warm = min(1.0, (self.step + 1) / self.options.warm_up)
        return warmed_cosine(self.options.rate, warm, math.pi * self.step / self.options.steps)

    def train_step(self) -> float:
        """Returns the loss. The generator depends on the step alone, so that a continued run draws what one run
        would."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        model, rng = self.trainee.model.train(), random.Random(self.options.seed * 1_000_003 + self.step)
        loss = self.trainee.loss(self.step, rng)
        update(loss, self.optimizer, model.parameters())
        self.average.update_parameters(model)
        self.step += 1
        return loss.item()

    def train(self) -> None:
        """All steps that are left, with what they reach every now and then."""
        size = sum(p.numel() for p in self.trainee.model.parameters())
        print(f"{size / 1e6:.2f} M parameters, from step {self.step}", flush=True)
        began, losses = time.time(), []
        while self.step < self.options.steps:
            rate = self.rate()
            losses.append(self.train_step())
            if self.step % 50 == 0:
                loss, seconds = np.mean(losses[-50:]), time.time() - began
                print(f"step {self.step}  loss {loss:.4f}  rate {rate:.2e}  {seconds:.0f} s", flush=True)
            if self.step % self.options.every == 0 or self.step == self.options.steps:
                self.save()
        print(f"done: {self.step} steps")
