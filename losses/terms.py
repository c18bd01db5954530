"""SingleInsert's losses, on predicted clean latents, and the one table of all curves that a run may show.

All are the mean over the *whole* tensor, not over the mask's area, as in the method's published numbers: a small
subject so weighs less than a large one, and gamma = eta = 1 balance the terms.

Source: "SingleInsert: Inserting New Concepts from a Single Image into Text-to-Image Models for Flexible Editing".
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


def _check(x: Tensor, y: Tensor, mask: Tensor | None = None) -> None:
    if x.shape != y.shape:
        raise ValueError(f"the predictions have shapes {tuple(x.shape)} and {tuple(y.shape)}; expected the same")
    if mask is None:
        return
    if mask.dim() != 4 or mask.shape[0] not in (1, x.shape[0]) or mask.shape[1] != 1 or mask.shape[2:] != x.shape[2:]:
        raise ValueError(
            f"the mask has shape {tuple(mask.shape)}; expected (1 or {x.shape[0]}, 1, {x.shape[2]}, {x.shape[3]})"
        )


def foreground_loss(x0_pred: Tensor, x0: Tensor, mask: Tensor) -> Tensor:
    """The subject must look as it does in the picture: mean(m · (x0* - x0)²), eq. 3.

    x0_pred: (B, 4, h, w), predicted under "* class". x0: the picture's latents, same shape.
    mask: (B or 1, 1, h, w) in [0, 1], 1 = subject, soft values kept.
    Raises: ValueError when shapes do not fit.
    """
    _check(x0_pred, x0, mask)
    return (mask * (x0_pred - x0).square()).mean()


def background_loss(x0_pred: Tensor, x0_class: Tensor, mask: Tensor) -> Tensor:
    """ "*" must not touch the rest: mean((1 - m) · (x0* - x̄0)²), eq. 4.

    x0_class: (B, 4, h, w), what the frozen model predicts from the class word alone; a constant.
    Raises: ValueError when shapes do not fit.
    """
    _check(x0_pred, x0_class, mask)
    return ((1 - mask) * (x0_pred - x0_class).square()).mean()


def semantic_loss(x0_class_tuned: Tensor, x0_class_frozen: Tensor) -> Tensor:
    """The class word must keep its meaning while the model is tuned: mean((x̂0 - x̄0)²), eq. 6.

    x0_class_tuned, x0_class_frozen: (B, 4, h, w), predicted from the class word by the tuned and the frozen model.
    Raises: ValueError when shapes do not fit.
    """
    _check(x0_class_tuned, x0_class_frozen)
    return (x0_class_tuned - x0_class_frozen).square().mean()


@dataclass(frozen=True)
class LossTerm:
    """One curve.

    words: what people read, by language; the log takes English. colour: text, orange, blue or green, which the page
    makes legible on every palette. dash: SVG's; curves are told apart by both.
    weight: the setting that weighs it in the total; None: 1, or no part of a total.
    """

    name: str
    words: dict[str, str]
    colour: str
    dash: str = ""
    weight: str | None = None


def _table(*terms: LossTerm) -> dict[str, LossTerm]:
    return {term.name: term for term in terms}


LOSS_TERMS = _table(
    LossTerm("loss", {"en": "total", "zh": "总计", "ja": "合計"}, "text"),
    LossTerm("foreground", {"en": "subject", "zh": "主体", "ja": "被写体"}, "orange", "7 2"),
    LossTerm("background", {"en": "background", "zh": "背景", "ja": "背景"}, "blue", "2 2", weight="background_weight"),
    LossTerm(
        "semantic", {"en": "class word", "zh": "类别词", "ja": "クラス名"}, "green", "9 2 2 2", weight="semantic_weight"
    ),
    LossTerm(
        "misfit", {"en": "prompt-picture gap", "zh": "提示词与图片的差距", "ja": "プロンプトと画像のずれ"}, "orange"
    ),
    # between the way back and the way up after each step, of every method; what was missed is carried on, so it grows
    LossTerm(
        "distance",
        {"en": "distance (rises normally)", "zh": "距离（上升属正常）", "ja": "距離（増えるのは正常）"},
        "blue",
    ),
)
"""By name. `page.live` sends words, colour and dash to the page with a run."""
