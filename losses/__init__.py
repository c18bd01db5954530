"""The losses: pure functions of tensors, and what people read of them. Needs only torch."""

from .terms import LOSS_TERMS, LossTerm, background_loss, foreground_loss, semantic_loss

__all__ = ["LOSS_TERMS", "LossTerm", "background_loss", "foreground_loss", "semantic_loss"]
