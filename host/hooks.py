"""Hooks with keyframes, chosen by a step's own noise level.

The host's keyframes only move forward as noise falls, and remember where they are. An inversion walks upward, an
optimisation jumps: so each prediction gets copies of the hooks that know just the keyframe of its own noise level.
"""

from __future__ import annotations

from typing import Any

import comfy.hooks


class Keyframes:
    """The hooks of one run's conditionings, each with the keyframe that a noise level asks for."""

    def __init__(self, patcher: Any) -> None:
        self._patcher = patcher
        self._groups: dict[tuple[int, tuple[int, ...]], Any] = {}
        self._latest: dict[int, tuple[int, ...]] = {}

    def at(self, hooks: Any, sigma: float) -> Any:
        """A HookGroup for a prediction at a noise level; the same object while the keyframes stay the same.

        hooks: a conditioning's HookGroup, with its keyframes' noise levels set by the host; left as it is.
        """
        indices = tuple(_index(hook.hook_keyframe.keyframes, sigma) for hook in hooks.hooks)
        key = id(hooks), indices
        if key not in self._groups:
            self._groups[key] = _with_one_keyframe(hooks, indices)
        if self._latest.get(id(hooks), indices) != indices:  # weights that the host keeps belong to another strength
            self._patcher.clear_cached_hook_weights()
        self._latest[id(hooks)] = indices
        return self._groups[key]


def has_keyframes(entry: dict[str, Any]) -> bool:
    """Whether a processed conditioning's hooks change while noise falls."""
    hooks = entry.get("hooks")
    return hooks is not None and any(len(hook.hook_keyframe.keyframes) > 1 for hook in hooks.hooks)


def _index(keyframes: list[Any], sigma: float) -> int:
    """The last keyframe that has begun; the first before any has."""
    begun = [index for index, keyframe in enumerate(keyframes) if keyframe.start_t >= sigma]
    return begun[-1] if begun else 0


def _with_one_keyframe(hooks: Any, indices: tuple[int, ...]) -> Any:
    group = hooks.clone()
    for hook, index in zip(group.hooks, indices, strict=True):
        if hook.hook_keyframe.keyframes:
            single = comfy.hooks.HookKeyframeGroup()
            single.add(hook.hook_keyframe.keyframes[index].clone())
            hook.hook_keyframe = single
    return group
