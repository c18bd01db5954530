"""Trains the demo model's UNet and text encoder: `python -m lab.training.train_model --minutes 100`.

Needs demo_training/vae.pt (from `lab.training.train_vae`). Ends, and every few hundred steps writes, a checkpoint in
SD 1.5's own layout (float16 safetensors) that the stock CheckpointLoaderSimple loads with
`lab/hosting/host_extension`.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..hosting import in_process
from ..world import world
from .autoencoder import LinearEncoder, state_of
from .captioned_pictures import KINDS, CaptionedPictures, gather
from .checkpoint_file import checkpoint, load_parts
from .loop import update, warmed_cosine
from .namer import Namer, called_by
from .networks import HalfUNet, Words, encode_text, new_text_encoder, new_unet, token_ids

ALPHA_BAR = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2).cumprod(0).float()
SIMPLE_UNTIL = 0.6  # of a run: from there on only the world's own scenes are shown
UNTOLD = 0.1  # of the captions are left empty, for guidance


def draw_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Half of them uniform, half where the picture is still undecided.

    A plain background's colour can be read from the mean of 256 noisy latents at almost any timestep (at t = 900 still
    at a signal-to-noise ratio above 1), so that with uniform draws and the plain eps loss the text was hardly needed
    and, in 2,000 steps, not learned. The loss is therefore also weighted by sqrt((1 - alpha_bar) / alpha_bar), half way
    from an eps loss to an x0 loss, which makes all timesteps count about the same; and in the first half of a run the
    noise has a random mean of its own ("offset noise").
    """
    uniform = torch.randint(0, 1000, (count,), generator=generator)
    early = torch.randint(600, 1000, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.5, early, uniform)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--minutes",
        type=float,
        default=100,
        help="of this run and its learning rate's cosine; 0 only writes the checkpoint anew, with today's VAE",
    )
    parser.add_argument("--pictures", type=int, default=30000)
    parser.add_argument("--simple-pictures", type=int, default=8000)
    parser.add_argument(
        "--simple",
        type=float,
        default=1.0,
        help="share of simple scenes at the start of the run, falling to 0 later in it",
    )
    for kind, meaning in KINDS.items():
        parser.add_argument(f"--{kind}-pictures", type=int, default=20000)
        parser.add_argument(f"--{kind}", type=float, default=0.0, help=f"share of {meaning}")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument(
        "--offset", type=float, default=0.5, help="offset noise at the start of the run, falling to 0 at its middle"
    )
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16; weights and loss stay float32")
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        help="0: PyTorch's own choice. One is fastest on a machine that does other work too",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("demo_training"))
    parser.add_argument("--resume", action="store_true", help="go on from FOLDER/model.pt")
    parser.add_argument(
        "--init", type=pathlib.Path, help="start from a demo checkpoint (.safetensors), its VAE included"
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("demo_training/sis_demo_sd15.safetensors"))
    return parser.parse_args()


class Run:
    """A run, or its continuation. vae_state: the trained autoencoder, which goes into the checkpoint."""

    def __init__(self, options: argparse.Namespace, data: CaptionedPictures, vae_state: dict[str, Any]) -> None:
        self.options, self.data, self.vae_state = options, data, vae_state
        self.generator = torch.Generator().manual_seed(options.seed)
        self.unet, self.text = new_unet(), new_text_encoder()
        if options.init:
            import safetensors.torch

            load_parts(safetensors.torch.load_file(options.init), self.unet, self.text)
        table = self.text.transformer.get_input_embeddings().weight.requires_grad_(False)
        self.words = Words(table, data.used_tokens)
        self.class_tokens = token_ids(list(world.CLASSES))[:, 1]
        self.namer = Namer(table.shape[1], self.words.rows.std().item())
        text = [*(p for p in self.text.transformer.parameters() if p is not table), *self.words.parameters()]
        self.parameters = [*self.unet.parameters(), *text]
        groups = [
            {"params": list(self.unet.parameters()), "faster": 1.0},
            {"params": [*text, *self.namer.parameters()], "faster": 2.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=options.rate, weight_decay=1e-4, betas=(0.9, 0.98), fused=True)
        self.predict = HalfUNet(self.unet) if options.bf16 else self.unet
        self.average = [p.detach().clone() for p in self.parameters]
        self.step = 0
        if options.resume:
            self.load()

    def load(self) -> None:
        state = torch.load(self.options.folder / "model.pt", weights_only=True)
        self.unet.load_state_dict(state["unet"])
        self.text.transformer.load_state_dict(state["text"])
        self.words.read()
        self.namer.load_state_dict(state["namer"])
        # an older state had one group: its moments build up again
        if len(state["optimizer"]["param_groups"]) == len(self.optimizer.param_groups):
            self.optimizer.load_state_dict(state["optimizer"])
            for group in self.optimizer.param_groups:
                group["fused"] = True
        self.average, self.step = state["average"], state["step"]

    def save(self) -> None:
        """Writes the state, and the averaged weights as a checkpoint."""
        import safetensors.torch

        self.words.write()
        state = {
            "unet": self.unet.state_dict(),
            "text": self.text.transformer.state_dict(),
            "namer": self.namer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
        }
        torch.save(state, self.options.folder / "model.pt")
        live = [p.detach().clone() for p in self.parameters]
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.average)
            self.words.write()
            tensors = checkpoint(self.unet, self.text, self.data.used_tokens, self.vae_state)
            safetensors.torch.save_file(tensors, self.options.out)
            torch._foreach_copy_(self.parameters, live)

    def _coin(self, share: float) -> Tensor:
        return torch.rand(self.options.batch, generator=self.generator) < share

    def draw_pictures(self, done: float) -> Tensor:
        """Which pictures a step learns from, (B,). done: the share of the run that is over."""
        shares = self.shares(done)
        kinds = torch.multinomial(
            torch.tensor(list(shares.values())), self.options.batch, True, generator=self.generator
        )
        first, count = torch.tensor([self.data.parts[kind] for kind in shares])[kinds].T
        return first + (torch.rand(len(kinds), generator=self.generator) * count).long()

    def shares(self, done: float) -> dict[str, float]:
        """Of each kind of pictures at this point of the run."""
        options = self.options
        wanted = {"simple": options.simple * max(0.0, 1 - done / SIMPLE_UNTIL)}
        wanted |= {kind: getattr(options, kind) for kind in KINDS}
        shares = {kind: share for kind, share in wanted.items() if kind in self.data.parts}
        return {"scenes": max(0.0, 1 - sum(shares.values())), **shares}

    def draw_text(self, chosen: Tensor) -> tuple[Tensor, Tensor | None]:
        """The captions' tokens, (B, 77), some of them the empty caption's, and the word vectors of their names."""
        data, ids = self.data, self.data.ids[chosen].clone()
        ids[self._coin(UNTOLD)] = data.ids[-1]
        if not any(getattr(self.options, kind) for kind in ("named", "names", "triples")):
            return ids, None
        classes = self.words(self.class_tokens)
        return ids, called_by(ids, data.looks[chosen], self.namer, self.generator, classes)

    def draw_noise(self, done: float) -> Tensor:
        """Noise whose mean hides the mean colour, so that it has to be read in the text; the mean is gone by the middle
        of the run (see `draw_timesteps`)."""
        shape = (self.options.batch, *self.data.latents.shape[1:])
        noise = torch.randn(shape, generator=self.generator)
        offset = torch.randn(*shape[:2], 1, 1, generator=self.generator)
        return noise + self.options.offset * max(0.0, 1 - 2 * done) * offset

    def loss(self, done: float) -> Tensor:
        """Of one batch: see `draw_timesteps` for its weight."""
        chosen = self.draw_pictures(done)
        ids, names = self.draw_text(chosen)
        timesteps = draw_timesteps(self.options.batch, self.generator)
        noise = self.draw_noise(done)
        alpha_bar = ALPHA_BAR[timesteps].view(-1, 1, 1, 1)
        noisy = alpha_bar.sqrt() * self.data.latents[chosen] + (1 - alpha_bar).sqrt() * noise
        # twice as fast where the processor has it
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            context = encode_text(self.text, ids, names, self.words)
        eps = self.predict(noisy, timesteps.float(), context=context)
        return (((1 - alpha_bar) / alpha_bar).sqrt() * (eps.float() - noise).square()).mean()

    def train_step(self, done: float, warm: float) -> float:
        """Returns the loss. warm: of the learning rate, 0 to 1."""
        for group in self.optimizer.param_groups:
            group["lr"] = warmed_cosine(group["faster"] * self.options.rate, warm, math.pi * done)
        loss = self.loss(done)
        update(loss, self.optimizer, self.parameters)
        self.step += 1
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - keep)
        return loss.item()

    def train(self) -> None:
        """Trains for the minutes that the options give, and keeps what came out."""
        options, began, first, losses = self.options, time.time(), self.step, []
        while options.minutes and (done := (time.time() - began) / 60 / options.minutes) < 1:
            losses.append(self.train_step(done, min(1.0, (self.step - first + 1) / options.warm_up)))
            if self.step % 50 == 0:
                loss, rate, seconds = np.mean(losses[-50:]), self.optimizer.param_groups[0]["lr"], time.time() - began
                print(f"step {self.step}  loss {loss:.4f}  rate {rate:.2e}  {seconds:.0f} s", flush=True)
            if self.step % 250 == 0:
                self.save()
        self.save()
        print(f"done: {self.step} steps" + (f", loss {np.mean(losses[-500:]):.4f}" if losses else ""))


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    in_process.import_host()
    vae_state = state_of(options.init) if options.init else torch.load(options.folder / "vae.pt", weights_only=True)
    encoder = LinearEncoder()
    encoder.load_state_dict(vae_state["encoder"])
    data = gather(options, encoder)
    mean, deviation = data.latents.mean((0, 2, 3)).tolist(), data.latents.std((0, 2, 3)).tolist()
    print(f"{len(data.latents)} pictures, latent mean {mean}, deviation {deviation}", flush=True)
    run = Run(options, data, vae_state)
    print(f"UNet {sum(p.numel() for p in run.unet.parameters()) / 1e6:.2f} M, from step {run.step}", flush=True)
    run.train()


if __name__ == "__main__":
    main()
