"""Named consumers of the feed: the service keeps the position of each, and one reader at a time holds its lease."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import read_of, table_of
from service.models.shapes import FeedCursor, Living, ReadBase
from service.platform.patterns import any_of, fitting
from service.platform.types import BigCount, Flag, Id, InstantText, Limit, Shape, Slug, Text

LONGEST_LEASE = 3600
LONGEST_WAIT = 20

Pattern = Annotated[
    str,
    StringConstraints(
        strict=True,
        max_length=100,
        pattern=fitting(
            r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?|\*(\.[a-z_]+)+)$",
            "Must be an event type such as account.created, a pattern such as account.* or *.created, or * for all",
        ),
    ),
]
Seconds = Annotated[int, Member(strict=True, ge=1, le=LONGEST_LEASE)]
Wait = Annotated[int, Member(strict=True, ge=0, le=LONGEST_WAIT)]
Begin = Annotated[str, StringConstraints(strict=True, pattern=any_of(["start", "now"]))]


class EventConsumerCreate(Shape):
    """A named consumer of the feed whose position the service keeps."""

    name: Slug = Member(description="The consumer's name, unique among consumers", examples=["warehouse"])
    event_types: Annotated[list[Pattern], Member(min_length=1, max_length=50)] = Member(
        default_factory=lambda: ["*"], description="Event types it reads; `plan.*` for all about plans, `*` for all"
    )
    account_id: Id | None = Member(default=None, description="Only events of this account; null for all accounts")
    begin: Begin = Member(default="now", description="start: from the oldest event that is kept; now: from here on")
    description: Text | None = Member(default=None, description="The purpose of the consumer")


class EventConsumerPoll(Shape):
    """How many events to lease, and for how long."""

    limit: Limit = Member(default=50, description="The highest number of events, 1 to 200")
    lease_seconds: Seconds = Member(
        default=60, description="For how many seconds no other reader gets events, 1 to 3,600"
    )
    lease_token: Id | None = Member(
        default=None, description="The token of the lease that the caller holds: the lease is kept and extended"
    )
    wait_seconds: Wait = Member(
        default=0, description="For how many seconds to wait for an event when there is none, 0 to 20 (long polling)"
    )


class EventConsumerCommit(Shape):
    """The position up to which a reader has processed the feed."""

    lease_token: Id = Member(description="The token of the lease that the events were read with")
    cursor: FeedCursor = Member(description="The cursor of the last event that is processed")
    release: Flag = Member(default=True, description="Whether the lease ends; false keeps it for the next poll")


class EventConsumerSeek(Shape):
    """The position to go on from: one of the two."""

    to: Begin | None = Member(default=None, description="start: the oldest event that is kept; now: after the newest")
    cursor: FeedCursor | None = Member(default=None, description="A cursor of the feed")


class EventConsumer(Living, table=True):
    """The table. A commit needs the current `lease_token`, so that a reader whose lease has ended is refused."""

    __tablename__ = "event_consumers"

    name: Slug
    event_types: list[str]
    account_id: Id | None
    description: Text | None
    committed: BigCount = Field(default=0, description="The position in the feed up to which events are committed")
    committed_at: InstantText | None = Field(description="When the position was last committed")
    lease_token: Id | None
    lease_until: InstantText | None = Field(description="When the current lease ends; null when there is none")
    created_by: Id | None


event_consumers = table_of(EventConsumer)
sa.Index(
    "uq_event_consumers_name",
    event_consumers.c.name,
    unique=True,
    postgresql_where=sa.text("deleted_at IS NULL"),
    sqlite_where=sa.text("deleted_at IS NULL"),
)


@read_of(EventConsumerCreate, EventConsumer, order="name event_types", omit="begin")
class EventConsumerRead(ReadBase):
    """A named consumer of the feed."""

    event_types: Annotated[list[Pattern], Member(max_length=50)] = Member(description="Event types it reads")
    behind: BigCount = Member(
        description="How many positions of the feed come after the committed one, whatever their type"
    )
