"""Asking for long work inside an open transaction: the job exists exactly if what asked for it was committed."""

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

_GIVEN = (
    "id", "version", "kind", "state", "params", "cursor", "done", "total", "created_by", "created_at", "updated_at",
    "next_at", "attempts",
)  # fmt: skip
_ADD: Statement = WriteThenRead(
    jobs,
    sa.insert(jobs).values({name: bind(f"v_{name}", jobs.c[name]) for name in _GIVEN}),
    JOBS.by_id().clause,
)


async def enqueue(
    tx: Transaction, kind: str, params: Mapping[str, Any], total: int | None = None, *, cursor: Any = None
) -> Resource:
    """Ask for work of a kind; the job as it reads. A worker takes it as soon as the transaction is committed.

    `params` are kept as they are and shown to whoever reads the job: no secrets. `total` is the number of pieces, if it
    is known already; `cursor` is where the work begins, if not at the beginning.
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
    made = as_resource(await tx.one(_ADD, **binds, id=values["id"]))
    if made is None:
        raise RuntimeError("an insert returned no row")
    tx.job_added()
    made.outcome = "accepted"
    return made
