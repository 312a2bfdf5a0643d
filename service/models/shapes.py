"""What every table and every answer shares: the columns of a living row, references, the page around a list."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Uuid
from service.framework.database.fields import Fields, read_of
from service.platform.types import BigCount, Count, Id, InstantText, LongText, Name, Shape, Slug, Version

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
"""The key of a factor of a scoring model."""

FeedCursor = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]
"""A place in the feed of events, as it was handed out."""


class Living(Fields):
    """Columns of every main table: UUIDv7, a version that grows with each change, and a mark instead of a deletion."""

    id: Id = Field(primary_key=True, description="UUIDv7 of this record")
    version: Version = Field(default=1, description="Grows by one with every change; the ETag is made of it")
    created_at: InstantText = Field(description="When it was created, RFC 3339 in UTC")
    updated_at: InstantText = Field(description="When it last changed, RFC 3339 in UTC")
    deleted_at: InstantText | None = Field(default=None)


class Judged(SQLModel):
    """Columns of what people judge of an account: the row that is not superseded holds, the others tell what was
    thought before.
    """

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    author_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="people.id")
    recorded_by: str | None = Field(default=None, sa_type=sa.Text)
    recorded_at: datetime = Field(sa_type=Instant)
    superseded_at: datetime | None = Field(default=None, sa_type=Instant)


def judged_once(table: sa.Table) -> None:
    """Index a table of `Judged` rows: at most one of an account holds, and the others are found by their time."""
    holds = sa.text("superseded_at IS NULL")
    sa.Index(f"uq_{table.name}_current", table.c.account_id, unique=True, postgresql_where=holds, sqlite_where=holds)
    sa.Index(f"ix_{table.name}_account", table.c.account_id, table.c.recorded_at)


@read_of(Living)
class ReadBase(Shape):
    """Members of every single resource as it is read."""


class Reference(Shape):
    """The id of a record in another system; unique per system among live records."""

    system: Slug = Member(description="The other system, for example salesforce, hubspot or erp", examples=["erp"])
    external_id: Name = Member(description="The record's id there", examples=["ALFKI"])


References = Annotated[list[Reference], Member(max_length=20)]


def references_field() -> References:
    """The member `refs` of a create or patch model."""
    return Member(default_factory=list, description="Ids of the same record in other systems")


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


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
