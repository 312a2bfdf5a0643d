"""The interface of a kind of job: a name, and a step that is one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.records.context import Context, Transaction


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its step gets it: the request's parameters, the cursor of the previous step, and the progress."""

    id: str
    kind: str
    params: dict[str, Any]
    cursor: Any
    done: int
    total: int | None
    result: dict[str, Any] | None
    created_by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step. `done` is the number of pieces it did, `cursor` is where the next step continues.

    `result` and `total` (the number of pieces) replace the job's; None leaves them. `finished` ends the job.
    """

    done: int = 0
    cursor: Any = None
    finished: bool = False
    result: dict[str, Any] | None = None
    total: int | None = None


class Kind(Protocol):
    """A kind of job.

    `step` does one batch of about a second in the given transaction, and nothing outside it. The cursor and the
    progress are written in the same transaction, so that a process that dies leaves whole steps behind. A `KamError`
    with a status below 500 ends the job; a step with any other error is tried again after growing pauses.
    """

    @property
    def name(self) -> str:
        """The name of the kind, as in the rows of jobs."""

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Do the next batch."""
