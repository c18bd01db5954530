"""A small picture inside a message to the page."""

from __future__ import annotations

import base64
import io
from typing import Any


def data_url(picture: Any, kind: str, **options: Any) -> str:
    """picture: of PIL. kind: PNG or JPEG. options: what PIL's `save` takes for that kind."""
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(data.getvalue()).decode("ascii")
