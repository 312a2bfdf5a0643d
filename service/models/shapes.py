"""Shapes and columns that several subjects share: living rows, assessments, references, jobs."""

from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import Fields, read_of
from service.platform.patterns import any_of, fitting
from service.platform.types import CURSOR, BigCount, Count, Id, InstantText, LongText, Name, Shape, Slug, Text, Version

Key = Annotated[
    str,
    StringConstraints(
        strict=True,
        pattern=fitting(
            r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$", "Must be a letter, followed by up to 63 letters, digits, `_`, `.` or `-`"
        ),
    ),
]
"""The key of a factor of a scoring model: a letter, then up to 63 letters, digits, `_`, `.` or `-`."""

EVENT_PATTERN = fitting(
    r"^(\*|[a-z_]+)(\.(\*|[a-z_]+))*$",
    "Must be an event type such as account.created, or a pattern with * for a word or all further ones",
)

FeedCursor = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000, pattern=CURSOR)]
"""A position in the feed of events, as an earlier answer gave it."""


class Living(Fields):
    """Columns of every main table: UUIDv7, a version that grows with each change, and a mark instead of a deletion."""

    id: Id = Field(primary_key=True, description="UUIDv7 of this record")
    version: Version = Field(default=1, description="Grows by one with every change; the ETag is made of it")
    created_at: InstantText = Field(description="When it was created, RFC 3339 in UTC")
    updated_at: InstantText = Field(description="When it last changed, RFC 3339 in UTC")
    deleted_at: InstantText | None


class Synced(Living):
    """A main table whose records have positions in the order of changes: every table of a plain record."""


class Assessed(Fields):
    """Columns of an assessment of an account by a person; the latest one has no `superseded_at`."""

    id: Id = Field(primary_key=True)
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    author_id: Id | None = Field(foreign_key="people.id", description="The person who made the assessment")
    recorded_by: Text | None = Field(description="The API key that recorded it")
    recorded_at: InstantText = Field(description="When it was recorded, RFC 3339 in UTC")
    superseded_at: InstantText | None


def index_assessments(table: sa.Table) -> None:
    """Index a table of `Assessed` rows: an account has at most one current row; the others are read by their time."""
    current = sa.text("superseded_at IS NULL")
    sa.Index(
        f"uq_{table.name}_current", table.c.account_id, unique=True, postgresql_where=current, sqlite_where=current
    )
    sa.Index(f"ix_{table.name}_account", table.c.account_id, table.c.recorded_at)


@read_of(Living)
class ReadBase(Shape):
    """Members of every single resource as it is read."""


class SyncedRead(ReadBase):
    """Members of a plain record as it is read. Two of them stand only in lists that ask for them."""

    changed_position: BigCount | None = Member(
        default=None, description="Its place in the order of changes; only in lists with `changed_after`"
    )
    deleted_at: InstantText | None = Member(
        default=None,
        description="When it was deleted, else null; only in lists with `changed_after` or `include_deleted`",
    )


LISTED_ONLY = frozenset(SyncedRead.model_fields.keys() - ReadBase.model_fields.keys())
"""Members that only lists show, when they are asked to."""


class Reference(Shape):
    """The id of a record in another system; unique per system among live records."""

    system: Slug = Member(description="The other system, for example salesforce, hubspot or erp", examples=["erp"])
    external_id: Name = Member(description="The record's id in that system", examples=["ALFKI"])


class ReferencePut(Shape):
    """A record's id in the other system that the path names."""

    external_id: Name = Member(description="The record's id in that system", examples=["ALFKI"])


References = Annotated[list[Reference], Member(max_length=20)]


class Referenced(Fields):
    """The references of a create model. They stand in a table of their own, so no record's table has this member."""

    refs: References = Field(default_factory=list, description="Ids of the same record in other systems")


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class JobFields(Fields):
    """The members of a job that clients read."""

    id: Id = Field(primary_key=True, description="UUIDv7 of the job")
    version: Version = Field(default=1, description="Grows with every step; the ETag is made of it")
    kind: Slug = Field(description="The kind of work, for example reclassify")
    state: Annotated[str, StringConstraints(pattern=any_of(JobState))] = Field(
        default=JobState.QUEUED, description="queued, running, succeeded, failed or canceled"
    )
    params: dict[str, Any] = Field(description="The parameters of the work; its members depend on the kind")
    done: BigCount = Field(default=0, description="The number of items that are done")
    total: BigCount | None = Field(description="The number of items in all; null until they are counted")
    result: dict[str, Any] | None = Field(description="The result so far; its members depend on the kind")
    error: LongText | None = Field(
        description="Why the job failed; while it is queued or running, why its last step failed, which is tried again"
    )
    attempts: Count = Field(
        default=0, description="How often the current step was started; the job fails with the fifth failure"
    )
    created_by: Id | None = Field(sa_type=sa.Text, description="The API key that asked for it")
    created_at: InstantText = Field(description="When the job was created, RFC 3339 in UTC")
    started_at: InstantText | None = Field(description="When it was first started")
    updated_at: InstantText = Field(description="When it last made progress")
    finished_at: InstantText | None = Field(description="When it succeeded, failed or was canceled")


@read_of(JobFields, order="id version kind state params done total percent")
class JobRead(Shape):
    """A job: its parameters, its progress and its result."""

    percent: Count | None = Member(description="done of total, 0 to 100, rounded down; null without a total")
