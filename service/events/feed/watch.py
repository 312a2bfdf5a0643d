"""Waiting for more events: one watcher for everyone in the process who has read the feed to its end.

However many streams are open, one task looks: it is woken by commits of this process, by the database's hint of those
of others, and looks every `poll` seconds for what nobody announced; it numbers what waits (so a stream works without a
worker), reads the end of the feed, and wakes those who wait for it. Nobody waiting, nothing runs; a moment after the
last one the hints are not listened to any more.
"""

import asyncio
import logging
import time
from contextlib import suppress

import sqlalchemy as sa

from service.events.feed.sequencer import sequence
from service.framework.database.database import Database
from service.framework.database.statements import Statement
from service.models.events.events import events
from service.platform.clock import Clock

SHARED_SECONDS = 0.02
"""Looks are at least so far apart: many small commits share one."""

KEPT_SECONDS = 10.0
"""How long hints are listened to after the last one who waited: a stream that sends is back in a moment."""

FEED_END = Statement(sa.select(sa.func.coalesce(sa.func.max(events.c.position), 0)))
"""The position of the last event of the feed."""

log = logging.getLogger(__name__)


class FeedWatch:
    """Knows where the feed ends, as long as somebody wants to know."""

    def __init__(self, database: Database, clock: Clock, poll: float = 1.0) -> None:
        self._database = database
        self._clock = clock
        self._poll = poll
        self._end = 0
        self._waiting = 0
        self._woken = asyncio.Event()
        # No Condition: on Python 3.11 waiters that are cancelled at the same moment can wait for its lock for ever.
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listening = False
        self._missed = False
        self.closed = False

    async def beyond(self, position: int, seconds: float) -> bool:
        """Wait until the feed goes beyond a position, at most this many seconds. Return whether it does;
        False at once when closed.
        """
        if self._end > position or self.closed:
            return not self.closed
        if not self._listening:
            self._listening = True
            self._database.on_commit(self._woken.set)
        self._waiting += 1
        try:
            if self._missed:  # something was committed while nobody waited
                self._woken.set()
            if self._task is None or self._task.done():
                self._woken.set()
                self._task = asyncio.create_task(self._watch())
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self._end <= position and not self.closed:
                        await self._changed.wait()
        finally:
            self._waiting -= 1
        return self._end > position and not self.closed

    async def close(self) -> None:
        """End every waiting: the process stops."""
        self.closed = True
        self._wake()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        hearing = asyncio.create_task(self._database.hear(self._woken.set))
        try:
            waited = time.monotonic()
            while time.monotonic() - waited < KEPT_SECONDS and not self.closed:
                self._woken.clear()
                self._missed = not self._waiting
                if self._waiting:
                    waited = time.monotonic()
                    await self._look()
                await asyncio.sleep(SHARED_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._poll)
        finally:
            hearing.cancel()  # not waited for: from here to the end of this task nothing may come between

    async def _look(self) -> None:
        try:
            await sequence(self._database, self._clock)
            async with self._database.reading(fresh=True) as reader:
                end = int(await reader.value(FEED_END))
        except Exception:  # the database is away: those who wait go on waiting
            log.warning("the feed could not be watched", exc_info=True)
            await asyncio.sleep(self._poll)
            return
        if end != self._end:  # less after a backup was restored
            self._end = end
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
