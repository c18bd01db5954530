"""What `dev.py` is made of: set-up, a real ComfyUI server, a client for it, and the demos.

Runs on the standard library alone, except for `contact_sheet` and `curves`, which need Pillow and run in the host's
Python. The tests reuse `server` and `client`.
"""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


class DevError(Exception):
    """Something the person at the keyboard can put right; the message is one sentence that says how."""
