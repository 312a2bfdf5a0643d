"""Leases of jobs, as statements: with a fencing token, for any number of workers.

A step locks its job's row first and writes the cursor last, under its token. So no other worker takes over a step that
runs longer than its lease, and a step whose worker dies leaves no trace: its transaction is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row, Writer
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.jobs.work import Job, Step
from service.models.shapes import JobState
from service.models.system.jobs import jobs
from service.platform.ids import new_id

LEASE = timedelta(seconds=10)
"""The longest pause of a worker between two steps, and how long a job waits after its worker died."""

MOST_ATTEMPTS = 5
"""A step that was started this often without success is given up."""

_LONGEST_PAUSE = timedelta(seconds=60)

_QUEUED: sa.ColumnElement[str] = sa.literal_column(f"'{JobState.QUEUED}'")
_RUNNING: sa.ColumnElement[str] = sa.literal_column(f"'{JobState.RUNNING}'")
_ONE: sa.ColumnElement[int] = sa.literal_column("1", sa.BigInteger)
_now = bind("now", Instant())
_due = sa.and_(
    jobs.c.state.in_([_QUEUED, _RUNNING]),
    sa.or_(
        sa.and_(jobs.c.state == _QUEUED, jobs.c.next_at <= _now),
        sa.and_(jobs.c.state == _RUNNING, jobs.c.lease_until <= _now),
    ),
    one_of(jobs.c.kind, "kinds"),
)
_FIRST_DUE = sa.select(jobs.c.id).where(_due).order_by(jobs.c.next_at, jobs.c.id).limit(_ONE)
_ANY_DUE = Statement(_FIRST_DUE)
_SHOWN = (
    "id", "kind", "state", "params", "cursor", "done", "total", "result", "created_by", "created_at", "attempts",
)  # fmt: skip


def _claiming() -> Statement:
    picked = _FIRST_DUE.with_for_update(skip_locked=True).cte("picked")
    return Statement(
        sa.update(jobs)
        .values(
            state=_RUNNING,
            lease_until=bind("until", Instant()),
            lease_token=bind("token", Uuid()),
            attempts=jobs.c.attempts + _ONE,
            started_at=sa.func.coalesce(jobs.c.started_at, _now, type_=Instant()),
            version=jobs.c.version + _ONE,
        )
        .where(jobs.c.id.in_(sa.select(picked.c.id)))
        .returning(jobs.c.id, jobs.c.created_by)
    )


_CLAIM = _claiming()
_leased = sa.and_(
    jobs.c.id == bind("id", Uuid()), jobs.c.lease_token == bind("token", Uuid()), jobs.c.state == _RUNNING
)
_HOLD = Statement(sa.select(*(jobs.c[name] for name in _SHOWN)).where(_leased).with_for_update())
_WRITTEN = (
    "state", "cursor", "done", "total", "result", "error", "attempts", "next_at", "lease_until", "lease_token",
    "finished_at",
)  # fmt: skip
_WRITE = Statement(
    sa.update(jobs)
    .where(jobs.c.id == bind("b_id", Uuid()))
    .values(
        **{name: bind(f"b_{name}", jobs.c[name]) for name in _WRITTEN},
        version=jobs.c.version + _ONE,
        updated_at=_now,
    )
)
_RELEASE = Statement(
    sa.update(jobs)
    .where(_leased)
    .values(state=_QUEUED, next_at=_now, attempts=sa.literal_column("0"), lease_until=sa.null(), lease_token=sa.null())
)


async def any_due(reader: Reader, kinds: list[str], now: datetime) -> bool:
    """Whether a job is due. A read, so that an idle worker writes nothing."""
    return await reader.value(_ANY_DUE, kinds=kinds, now=now) is not None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A leased job: the token that guards every later write, the key that created the job, and the lease's length."""

    id: str
    token: str
    created_by: str | None
    lease: timedelta


async def claim(writer: Writer, kinds: list[str], now: datetime, lease: timedelta = LEASE) -> Claimed | None:
    """Lease the job that has been due for longest, including jobs of workers that died. None when none is due."""
    token = new_id()
    row = await writer.one(_CLAIM, kinds=kinds, now=now, until=now + lease, token=token)
    return None if row is None else Claimed(row["id"], token, row["created_by"], lease)


async def hold(writer: Writer, claimed: Claimed) -> Row | None:
    """Lock the job for the length of the transaction. None when the lease is lost or the job was canceled."""
    return await writer.one(_HOLD, id=claimed.id, token=claimed.token)


def job_of(row: Row) -> Job:
    """Return a row as the job that a step gets."""
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})


async def write_step(writer: Writer, row: Row, claimed: Claimed, step: Step, now: datetime) -> None:
    """Write the result of a step, and renew the lease for the next step or end the job."""
    more = not step.finished
    values: dict[str, Any] = {
        "state": (JobState.RUNNING if more else JobState.SUCCEEDED).value,
        "cursor": step.cursor,
        "done": row["done"] + step.done,
        "total": row["total"] if step.total is None else step.total,
        "result": row["result"] if step.result is None else step.result,
        "error": None,
        "attempts": 1 if more else row["attempts"],
        "next_at": now,
        "lease_until": now + claimed.lease if more else None,
        "lease_token": claimed.token if more else None,
        "finished_at": None if more else now,
    }
    await _write(writer, row, values, now)


async def write_failure(writer: Writer, row: Row, error: str, now: datetime, *, final: bool) -> None:
    """Write the error of a step. It is tried again after a pause that doubles, or with `final` the job has failed."""
    pause = min(timedelta(seconds=2 ** row["attempts"] / 2), _LONGEST_PAUSE)
    values: dict[str, Any] = {
        **{name: row[name] for name in ("cursor", "done", "total", "result", "attempts")},
        "state": (JobState.FAILED if final else JobState.QUEUED).value,
        "error": error[:20_000],
        "next_at": now + pause,
        "lease_until": None,
        "lease_token": None,
        "finished_at": now if final else None,
    }
    await _write(writer, row, values, now)


async def _write(writer: Writer, row: Row, values: dict[str, Any], now: datetime) -> None:
    await writer.execute(_WRITE, b_id=row["id"], now=now, **{f"b_{name}": value for name, value in values.items()})


async def release(writer: Writer, claimed: Claimed, now: datetime) -> None:
    """Release a job between two steps, so that another worker can continue it at once."""
    await writer.execute(_RELEASE, id=claimed.id, token=claimed.token, now=now)
