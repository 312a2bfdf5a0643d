"""Add jobs inside an open transaction: a job exists exactly if the change that needs it is committed."""

from collections.abc import Mapping
from typing import Any

from service.framework.database.database import Resource
from service.models.shapes import JobState
from service.platform.ids import new_id
from service.queries.system.jobs import JOBS
from service.records.context import Transaction
from service.records.rows import insert_row


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
    job = await insert_row(tx, JOBS, values)
    tx.job_added()
    job.outcome = "accepted"
    return job
