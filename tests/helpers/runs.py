"""What a run on a real host gave: its pictures, or the sentence that it failed with."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.hosting.client import Client, PromptRejected, RunFailed

from .graphs import Graph, node, sources

FRESH = itertools.count(1)


def pixels(server: Client, entry: dict[str, Any], key: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(server.view(entry["outputs"][key]["images"][0]))))


def stock(server: Client) -> np.ndarray:
    """A picture by the stock nodes, on the checkpoint as the host has it in memory and computed anew.

    The host would reuse what it has computed for the same inputs. Each call's text ends in more spaces, which mean
    nothing, and its sampler may go on to another step, all beyond the last.
    """
    new = next(FRESH)
    graph = {
        "ckpt": sources()["ckpt"],
        "positive": node("CLIPTextEncode", clip=["ckpt", 1], text="a red heart on a green background" + " " * new),
        "negative": node("CLIPTextEncode", clip=["ckpt", 1], text=" " * new),
        "empty": node("EmptyLatentImage", width=128, height=128, batch_size=1),
        "sampled": node(
            "KSamplerAdvanced",
            model=["ckpt", 0],
            add_noise="enable",
            noise_seed=5,
            steps=4,
            cfg=5.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["empty", 0],
            start_at_step=0,
            end_at_step=10_000 - new,
            return_with_leftover_noise="disable",
        ),
        "decoded": node("VAEDecode", samples=["sampled", 0], vae=["ckpt", 2]),
        "stock": node("SaveImage", images=["decoded", 0], filename_prefix="stock"),
    }
    entry = server.run(graph)
    cached = next(data for kind, data in entry["status"]["messages"] if kind == "execution_cached")["nodes"]
    assert not {"positive", "negative", "sampled"} & set(cached)
    return pixels(server, entry, "stock")


def failure(server: Client, graph: Graph) -> str:
    with pytest.raises((RunFailed, PromptRejected)) as caught:
        server.run(graph)
    return str(caught.value)
