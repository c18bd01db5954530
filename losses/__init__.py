"""SingleInsert's three losses. Pure functions of tensors; needs only torch."""

from .singleinsert import background_loss, foreground_loss, semantic_loss

__all__ = ["background_loss", "foreground_loss", "semantic_loss"]
