"""What a run on a real host gave: its pictures, or the sentence that it failed with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.hosting.client import Client, PromptRejected, RunFailed

from .graphs import Graph


def pixels(server: Client, entry: dict[str, Any], key: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(server.view(entry["outputs"][key]["images"][0]))))


def failure(server: Client, graph: Graph) -> str:
    with pytest.raises((RunFailed, PromptRejected)) as caught:
        server.run(graph)
    return str(caught.value)
