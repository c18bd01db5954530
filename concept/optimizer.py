"""AdamW, whose running means can wait in the computer's memory for their weight's turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTS = ("exp_avg", "exp_avg_sq")
CPU = torch.device("cpu")


class Adam(torch.optim.AdamW):
    """AdamW with the numbers of the method's code: betas 0.9 and 0.999, weight decay 0.01.

    moments_in_ram: whether the two running means of each weight are kept in the computer's memory, and come to the
    weight's device for its update only. Each weight's numbers are the same then, to the bit: AdamW knows no other.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], rate: float) -> None:
        super().__init__(parameters, lr=rate, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
        self.moments_in_ram = False

    @property
    def parameters(self) -> list[nn.Parameter]:
        group: list[nn.Parameter] = self.param_groups[0]["params"]
        return group

    @property
    def moment_bytes(self) -> int:
        """What the running means take, or will take, where they are."""
        return len(MOMENTS) * sum(p.numel() * p.element_size() for p in self.parameters)

    def keep_moments_in_ram(self) -> None:
        """From now on, with those that there are."""
        self.moments_in_ram = True
        for parameter in self.parameters:
            self._move(parameter, CPU)

    def put_back(self, states: Iterable[Mapping[str, Tensor]]) -> None:
        """The state of each weight, in order, as `state` has it, to where it is kept."""
        for parameter, state in zip(self.parameters, states, strict=True):
            self.state[parameter] = dict(state)
            self._move(parameter, CPU if self.moments_in_ram else parameter.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every weight."""
        if not self.moments_in_ram:
            return super().step(closure)
        group, everything = self.param_groups[0], self.parameters
        try:
            for parameter in everything:
                group["params"] = [parameter]
                self._move(parameter, parameter.device)
                super().step()
                self._move(parameter, CPU)
        finally:
            group["params"] = everything
        return None

    def _move(self, parameter: nn.Parameter, device: torch.device) -> None:
        state = self.state.get(parameter, {})
        state.update({name: state[name].to(device) for name in MOMENTS if name in state})
