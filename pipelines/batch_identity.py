"""What tells a batch of pictures from other ones, so that those that were finished before a cancel are found again."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from ..host.identity import identity, versions
from ..host.unet_apart import identity_apart

log = logging.getLogger("single_image_studio")


def run_of(kind: str, model: Any, settings: Mapping[str, Any], origin: str | None, pictures: int) -> str:
    """What tells a batch from other ones, beside its pictures and prompts; "" where nothing is to be kept.

    settings: of every picture. origin: what the model's wire was made by (`host.identity.made_by`); None: keep nothing.
    """
    if origin is None or pictures < 2:
        return ""
    try:
        return json.dumps([kind, versions(), origin, identity(model), identity_apart(model), settings], sort_keys=True)
    except Exception as error:  # weights in a form of another pack's
        log.info("A batch cannot be told from another one.", exc_info=error)
        return ""
