"""Add jobs inside an open transaction: a job exists exactly if the change that needs it is committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.database import Resource
from service.framework.database.listing import as_resource
from service.framework.database.statements import Statement, WriteThenRead
from service.models.shapes import JobState
from service.models.system.jobs import jobs
from service.platform.ids import new_id
from service.queries.system.jobs import JOBS
from service.records.context import Transaction

_COLUMNS = (
    "id", "version", "kind", "state", "params", "cursor", "done", "total", "created_by", "created_at", "updated_at",
    "next_at", "attempts",
)  # fmt: skip
_ADD: Statement = WriteThenRead(
    jobs,
    sa.insert(jobs).values({name: bind(f"v_{name}", jobs.c[name]) for name in _COLUMNS}),
    JOBS.by_id().clause,
)


async def enqueue(
    tx: Transaction, kind: str, params: Mapping[str, Any], total: int | None = None, *, cursor: Any = None
) -> Resource:
    """Add a job of a kind and return it. A worker takes it when the transaction is committed.

    `params` are stored as they are and shown to all who may read the job: put no secrets there. `total` is the number
    of pieces, if it is known; `cursor` is where the work begins, if not at the beginning.
    """
    values: dict[str, Any] = {
        "id": new_id(tx.now),
        "version": 1,
        "kind": kind,
        "state": JobState.QUEUED.value,
        "params": dict(params),
        "cursor": cursor,
        "done": 0,
        "total": total,
        "created_by": tx.principal_id,
        "created_at": tx.now,
        "updated_at": tx.now,
        "next_at": tx.now,
        "attempts": 0,
    }
    binds = {f"v_{name}": value for name, value in values.items()}
    job = as_resource(await tx.one(_ADD, **binds, id=values["id"]))
    if job is None:
        raise RuntimeError("an insert returned no row")
    tx.job_added()
    job.outcome = "accepted"
    return job
