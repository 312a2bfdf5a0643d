"""Named consumers of the feed: who remembers for a program how far it has come, one reader at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Json, Uuid
from service.models.shapes import FeedCursor, Living, ReadBase
from service.platform.types import BigCount, Flag, Id, InstantText, Limit, Shape, Slug, Text

LONGEST_LEASE = 3600
LONGEST_WAIT = 20

Pattern = Annotated[
    str, StringConstraints(strict=True, max_length=100, pattern=r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?|\*(\.[a-z_]+)+)$")
]
Seconds = Annotated[int, Member(strict=True, ge=1, le=LONGEST_LEASE)]
Wait = Annotated[int, Member(strict=True, ge=0, le=LONGEST_WAIT)]
Begin = Annotated[str, StringConstraints(strict=True, pattern=r"^(start|now)$")]


class EventConsumerCreate(Shape):
    """A reader of the feed whose place the service keeps."""

    name: Slug = Member(description="Its name, unique among consumers", examples=["warehouse"])
    event_types: Annotated[list[Pattern], Member(min_length=1, max_length=50)] = Member(
        default_factory=lambda: ["*"], description="Event types it reads; `plan.*` for all of a kind, `*` for all"
    )
    account_id: Id | None = Member(default=None, description="Only events of this account")
    begin: Begin = Member(default="now", description="start: from the oldest event that is kept; now: from here on")
    description: Text | None = Member(default=None, description="What it is for")


class EventConsumerPoll(Shape):
    """What a reader asks for."""

    limit: Limit = Member(default=50, description="At most so many events, 1 to 200")
    lease_seconds: Seconds = Member(default=60, description="How long nobody else may read, 1 to 3,600 seconds")
    lease_token: Id | None = Member(
        default=None, description="The token of the lease that the caller holds: it is kept and prolonged"
    )
    wait_seconds: Wait = Member(
        default=0, description="Wait so long for an event when there is none, 0 to 20 seconds (long polling)"
    )


class EventConsumerCommit(Shape):
    """How far a reader has come."""

    lease_token: Id = Member(description="The token of the lease that the events were read with")
    cursor: FeedCursor = Member(description="The cursor behind the last event that is done")
    release: Flag = Member(default=True, description="Whether the lease ends; false keeps it for the next poll")


class EventConsumerSeek(Shape):
    """Where a consumer is to go on: one of the two."""

    to: Begin | None = Member(default=None, description="start or now")
    cursor: FeedCursor | None = Member(default=None, description="A cursor of the feed")


class EventConsumer(Living, SQLModel, table=True):
    """The table. `committed` is the position up to which everything is done; `lease_token` fences late readers off."""

    __tablename__ = "event_consumers"

    name: str = Field(sa_type=sa.Text)
    event_types: Any = Field(sa_type=Json)
    account_id: str | None = Field(default=None, sa_type=Uuid)
    description: str | None = Field(default=None, sa_type=sa.Text)
    committed: int = Field(default=0, sa_type=sa.BigInteger)
    committed_at: datetime | None = Field(default=None, sa_type=Instant)
    lease_token: str | None = Field(default=None, sa_type=Uuid)
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    created_by: str | None = Field(default=None, sa_type=Uuid)


event_consumers: sa.Table = EventConsumer.__table__  # type: ignore[attr-defined]
sa.Index(
    "uq_event_consumers_name",
    event_consumers.c.name,
    unique=True,
    postgresql_where=sa.text("deleted_at IS NULL"),
    sqlite_where=sa.text("deleted_at IS NULL"),
)


class EventConsumerRead(ReadBase):
    """A named consumer of the feed."""

    name: Slug = Member(description="Its name")
    event_types: Annotated[list[Pattern], Member(max_length=50)] = Member(description="Event types it reads")
    account_id: Id | None = Member(description="Only events of this account")
    description: Text | None = Member(description="What it is for")
    committed: BigCount = Member(description="The position in the feed up to which everything is done")
    committed_at: InstantText | None = Member(description="When that was last told")
    lease_until: InstantText | None = Member(description="Until when a reader has it for itself; null when free")
    behind: BigCount = Member(
        description="How many positions of the feed come after the committed one, whatever their type"
    )
