"""Coroutines of the host's, run to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: Playwright's loop goes on in the tests' thread once a test of the page has run."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
