"""LoRA that trains beside a frozen model and can be switched off: the frozen model is the same model with it off.

Source: Hu et al. 2021, arXiv:2106.09685. Scale 1, which is alpha = rank in kohya's convention. With an orthogonal
basis: Po et al. 2023, orthogonal adaptation, arXiv:2312.02432; `down` is fixed, so that two concepts' updates read
from directions that hardly meet, and adding them up changes neither.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ..support.errors import InputError

UNET = "lora_unet_"
"""How kohya's names of the UNet's layers begin."""


class Lora(nn.Module):
    """One layer's update: x -> up(down(x)), float32. down ~ N(0, (1/rank)²), up = 0, so that it starts as nothing.

    orthogonal: `down` has orthogonal rows of the length that they have otherwise, and stays as it is.
    """

    def __init__(
        self, inputs: int, outputs: int, rank: int, generator: torch.Generator, orthogonal: bool = False
    ) -> None:
        super().__init__()
        down = torch.randn(rank, inputs, generator=generator) / rank
        self.down = nn.Parameter(_orthogonal(down) if orthogonal else down, requires_grad=not orthogonal)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x: Tensor) -> Tensor:
        return x.float() @ self.down.t() @ self.up.t()


class LoraSet(nn.Module):
    """LoRAs for a set of layers, added by forward hooks while `attached`.

    targets: kohya name -> the layer, a Linear. enabled: switches all of them. orthogonal: as in `Lora`.
    """

    def __init__(
        self, targets: Mapping[str, nn.Module], rank: int, generator: torch.Generator, orthogonal: bool = False
    ) -> None:
        super().__init__()
        # A plain dict: these modules are the host's, not ours to train. Sorted: the seeded draws must not depend on who
        # lists them how.
        self.targets = dict(sorted(targets.items()))
        self.rank = rank
        self.enabled = True
        self.layers = nn.ModuleDict(
            {name: Lora(*_in_out(layer), rank, generator, orthogonal) for name, layer in self.targets.items()}
        )

    def place(self, unet: torch.device) -> LoraSet:
        """Moves each LoRA to where its layer computes.

        unet: the UNet's device, on which its weights need not lie (`--novram` brings each there for its use alone). The
        text encoder computes where its weights are.
        """
        for name, layer in self.targets.items():
            self.layers[name].to(unet if name.startswith(UNET) else next(layer.parameters()).device)
        return self

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Adds the LoRAs to their layers' outputs; leaves nothing behind."""
        hooks = []
        try:
            for name, layer in self.targets.items():
                hooks.append(layer.register_forward_hook(self._hook(self.layers[name])))
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _hook(self, lora: nn.Module):  # type: ignore[no-untyped-def]
        def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if not self.enabled:
                return output
            return output + lora(inputs[0]).to(output.dtype)  # type: ignore[no-any-return]

        return add

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """The frozen model."""
        before, self.enabled = self.enabled, False
        try:
            yield
        finally:
            self.enabled = before

    def _loras(self) -> Iterator[tuple[str, Lora]]:
        yield from ((name, layer) for name, layer in self.layers.items() if isinstance(layer, Lora))

    def kohya(self) -> dict[str, Tensor]:
        """The weights under the names that LoraLoader and other tools read: float32 copies on the CPU."""
        out: dict[str, Tensor] = {}
        for name, lora in self._loras():
            out[f"{name}.lora_up.weight"] = lora.up.detach().to("cpu", copy=True).contiguous()
            out[f"{name}.lora_down.weight"] = lora.down.detach().to("cpu", copy=True).contiguous()
            out[f"{name}.alpha"] = torch.tensor(float(self.rank))
        return out

    def load_kohya(self, weights: Mapping[str, Tensor]) -> None:
        """Goes on from saved weights.

        Raises: InputError when they are of another rank or for other layers.
        """
        layers = {name.rsplit(".lora_", 1)[0].removesuffix(".alpha") for name in weights}
        if layers - set(self.targets):
            raise InputError(
                f"`concept` has a LoRA on {sorted(layers - set(self.targets))[0]}, which would be lost: set"
                " `train_text_encoder` as it was when the concept was trained."
            )
        for name, lora in self._loras():
            up, down = weights.get(f"{name}.lora_up.weight"), weights.get(f"{name}.lora_down.weight")
            if up is None or down is None:
                raise InputError(
                    f"`concept` has a LoRA without {name}: set `train_text_encoder` as it was when the concept was"
                    " trained."
                )
            if down.shape[1:] != lora.down.shape[1:] or up.dim() != 2 or up.shape[0] != lora.up.shape[0]:
                raise InputError(
                    f"`concept` has a LoRA for another kind of model on {name}: connect the checkpoint that it was"
                    " trained on."
                )
            if up.shape != lora.up.shape or down.shape != lora.down.shape:
                raise InputError(
                    f"`concept` has a LoRA of rank {down.shape[0]} and `rank` is {self.rank}: set `rank` to"
                    f" {down.shape[0]} to go on from it."
                )
            with torch.no_grad():
                lora.up.copy_(up)
                lora.down.copy_(down)


def _orthogonal(down: Tensor) -> Tensor:
    """Rows at right angles that span what the given ones span; where there are more rows than columns, as they are."""
    rank, inputs = down.shape
    if rank > inputs:
        return down
    basis: Tensor = torch.linalg.qr(down.t())[0]
    return basis.t().contiguous() * (math.sqrt(inputs) / rank)


def _in_out(layer: nn.Module) -> tuple[int, int]:
    if not isinstance(layer, nn.Linear):
        raise TypeError(f"LoRA needs linear layers, and this is a {type(layer).__name__}")
    return layer.in_features, layer.out_features
