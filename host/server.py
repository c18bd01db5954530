"""The host's web server in this process."""

from __future__ import annotations

import sys
from typing import Any


def running_server() -> Any:
    """The host's PromptServer, or None. Looked up, not imported: without a server there is nobody to tell."""
    return getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
