"""The losses: pure functions of tensors, and what people read of them. Needs only torch."""
