"""Jobs over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from service.framework.web.answers import Answer, found, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.shapes import JobRead
from service.operations.system import jobs
from service.platform.errors import Conflict, StaleVersion
from service.queries.system.jobs import JOBS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("jobs")

JobListQuery = list_query("JobListQuery", JOBS)
JobPage = page_of("JobPage", JobRead)


@part.get("/jobs", response_model=JobPage, summary="List jobs")
async def list_jobs(ctx: Caller, query: Annotated[JobListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists long work, newest first; `state=queued,running` for what is not done."""
    return page(await jobs.list_jobs(ctx, page_request(query, JOBS)))


@part.get("/jobs/{id}", response_model=JobRead, summary="Read a job")
async def read_job(ctx: Caller, id: PathId) -> Answer:
    """Reads one job: its state, how much of it is done, and its result. Whoever asked for it may read it without
    `jobs:read`.
    """
    return found(await jobs.get_job(ctx, id))


@part.post("/jobs/{id}/cancel", response_model=JobRead, summary="Cancel a job", errors=[StaleVersion, Conflict])
async def cancel_job(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Stops a job between two of its steps: what is done stays done. Whoever asked for it may cancel it without
    `jobs:write`; one that has ended gives 409.
    """
    return found(await jobs.cancel_job(ctx, id, asked.expected))
