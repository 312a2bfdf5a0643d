"""How a process runs that is to run for long: which loop it has, and what the garbage collector leaves alone."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any

LOOP = "uvloop" if sys.platform != "win32" else "auto"
"""As uvicorn names it."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends, on the quick loop where there is one."""
    if LOOP != "uvloop":
        asyncio.run(work)
        return
    import uvloop  # noqa: PLC0415 - not there on Windows

    uvloop.run(work)


def keep_what_lives() -> None:
    """Once everything is made: what lives as long as the process is not looked at again, which shortens pauses."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
