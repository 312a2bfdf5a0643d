"""Jobs over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from service.access.policy import Permission
from service.framework.web.answers import Answer, found, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.shapes import JobRead
from service.operations.system import jobs
from service.platform.errors import Conflict, StaleVersion
from service.queries.system.jobs import JOBS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("jobs", reads=Permission.JOB_READ, writes=Permission.JOB_WRITE)

JobListQuery = list_query("JobListQuery", JOBS)
JobPage = page_of("JobPage", JobRead)


@part.get("/jobs", response_model=JobPage, summary="List jobs")
async def list_jobs(ctx: Caller, query: Annotated[JobListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists jobs, newest first; `state=queued,running` finds those that have not ended."""
    return page(await jobs.list_jobs(ctx, page_request(query, JOBS)))


@part.get("/jobs/{id}", response_model=JobRead, summary="Read a job", permission=None)
async def read_job(ctx: Caller, id: PathId) -> Answer:
    """Reads a job: its state, progress and result. The key that started a job may read it without `jobs:read`."""
    return found(await jobs.get_job(ctx, id))


@part.post(
    "/jobs/{id}/cancel",
    response_model=JobRead,
    summary="Cancel a job",
    errors=[StaleVersion, Conflict],
    permission=None,
)
async def cancel_job(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Cancels a job: it stops after its current step, and what is done stays done. The key that started a job may
    cancel it without `jobs:write`. A job that has succeeded or failed gives 409.
    """
    return found(await jobs.cancel_job(ctx, id, info.expected))
