"""Jobs: read their progress and cancel them. The key that started a job may do both without a jobs permission."""

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
    """List a page of jobs, newest first."""
    async with ctx.reading(Permission.JOB_READ) as reader:
        return await JOBS.page(reader, request, ctx.cursors)


async def get_job(ctx: Context, identifier: str) -> Resource:
    """Read a job with its progress. Raises NotFound, and Forbidden for a job of another key unless the caller may read
    jobs.
    """
    async with ctx.services.database.reading(fresh=True) as reader:
        found = await JOBS.find(reader, identifier)
    _require(ctx, Permission.JOB_READ, found)
    if found is None:
        raise NotFound(KIND)
    return found


@operation
async def cancel_job(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Cancel a job: it stops after its current step, and what is done stays done. Canceling a canceled job changes
    nothing. Raises NotFound, StaleVersion, Forbidden for a job of another key unless the caller may write jobs, and
    Conflict when the job has finished or failed.
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
            raise Conflict(f"The job has {found.data['state']} already")
        row = await tx.one(_CANCEL, id=identifier, now=tx.now)
        if row is None:
            raise RuntimeError("a locked record vanished")
        after = Resource(row["version"], row["document"].encode())
        tx.emit(JobFinished.of(after.data))
        return tx.answer(after, "canceled")


def _require(ctx: Context, permission: Permission, job: Resource | None) -> None:
    if job is None or job.data["created_by"] != ctx.principal.id:
        ctx.require(permission)
