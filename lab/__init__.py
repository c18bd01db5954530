"""What only developers use: `dev.py`'s commands, the demo model and its world, the reports and their pictures.

Rooms, the lowest first; each uses only those below it (`tests/test_architecture.py` holds them to that):
`hosting` and `figures`; `world` and `workflow_files`; `jobs` and `training`; `measuring` and `learn_folder`; `drawing`.

`dev.py` runs on the standard library alone: `hosting`, `workflow_files`, `jobs` and `learn_folder` need nothing else.
`figures`, which draws with Pillow, runs for them in the host's Python.
"""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


class DevError(Exception):
    """Something the person at the keyboard can put right; the message is one sentence that says how."""
