"""The names and shapes of the layers that GroundingDINO and SAM are made of, as torch's modules name them."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, into: int, *kernel: int) -> Shapes:
    """nn.Linear; with a kernel, nn.Conv2d."""
    return {f"{name}.weight": (out, into, *kernel), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    """nn.LayerNorm or nn.GroupNorm."""
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def packed(name: str, width: int) -> Shapes:
    """torch's nn.MultiheadAttention."""
    return {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)} | linear(
        f"{name}.out_proj", width, width
    )


def mlp(name: str, *widths: int) -> Shapes:
    """Linear layers from one width to the next."""
    out: Shapes = {}
    for i, (into, width) in enumerate(zip(widths, widths[1:])):
        out |= linear(f"{name}.layers.{i}", width, into)
    return out
