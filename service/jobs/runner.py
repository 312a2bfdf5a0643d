"""The loop that runs jobs: claim, then step after step; a step is one transaction with a batch of work and the cursor.

Any number of runners may run, in one process or in many. A killed process leaves whole steps behind; when its lease has
run out, another process continues after the last one. A wake-up only saves waiting; the poll finds everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from service.access.policy import Permission
from service.access.principal import SYSTEM
from service.events.system import JobFinished
from service.framework.database.database import Row
from service.jobs.leases import (
    LEASE,
    MOST_ATTEMPTS,
    Claimed,
    any_due,
    claim,
    hold,
    job_of,
    release,
    write_failure,
    write_step,
)
from service.jobs.work import Kind
from service.platform.errors import KamError
from service.queries.system.jobs import JOBS
from service.records.context import Context, Services, Transaction

CONCURRENCY = 2
"""Jobs that one process runs at once."""

log = logging.getLogger(__name__)


class Runner:
    """Runs jobs of the given kinds until it is stopped."""

    def __init__(
        self, services: Services, kinds: Sequence[Kind], *, poll: float = 1.0, lease: timedelta = LEASE
    ) -> None:
        self._services = services
        self._kinds = {kind.name: kind for kind in kinds}
        self._poll, self._lease = poll, lease
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for a job now instead of at the next poll. Call it from the loop's thread."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runner]:
        """Run in the background for the length of a block. At its end, finish the steps and release their jobs."""
        self._services.job_listeners.append(self.wake)
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._services.job_listeners.remove(self.wake)
            self._stopping.set()
            self._woken.set()
            await task
            await asyncio.gather(*self._running, return_exceptions=True)

    async def run_due(self) -> int:
        """Run every due job to its end, one after another. Return how many there were."""
        number = 0
        while (claimed := await self._claim()) is not None:
            await self._work(claimed)
            number += 1
        return number

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                while len(self._running) < CONCURRENCY and (claimed := await self._claim()) is not None:
                    task = asyncio.create_task(self._work(claimed))
                    self._running.add(task)
                    task.add_done_callback(self._ended)
            except Exception:  # the database is away: the next poll finds the jobs
                log.warning("jobs could not be looked for", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._poll)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._woken.set()

    async def _claim(self) -> Claimed | None:
        kinds, now = list(self._kinds), self._services.clock.now()
        if not kinds:
            return None
        async with self._services.database.reading(fresh=True) as reader:
            if not await any_due(reader, kinds, now):
                return None
        async with self._services.database.transaction() as writer:
            return await claim(writer, kinds, now, self._lease)

    async def _work(self, claimed: Claimed) -> None:
        """Run step after step until the job has ended, failed, or its lease is lost."""
        try:
            while await self._step(claimed):
                if self._stopping.is_set():
                    async with self._services.database.transaction() as writer:
                        await release(writer, claimed, self._services.clock.now())
                    return
        except Exception:  # the database is away: the lease runs out, and the job continues from its cursor
            log.warning("a job could not go on", extra={"fields": {"job": claimed.id}}, exc_info=True)

    async def _step(self, claimed: Claimed) -> bool:
        """Run one step. Return whether the job has more."""
        ctx = _context(self._services, claimed)
        try:
            async with ctx.transaction(Permission.JOB_WRITE) as tx:
                row = await hold(tx.writer, claimed)
                if row is None:
                    return False
                if row["attempts"] > MOST_ATTEMPTS:
                    await self._give_up(tx, row, "The workers that ran this step ended, one after the other")
                    return False
                step = await self._kinds[row["kind"]].step(ctx, tx, job_of(row))
                await write_step(tx.writer, row, claimed, step, tx.now)
                if step.finished:
                    await self._emit_finished(tx, claimed.id)
            if step.finished:
                log.info("job finished", extra={"fields": _fields(row, row["done"] + step.done)})
            return not step.finished
        except Exception as error:
            return await self._failed(ctx, claimed, error)

    async def _failed(self, ctx: Context, claimed: Claimed, error: Exception) -> bool:
        """Write why a step failed. Its own transaction is rolled back already."""
        refused = isinstance(error, KamError) and error.status < 500
        message = (
            str(error) if isinstance(error, KamError) else f"The step failed unexpectedly ({type(error).__name__})"
        )
        async with ctx.transaction(Permission.JOB_WRITE) as tx:
            row = await hold(tx.writer, claimed)
            if row is None:
                return False
            if refused or row["attempts"] >= MOST_ATTEMPTS:
                await self._give_up(tx, row, message)
            else:
                await write_failure(tx.writer, row, message, tx.now, final=False)
        log.warning("a step of a job failed", extra={"fields": _fields(row, row["done"])}, exc_info=error)
        return False

    async def _give_up(self, tx: Transaction, row: Row, error: str) -> None:
        await write_failure(tx.writer, row, error, tx.now, final=True)
        await self._emit_finished(tx, row["id"])

    async def _emit_finished(self, tx: Transaction, identifier: str) -> None:
        job = await JOBS.find(tx.reader, identifier)
        if job is None:
            raise RuntimeError("a job that is held vanished")
        tx.emit(JobFinished.of(job.data))


def _context(services: Services, claimed: Claimed) -> Context:
    """Return the context of a step: every permission, in the name of the key that created the job."""
    caller = replace(SYSTEM, id=claimed.created_by or SYSTEM.id)
    return Context(services, caller, cause={"kind": "job", "origin": None, "job_id": claimed.id})


def _fields(row: Row, done: int) -> dict[str, object]:
    return {"job": row["id"], "kind": row["kind"], "done": done, "total": row["total"]}
