"""Tells other processes of this one's commits: afterwards, and off their path.

NOTIFY inside a transaction makes PostgreSQL commit such transactions one at a time; so it is sent by itself, and
commits that follow each other closely share one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.framework.database.database import Database

SHARED_SECONDS = 0.01

log = logging.getLogger(__name__)


@asynccontextmanager
async def announcing(database: Database) -> AsyncIterator[None]:
    """Tell of the commits that happen in the block."""
    committed = asyncio.Event()
    database.on_commit(committed.set)
    task = asyncio.create_task(_announce(database, committed))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _announce(database: Database, committed: asyncio.Event) -> None:
    while True:
        await committed.wait()
        committed.clear()
        try:
            await database.tell()
        except Exception:  # it was a hint: the poll finds what was committed
            log.warning("other processes could not be told of a commit", exc_info=True)
            await asyncio.sleep(1.0)
        await asyncio.sleep(SHARED_SECONDS)
