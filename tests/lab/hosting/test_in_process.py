"""The host in this process."""

from __future__ import annotations

import pathlib
from typing import Any


def test_the_host_is_not_hidden_by_the_pack(host: pathlib.Path) -> None:
    import folder_paths
    import nodes

    assert "CheckpointLoaderSimple" in nodes.NODE_CLASS_MAPPINGS
    assert pathlib.Path(folder_paths.base_path) == host
    assert folder_paths.get_filename_list("checkpoints") == ["sis_demo_sd15.safetensors"]


def test_the_demo_model_is_loaded_as_the_executor_would(demo_model: tuple[Any, Any, Any]) -> None:
    model, clip, vae = demo_model
    assert type(model.model.model_config).__name__ == "SmallSD15"
    assert clip.encode_from_tokens(clip.tokenize("heart")).shape == (1, 77, 96)
