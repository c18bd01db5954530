"""The one place that knows transformers: 4.50 to the newest 5.

Settled here is what differs between versions: how a model is made from weights that are already read (version 5 has
other names for Swin's parts, and converts the published ones itself), how a type is asked for, and the progress bar of
loading. Files, tokens, resizing and the networks' answers are read by our own code, so that renamed arguments of its
processors (`box_threshold`, `labels`) do not reach us.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import nn

from ..support.errors import InputError
from .family import Source

OLDEST = (4, 50)
SINCE = {  # the first version with a class, where that is newer than OLDEST
    "SamHQModel": (4, 52),
    "MMGroundingDinoForObjectDetection": (4, 55),
    "Sam2Model": (4, 56),
    "EdgeTamModel": (5, 0),  # 4.57 has it, and looks up a backbone in the hub whenever one is made
}
_COMPUTED = ("relative_position_index", "position_ids", "special_tokens")  # not learned, so they may be missing
# Of a config.json: what names code, or how layers compute; the network is the library's own, computed its usual way.
_IGNORED = ("auto_map", "attn_implementation", "_attn_implementation", "_attn_implementation_internal", "use_kernels")
log = logging.getLogger("single_image_studio")


def build(config_class: str, model_class: str, source: Source, **options: Any) -> nn.Module:
    """A network of transformers with the source's config and weights, for inference, in float32 on the CPU.

    config_class, model_class: their names in the library. options: further ones of the model's own.
    Raises: InputError when the weights do not fit the config, when the config would have something fetched, or when
        the library is missing or too old.
    """
    transformers = _transformers()
    settings = _harmless(source.config, source.name)
    since = SINCE.get(model_class, OLDEST)
    if _version(transformers) < since or not hasattr(transformers, model_class):
        raise InputError(
            f"{source.name} needs transformers {_dotted(since)} or newer, and {transformers.__version__} is installed:"
            " update it in ComfyUI's Python, or choose another model."
        )
    try:
        with _offline():
            config = getattr(transformers, config_class).from_dict(settings)
            model, report = _from_weights(getattr(transformers, model_class), config, source, options)
    except ImportError as error:
        raise InputError(
            f"{source.name} needs a package that is not there ({_first_line(error)}): install it in ComfyUI's Python,"
            " or choose another model."
        ) from error
    except Exception as error:  # whatever a strange config makes the library raise
        raise InputError(
            f"{source.name} does not fit what its config says ({_first_line(error)}): download its files again, all"
            " from one place."
        ) from error
    _check_complete(report, source.name)
    return model.float().eval().requires_grad_(False)


def _harmless(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The config without what names code or compiled kernels, which a strange one could have fetched and run.

    Raises: InputError when it asks for other weights than those beside it.
    """
    for key, asks in _ASKS_FOR_MORE.items():
        if key in config and asks(config[key]):
            raise InputError(
                f"{name}: its config.json asks for weights from elsewhere ({key}), which are never fetched: choose"
                " another model."
            )
    return {
        key: _harmless(value, name) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in _IGNORED
    }


_ASKS_FOR_MORE: Mapping[str, Callable[[Any], bool]] = {
    "use_pretrained_backbone": bool,
    "backbone": bool,
    "checkpoint_path": bool,
    "pretrained": bool,
    "architecture": lambda value: ":" in str(value) or "/" in str(value),  # timm's names of models in a hub
}


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:  # the host always has it
        raise InputError(
            f"this needs the package transformers, which cannot be imported ({error}): install it in ComfyUI's Python."
        ) from error
    if _version(transformers) < OLDEST:
        raise InputError(
            f"transformers {transformers.__version__} is too old for this node: update it to"
            f" {_dotted(OLDEST)} or newer in ComfyUI's Python."
        )
    return transformers


def _version(transformers: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in transformers.__version__.split(".")[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _from_weights(
    model_class: Any, config: Any, source: Source, options: Mapping[str, Any]
) -> tuple[nn.Module, Mapping[str, Any]]:
    # 4.x draws first weights, and would move everybody's random numbers
    with _quiet(), torch.random.fork_rng(devices=[]):
        loaded = model_class.from_pretrained(
            None, config=config, state_dict=source.weights, output_loading_info=True, **options
        )
    return cast("tuple[nn.Module, Mapping[str, Any]]", loaded)


def _check_complete(report: Mapping[str, Any], name: str) -> None:
    """report: the library's own, of what was loaded. Raises: InputError when learned weights are missing."""
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(_COMPUTED))
    absent = [*missing, *(str(key) for key in report["mismatched_keys"])]
    if absent:
        raise InputError(
            f"{name} lacks {len(absent)} of the model's weights ({absent[0]} …): it is another kind of model or"
            " damaged; download it again."
        )
    unused = sorted(report["unexpected_keys"])
    if unused:
        log.debug("%s holds %d weights that are not used: %s …", name, len(unused), unused[0])


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """As with the hub's own switch: some versions look up what a config leaves out."""
    switches = (("huggingface_hub.constants", "HF_HUB_OFFLINE"), ("transformers.utils.hub", "_is_offline_mode"))
    loaded = [(sys.modules.get(module), name) for module, name in switches]
    before = [(module, name, getattr(module, name)) for module, name in loaded if hasattr(module, name)]
    for module, name, _ in before:
        setattr(module, name, True)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bar and advice, which would fill the host's log; afterwards as before."""
    from transformers.utils import logging as library_logging

    verbosity, bar_shown = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
    try:
        yield
    finally:
        library_logging.set_verbosity(verbosity)
        if bar_shown:
            library_logging.enable_progress_bar()
