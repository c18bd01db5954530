"""Put into a host's custom nodes: lets one call of a kind fail in the next run.

`fault.json` beside it says which: {"site": …, "call": …, "error": …}; `happened` is written when it failed. Where there
is a file `keep_states`, trainings keep their state after every step, however short they are.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import comfy.model_base
import comfy.sd
import comfy.sd1_clip
import torch
from server import PromptServer

NODE_CLASS_MAPPINGS: dict[str, Any] = {}
HERE = pathlib.Path(__file__).parent
SITES = {
    "forward": ((comfy.model_base.BaseModel, "apply_model"),),
    "backward": ((torch.autograd, "backward"), (torch.autograd, "grad")),
    "update": ((torch.optim.AdamW, "step"),),
    "text": ((comfy.sd1_clip.SDClipModel, "forward"),),
    "vae": ((comfy.sd.VAE, "encode"), (comfy.sd.VAE, "decode")),
    "write": ((os, "fsync"),),
}
ERRORS: dict[str, Callable[[], Exception]] = {
    "error": lambda: RuntimeError("an injected fault"),
    "memory": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory (injected)"),
    "disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
}
asked: dict[str, Any] = {}


def failing(site: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which fails when its turn has come."""

    @functools.wraps(function)
    def called(*args: Any, **more: Any) -> Any:
        if asked.get("site") == site:
            asked["call"] -= 1
            if asked["call"] == 0:
                error = ERRORS[asked["error"]]()
                asked.clear()
                (HERE / "happened").write_text(site)
                raise error
        return function(*args, **more)

    return called


def ask(prompt: dict[str, Any]) -> dict[str, Any]:
    """A run begins: takes the fault that is asked for."""
    file = HERE / "fault.json"
    asked.clear()
    if file.is_file():
        asked.update(json.loads(file.read_text()))
        file.unlink()
    if (HERE / "keep_states").is_file():
        keep_states()
    return prompt


def keep_states() -> None:
    """Lets no training be too short, and no writing too slow, for its state to be kept."""
    for name, module in list(sys.modules.items()):
        if name.endswith(".pipelines.resuming"):
            vars(module).update(EVERY=0.0, SHARE=1e9, WORTH=0.0, SHARE_AT_END=1e9)


for site, places in SITES.items():
    for owner, name in places:
        setattr(owner, name, failing(site, getattr(owner, name)))
(HERE / "pid").write_text(str(os.getpid()))
PromptServer.instance.add_on_prompt_handler(ask)
