"""Jobs: long work as rows, with their progress and their result."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.models.shapes import check_in
from service.platform.columns import Instant, Json, Uuid
from service.platform.types import BigCount, Count, Id, InstantText, LongText, Shape, Slug, Version


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


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


class JobRead(Shape):
    """A job: what is to be done, how far it is, and what came of it."""

    id: Id = Member(description="UUIDv7 of the job")
    version: Version = Member(description="Grows with every step; the ETag is made of it")
    kind: Slug = Member(description="What kind of work it is, for example reclassify")
    state: Annotated[str, StringConstraints(pattern=f"^({'|'.join(JobState)})$")] = Member(
        description="queued, running, succeeded, failed or canceled"
    )
    params: dict[str, Any] = Member(description="What was asked for; its members depend on the kind")
    done: BigCount = Member(description="How many of its pieces are done")
    total: BigCount | None = Member(description="How many pieces there are; null while nobody has counted them")
    percent: Count | None = Member(description="done of total, 0 to 100, rounded down; null without a total")
    result: dict[str, Any] | None = Member(description="What came of it so far; its members depend on the kind")
    error: LongText | None = Member(
        description="Why it failed; while it is queued or running, why its last step failed, which is tried again"
    )
    attempts: Count = Member(description="How often its present step was begun; the fifth failure ends the job")
    created_by: Id | None = Member(description="The API key that asked for it")
    created_at: InstantText = Member(description="When it was asked for")
    started_at: InstantText | None = Member(description="When it was first begun")
    updated_at: InstantText = Member(description="When it last made progress")
    finished_at: InstantText | None = Member(description="When it ended, in whatever way")
