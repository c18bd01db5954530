"""The one place that knows transformers: 4.50 to the newest 5.

What differs between versions and is settled here: how a model is made from weights that are already read (and renamed:
5 has other names for Swin's parts, and converts the published ones itself), how a type is asked for, the progress bar
of loading, kernels that 5 would fetch
from a hub. Reading files, tokenising, resizing and reading the answers are our own (and so the renamed `box_threshold`
and the changed
`labels` of its processors do not matter).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ..support.errors import InputError
from .weights import Weights

OLDEST = (4, 50)
_HARMLESS = ("relative_position_index", "position_ids", "special_tokens")  # computed, not learned
log = logging.getLogger("single_image_studio")


def build_grounding_dino(config: Mapping[str, Any], weights: Weights, name: str) -> nn.Module:
    """A GroundingDinoForObjectDetection with these weights, for inference.

    config: config.json's content. name: for messages. Raises: InputError when the weights don't fit the config.
    """
    transformers = _transformers()
    return _build(
        transformers.GroundingDinoConfig,
        transformers.GroundingDinoForObjectDetection,
        {**config, "disable_custom_kernels": True},
        weights,
        name,
    )


def build_sam(config: Mapping[str, Any], weights: Weights, name: str) -> nn.Module:
    """A SamModel with these weights, for inference. Raises: InputError when the weights don't fit the config."""
    transformers = _transformers()
    return _build(transformers.SamConfig, transformers.SamModel, config, weights, name)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:  # the host always has it
        raise InputError(
            f"`detector` needs the package transformers, which cannot be imported ({error}): install it in ComfyUI's"
            " Python."
        ) from error
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    if version < OLDEST:
        raise InputError(
            f"transformers {transformers.__version__} is too old for `detector`: update it to"
            f" {'.'.join(map(str, OLDEST))} or newer in ComfyUI's Python."
        )
    return transformers


def _build(config_class: Any, model_class: Any, config: Mapping[str, Any], weights: Weights, name: str) -> nn.Module:
    try:
        settings = config_class.from_dict(dict(config))
        # 4.x draws first weights, and would move everybody's random numbers
        with _quietly(), torch.random.fork_rng(devices=[]):
            model, report = model_class.from_pretrained(
                None, config=settings, state_dict=weights, output_loading_info=True
            )
    except Exception as error:  # whatever a strange config makes the library raise
        raise InputError(
            f"{name} does not fit what its config says ({_first_line(error)}): download its files again, all from one"
            " place."
        ) from error
    missing = sorted(k for k in report["missing_keys"] if not k.endswith(_HARMLESS))
    wrong = [*missing, *(str(m) for m in report["mismatched_keys"])]
    if wrong:
        raise InputError(
            f"{name} lacks {len(wrong)} of the model's weights ({wrong[0]} …): it is another kind of model or damaged;"
            " download it again."
        )
    unused = sorted(report["unexpected_keys"])
    if unused:
        log.debug("%s holds %d weights that are not used: %s …", name, len(unused), unused[0])
    return model.float().eval().requires_grad_(False)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's progress bar and advice, which would fill the host's log; afterwards as before."""
    from transformers.utils import logging as theirs

    verbosity, shown = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(verbosity)
        if shown:
            theirs.enable_progress_bar()
