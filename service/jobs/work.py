"""What a kind of job is: a name and one step, which is one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from service.records.context import Context, Transaction


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its step sees it: what was asked for, where the step before left off, and what has come of it."""

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
    """What one step did. `done` is how many pieces it did (added to those before), `cursor` where the next one goes on.

    `result` replaces what was there, `total` the number of pieces; None leaves either as it is. `finished` ends the
    job.
    """

    done: int = 0
    cursor: Any = None
    finished: bool = False
    result: dict[str, Any] | None = None
    total: int | None = None


class Kind(Protocol):
    """A kind of job.

    `step` does one batch, of a second or so, in the transaction it is given, and nothing outside of it: the cursor and
    the progress are written in the same transaction, so that a process that dies anywhere leaves whole steps behind.
    An error of the service's tree below 500 ends the job; any other is tried again, with growing pauses.
    """

    @property
    def name(self) -> str:
        """The kind's name, as jobs carry it."""

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Do the next batch."""
