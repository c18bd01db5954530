"""What tests share: of concepts kept apart, wires and a LoRA that changes a lot with its negative prompt; of names in
prompts, a CLIP that knows two concepts."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ..helpers.conditionings import encode
from ..helpers.kept_apart import Wires
from ..helpers.lora import some_lora


@pytest.fixture
def wires(demo_model) -> Wires:
    return demo_model[:2]


@pytest.fixture
def lora(demo_model) -> dict[str, Tensor]:
    return some_lora(*demo_model[:2], 0.1)


@pytest.fixture
def negative(demo_model) -> Any:
    return encode(demo_model[1], "")


@pytest.fixture
def embedding(host: pathlib.Path) -> Tensor:
    """A row for <foo>, also saved where the stock tokenizer looks for embedding:foo."""
    row = torch.randn(1, 96, generator=torch.Generator().manual_seed(4))
    folder = host / "models" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": row}, folder / "foo.safetensors")
    save_file({"emb_params": row + 1}, folder / "bar.safetensors")
    return row


@pytest.fixture
def clips(demo_model, embedding) -> tuple[Any, Any]:
    """The stock CLIP with the embeddings' folder, and one that knows <foo> and <bar>."""
    import folder_paths

    from single_image_studio.host.text import with_concept

    clip = demo_model[1]
    clip.tokenizer.clip_l.embedding_directory = folder_paths.get_folder_paths("embeddings")
    return clip, with_concept(with_concept(clip, "foo", embedding), "bar", embedding + 1)
