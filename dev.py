#!/usr/bin/env python3
"""Developer commands of Single Image Studio: `python dev.py demo | test | serve | where`; see `--help`.

Only the standard library is needed: the first run sets up everything else in .venv and .host.
"""

import sys

if sys.version_info < (3, 11):  # before anything that an older Python could not even read
    sys.exit(
        "Single Image Studio's developer commands need Python 3.11 or newer; this is Python %d.%d."
        % sys.version_info[:2]
    )

from lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
