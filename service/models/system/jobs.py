"""Jobs: long work as rows, with their progress and their result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Json, Uuid
from service.framework.database.fields import check_in
from service.models.shapes import JobState

ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)
"""States that a job does not leave."""

_OPEN = "state IN ('queued', 'running')"


class JobRow(SQLModel, table=True):
    """The table.

    `cursor` is what the kind of job needs to go on, written in the transaction of the step it follows. `attempts`
    counts how often the next step was begun: by a claim, or again after a failure. `next_at` is when a queued job is
    due, `lease_until` until when the worker that runs it need not be doubted; `lease_token` guards all it writes.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        check_in("state", JobState),
        sa.Index("ix_jobs_open", "next_at", postgresql_where=sa.text(_OPEN), sqlite_where=sa.text(_OPEN)),
        sa.Index("ix_jobs_created", "created_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=Uuid)
    version: int = Field(default=1, sa_type=sa.BigInteger)
    kind: str = Field(sa_type=sa.Text)
    state: str = Field(default="queued", sa_type=sa.Text)
    params: Any = Field(sa_type=Json)
    cursor: Any = Field(default=None, sa_type=Json, nullable=True)
    done: int = Field(default=0, sa_type=sa.BigInteger)
    total: int | None = Field(default=None, sa_type=sa.BigInteger)
    result: Any = Field(default=None, sa_type=Json, nullable=True)
    error: str | None = Field(default=None, sa_type=sa.Text)
    created_by: str | None = Field(default=None, sa_type=sa.Text)
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    next_at: datetime = Field(sa_type=Instant)
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    lease_token: str | None = Field(default=None, sa_type=Uuid)
    attempts: int = Field(default=0, sa_type=sa.BigInteger)


jobs: sa.Table = JobRow.__table__  # type: ignore[attr-defined]
