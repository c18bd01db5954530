"""Trains the demo model's UNet and text encoder: `python -m lab.training.train_model --minutes 100`.

Needs demo_training/vae.pt (from `lab.training.train_vae`). Ends, and every few hundred steps writes, a checkpoint in SD 1.5's
own layout (float16 safetensors) that the stock CheckpointLoaderSimple loads with `lab/hosting/host_extension`.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import pathlib
import random
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..hosting import in_process
from ..world import world
from .train_vae import LinearEncoder, fold_encoder, state_of

ALPHA_BAR = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2).cumprod(0).float()
NAME_TOKEN = 265  # of `world.NAME` in CLIP's vocabulary
MOST_NAMES, LOOK = 2, 12  # names in a caption, numbers in a look
NAME_BLUR = 0.15  # of a name's vector, in deviations
SIMPLE_UNTIL = 0.6  # of a run: from there on only the world's own scenes are shown


def _render_many(job: tuple[int, int, bool]) -> tuple[np.ndarray, list[str]]:
    seed, count, simple = job
    rng = random.Random(seed)
    scenes = [world.sample_scene(rng, simple) for _ in range(count)]
    return np.stack([world.render(scene)[0] for scene in scenes]), [scene.caption for scene in scenes]


def data_set(count: int, seed: int, folder: pathlib.Path, simple: bool = False) -> tuple[np.ndarray, list[str]]:
    """Pictures (count, 128, 128, 3) uint8 and their captions, rendered once and kept in `folder`."""
    name = f"{'simple' if simple else 'scenes'}_{seed}_{count}"
    pictures, captions = folder / f"{name}.npy", folder / f"{name}.txt"
    if not captions.exists():
        jobs = [(seed * 1_000_003 + i, 500, simple) for i in range(count // 500)]
        store = np.lib.format.open_memmap(
            pictures, mode="w+", dtype=np.uint8, shape=(len(jobs) * 500, world.SIZE, world.SIZE, 3)
        )
        words: list[str] = []
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for i, (stack, texts) in enumerate(pool.imap(_render_many, jobs)):
                store[i * 500 : (i + 1) * 500] = stack
                words += texts
        store.flush()
        captions.write_text("\n".join(words))
    return np.load(pictures, mmap_mode="r"), captions.read_text().split("\n")


def _render_named(job: tuple[int, int]) -> tuple[np.ndarray, list[str], np.ndarray]:
    seed, count = job
    rng = random.Random(seed)
    pairs = [world.sample_named_scene(rng) for _ in range(count)]
    looks = np.zeros((count, MOST_NAMES, LOOK), np.float32)
    for row, (_, found) in zip(looks, pairs):
        row[: len(found)] = found
    return np.stack([world.render(scene)[0] for scene, _ in pairs]), [scene.caption for scene, _ in pairs], looks


def named_set(count: int, seed: int) -> Iterator[tuple[np.ndarray, list[str], Tensor]]:
    """Scenes with names, 500 at a time: pictures (500, 128, 128, 3) uint8, captions, and looks (500, 2, 12), zero where
    there is no second name."""
    jobs = [(seed * 1_000_003 + i, 500) for i in range(count // 500)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for pictures, captions, looks in pool.imap(_render_named, jobs):
            yield pictures, captions, torch.from_numpy(looks)


def encode_all(encoder: LinearEncoder, pictures: np.ndarray) -> Tensor:
    with torch.no_grad():
        parts = [
            encoder(torch.from_numpy(np.array(pictures[i : i + 256])).permute(0, 3, 1, 2).float() / 255)
            for i in range(0, len(pictures), 256)
        ]
    return torch.cat(parts)


def new_unet() -> nn.Module:
    """SD 1.5's UNet, small: 64/128/128 channels, attention at 8x8 and 4x4 latents."""
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel

    from ..hosting.host_extension import small_sd15 as small

    net = UNetModel(
        image_size=32,
        in_channels=4,
        out_channels=4,
        model_channels=small.MODEL_CHANNELS,
        num_res_blocks=[1, 1, 1],
        channel_mult=(1, 2, 2),
        num_heads=small.HEADS,
        num_head_channels=-1,
        use_spatial_transformer=True,
        transformer_depth=[0, 1, 1],
        transformer_depth_output=[0, 0, 1, 1, 1, 1],
        transformer_depth_middle=1,
        context_dim=small.CONTEXT,
        legacy=False,
        use_linear_in_transformer=False,
        dtype=torch.float32,
        operations=comfy.ops.disable_weight_init,
    )
    for name, module in net.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        if name.endswith(("out_layers.3", "proj_out")) or name == "out.2":
            nn.init.zeros_(module.weight)  # every residual branch starts silent
    return net


def new_text_encoder() -> nn.Module:
    import comfy.clip_model

    from ..hosting.host_extension import small_sd15 as small

    text = small.SmallTextEncoder()
    for name, parameter in text.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
        elif "weight" in name:
            nn.init.ones_(parameter)
        else:
            nn.init.zeros_(parameter)
    text.transformer.text_projection.weight.data.copy_(torch.eye(small.CONTEXT))
    for layer in text.modules():
        if isinstance(layer, comfy.clip_model.CLIPLayer):  # the host's layer adds in place, which autograd refuses
            for norm in (layer.layer_norm1, layer.layer_norm2):
                norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].clone(), *inputs[1:]))
    return text.requires_grad_(True)


def token_ids(captions: list[str]) -> Tensor:
    from ..hosting.host_extension import small_sd15 as small

    tokenizer = small.SmallTokenizer()
    known: dict[str, list[int]] = {}
    for caption in set(captions):
        known[caption] = [token for token, _ in tokenizer.tokenize_with_weights(caption)["l"][0]]
    return torch.tensor([known[caption] for caption in captions])


class Namer(nn.Module):
    """Gives every look a word vector of its own: looks (N, 12) to (N, width). Needed in training only.

    The text encoder of a full-size Stable Diffusion has read the names of a great many people, animals and things, so
    that there is a word vector near almost any appearance, which is what inversion looks for. Ten colour words leave
    nothing to be found.
    """

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LOOK, 256),
            nn.SiLU(),
            nn.Linear(256, 256),
            nn.SiLU(),
            nn.Linear(256, width),
            nn.LayerNorm(width, elementwise_affine=False),
        )
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, looks: Tensor) -> Tensor:
        return self.layers(looks) * self.scale


def encode_text(text: nn.Module, ids: Tensor, names: Tensor | None = None) -> Tensor:
    """Encodes captions, (B, 77) token ids, to (B, 77, width). names: word vectors for the captions' `world.NAME`
    tokens, in order."""
    unique, back = torch.unique(ids, dim=0, return_inverse=True) if names is None else (ids, slice(None))
    embeds = nn.functional.embedding(unique, text.transformer.get_input_embeddings().weight)
    if names is not None:
        embeds = embeds.masked_scatter((unique == NAME_TOKEN)[..., None], names)
    return text.transformer(None, None, embeds=embeds, num_tokens=[77], dtype=torch.float32)[0][back]


def called_by(prompt: Tensor, looks: Tensor, namer: Namer, generator: torch.Generator) -> Tensor:
    """The word vectors of the names in prompts, (names, width), in order. prompt: (B, 77); looks: (B, 2, 12).

    They are blurred a little, so that vectors near a name mean nearly the same: inversion walks through them.
    """
    counts = (prompt == NAME_TOKEN).sum(1)
    vectors = namer(looks[torch.arange(looks.shape[1]) < counts[:, None]])
    return vectors + NAME_BLUR * namer.scale.detach() * torch.randn(vectors.shape, generator=generator)


def checkpoint(
    unet: nn.Module, text: nn.Module, used: Tensor, vae_state: dict[str, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The tensors of an SD 1.5 checkpoint file, float16."""
    linear = LinearEncoder()
    linear.load_state_dict(vae_state["encoder"])
    vae = in_process.taesd()
    fold_encoder(linear, vae.taesd_encoder)
    vae.taesd_decoder.load_state_dict(vae_state["decoder"])
    tensors = {f"model.diffusion_model.{k}": v for k, v in unet.state_dict().items()}
    for k, v in text.transformer.state_dict().items():
        if k.endswith("token_embedding.weight"):  # rows that no caption uses stay zero
            kept = torch.zeros_like(v)
            kept[used] = v[used]
            v = kept
        tensors[f"cond_stage_model.transformer.{k}"] = v
    tensors.update({f"first_stage_model.{k}": v for k, v in vae.state_dict().items()})
    half = {k: v.detach().half().contiguous() for k, v in tensors.items()}
    # the host divides latents by it; ours are used as they come
    half["first_stage_model.vae_scale"] = torch.tensor(0.18215)
    half["first_stage_model.vae_shift"] = torch.tensor(0.0)
    return half


def load_parts(weights: dict[str, Tensor], unet: nn.Module, text: nn.Module) -> None:
    """Fills UNet and text encoder from a checkpoint's tensors. Token rows that it left at zero keep their
    initialisation."""
    for prefix, module in (("model.diffusion_model.", unet), ("cond_stage_model.transformer.", text.transformer)):
        state = {k.removeprefix(prefix): v.float() for k, v in weights.items() if k.startswith(prefix)}
        for key in state:
            if key.endswith("token_embedding.weight"):
                state[key] = torch.where(
                    state[key].abs().sum(1, keepdim=True) > 0, state[key], module.state_dict()[key]
                )
        module.load_state_dict(state)


def draw_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Half of them uniform, half where the picture is still undecided.

    A plain background's colour can be read from the mean of 256 noisy latents at almost any timestep (at t = 900 still
    at a signal-to-noise ratio above 1), so that with uniform draws and the plain eps loss the text was hardly needed
    and, in
    2,000 steps, not learned. The loss is therefore also weighted by sqrt((1 - alpha_bar) / alpha_bar), half way from
    an eps loss to an x0 loss, which makes all timesteps count about the same; and in the first half of a run the noise
    has a random mean of its own ("offset noise").
    """
    uniform = torch.randint(0, 1000, (count,), generator=generator)
    early = torch.randint(600, 1000, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.5, early, uniform)


def main() -> None:
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
    parser.add_argument("--named-pictures", type=int, default=20000)
    parser.add_argument("--named", type=float, default=0.0, help="share of scenes in which objects go by names")
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
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    in_process.import_host()
    import safetensors.torch

    pictures, captions = data_set(args.pictures, args.seed + 1, args.folder)
    simple_captions: list[str] = []
    vae_state = state_of(args.init) if args.init else torch.load(args.folder / "vae.pt", weights_only=True)
    encoder = LinearEncoder()
    encoder.load_state_dict(vae_state["encoder"])
    parts = [encode_all(encoder, pictures)]
    if args.simple:
        simple_pictures, simple_captions = data_set(args.simple_pictures, args.seed + 2, args.folder, simple=True)
        parts.append(encode_all(encoder, simple_pictures))
    named_captions: list[str] = []
    looks = [torch.zeros(0, MOST_NAMES, LOOK)]
    for stack, texts, found in named_set(args.named_pictures if args.named else 0, args.seed + 3):
        parts.append(encode_all(encoder, stack))
        named_captions += texts
        looks.append(found)
    latents, names = torch.cat(parts), torch.cat(looks)
    first_named = len(latents) - len(names)
    ids = token_ids([*captions, *simple_captions, *named_captions, ""])
    empty = ids[-1]
    used = torch.unique(ids[ids != NAME_TOKEN])
    print(
        f"{len(latents)} pictures, latent mean {latents.mean((0, 2, 3)).tolist()}, deviation"
        f" {latents.std((0, 2, 3)).tolist()}",
        flush=True,
    )

    unet, text = new_unet(), new_text_encoder()
    if args.init:
        load_parts(safetensors.torch.load_file(args.init), unet, text)
    namer = Namer(
        text.transformer.get_input_embeddings().weight.shape[1],
        text.transformer.get_input_embeddings().weight.detach()[used].std().item(),
    )
    parameters = [*unet.parameters(), *text.transformer.parameters()]
    groups = [
        {"params": list(unet.parameters()), "faster": 1.0},
        {"params": [*text.transformer.parameters(), *namer.parameters()], "faster": 2.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, weight_decay=1e-4, betas=(0.9, 0.98))
    average = [p.detach().clone() for p in parameters]
    step = 0
    if args.resume:
        state = torch.load(args.folder / "model.pt", weights_only=True)
        unet.load_state_dict(state["unet"])
        text.transformer.load_state_dict(state["text"])
        namer.load_state_dict(state["namer"])
        # an older state had one group: its moments build up again
        if len(state["optimizer"]["param_groups"]) == len(groups):
            optimizer.load_state_dict(state["optimizer"])
        average, step = state["average"], state["step"]
    print(f"UNet {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M, from step {step}", flush=True)

    def save() -> None:
        state = {
            "unet": unet.state_dict(),
            "text": text.transformer.state_dict(),
            "namer": namer.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average,
            "step": step,
        }
        torch.save(state, args.folder / "model.pt")
        live = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            torch._foreach_copy_(parameters, average)
            safetensors.torch.save_file(checkpoint(unet, text, used, vae_state), args.out)
            torch._foreach_copy_(parameters, live)

    began, first, losses = time.time(), step, []
    while args.minutes and (done := (time.time() - began) / 60 / args.minutes) < 1:
        warm = min(1.0, (step - first + 1) / args.warm_up)
        for group in optimizer.param_groups:
            group["lr"] = group["faster"] * args.rate * warm * (0.51 + 0.49 * math.cos(math.pi * done))
        which = torch.randint(len(pictures), (args.batch,), generator=generator)
        simple = len(pictures) + torch.randint(max(1, len(simple_captions)), (args.batch,), generator=generator)
        share = args.simple * max(0.0, 1 - done / SIMPLE_UNTIL)
        which = torch.where(torch.rand(args.batch, generator=generator) < share, simple, which)
        if args.named:
            others = first_named + torch.randint(len(names), (args.batch,), generator=generator)
            which = torch.where(torch.rand(args.batch, generator=generator) < args.named, others, which)
        prompt = ids[which].clone()
        prompt[torch.rand(args.batch, generator=generator) < 0.1] = empty
        called = called_by(prompt, names[(which - first_named).clamp(min=0)], namer, generator) if args.named else None
        timesteps = draw_timesteps(args.batch, generator)
        x0, noise = latents[which], torch.randn(args.batch, *latents.shape[1:], generator=generator)
        # Hides the mean colour, so that it has to be read in the text; gone by the middle of the run (see
        # draw_timesteps).
        noise = noise + args.offset * max(0.0, 1 - 2 * done) * torch.randn(
            args.batch, latents.shape[1], 1, 1, generator=generator
        )
        alpha_bar = ALPHA_BAR[timesteps].view(-1, 1, 1, 1)
        noisy = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):  # twice as fast where the processor has it
            eps = unet(noisy, timesteps.float(), context=encode_text(text, prompt, called))
        error = eps.float() - noise
        loss = (((1 - alpha_bar) / alpha_bar).sqrt() * error.square()).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - min(0.999, (1 + step) / (10 + step)))
        if step % 100 == 0:
            print(
                f"step {step}  loss {np.mean(losses[-100:]):.4f}  rate {optimizer.param_groups[0]['lr']:.2e} "
                f" {time.time() - began:.0f} s",
                flush=True,
            )
        if step % 500 == 0:
            save()
    save()
    print(f"done: {step} steps" + (f", loss {np.mean(losses[-500:]):.4f}" if losses else ""))


if __name__ == "__main__":
    main()
