"""Jobs: how long work is getting on, and stopping it. Whoever asked for a job may read and cancel it without jobs:*."""

from __future__ import annotations

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.system import JobFinished
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement, WriteThenRead
from service.models.shapes import JobState
from service.models.system.jobs import ENDED, jobs
from service.platform.errors import Conflict, NotFound
from service.queries.system.jobs import JOBS
from service.records.context import Context, operation
from service.records.rows import Expected, check_version

KIND = "job"
_CANCEL: Statement = WriteThenRead(
    jobs,
    sa.update(jobs)
    .where(jobs.c.id == bind("id", Uuid()))
    .values(
        state=sa.literal_column(f"'{JobState.CANCELED}'"),
        version=jobs.c.version + sa.literal_column("1"),
        updated_at=bind("now", Instant()),
        finished_at=bind("now", Instant()),
        lease_until=sa.null(),
        lease_token=sa.null(),
    ),
    JOBS.by_id().clause,
)


async def list_jobs(ctx: Context, request: PageRequest) -> Page:
    """A page of jobs, newest first."""
    async with ctx.reading(Permission.JOB_READ) as reader:
        return await JOBS.page(reader, request, ctx.cursors)


async def get_job(ctx: Context, identifier: str) -> Resource:
    """One job by id, as it is now; raises NotFound, and Forbidden for a job that another key asked for unless the
    caller may read jobs.
    """
    async with ctx.services.database.reading(fresh=True) as reader:
        found = await JOBS.find(reader, identifier)
    _require(ctx, Permission.JOB_READ, found)
    if found is None:
        raise NotFound(KIND)
    return found


@operation
async def cancel_job(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Stop a job between two of its steps: what is done stays done, the rest is left. Raises NotFound, StaleVersion,
    and Conflict when it has ended otherwise; canceling it twice changes nothing.
    """
    async with ctx.opened() as tx:
        found = await JOBS.find(tx.reader, identifier, lock=True)
        _require(ctx, Permission.JOB_WRITE, found)
        if found is None:
            raise NotFound(KIND)
        check_version(found, expected)
        if found.data["state"] == JobState.CANCELED:
            return tx.answer(found, "unchanged")
        if found.data["state"] in ENDED:
            raise Conflict(f"This job has {found.data['state']}")
        row = await tx.one(_CANCEL, id=identifier, now=tx.now)
        if row is None:
            raise RuntimeError("a locked record vanished")
        after = Resource(row["version"], row["document"].encode())
        tx.emit(JobFinished.of(after.data))
        return tx.answer(after, "canceled")


def _require(ctx: Context, permission: Permission, job: Resource | None) -> None:
    if job is None or job.data["created_by"] != ctx.principal.id:
        ctx.require(permission)
