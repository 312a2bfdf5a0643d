"""The outbox: one row per event, written in the transaction of the change."""

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import Fields, table_of
from service.models.shapes import FeedCursor
from service.platform.patterns import list_of
from service.platform.types import CURSOR, BigCount, Flag, Id, InstantText, Shape, Slug, Text, Version


class Event(Fields, table=True):
    """One event. `seq` is given by the insert, under the lock of the changed account; `position` is its place in the
    feed.

    Rows become visible in the order of their commits and not of `seq`, so a reader of `seq > last` would miss the rows
    of a slower transaction. One sequencer at a time gives `position` after the commit: it has no gaps and never
    changes.
    """

    __tablename__ = "events"
    __table_args__ = (
        sa.Index(
            "ix_events_waiting",
            "seq",
            postgresql_where=sa.text("position IS NULL"),
            sqlite_where=sa.text("position IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(
        default=None,
        sa_column=sa.Column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    )
    id: Id = Field(unique=True)
    position: int | None = Field(unique=True)
    type: str
    schema_version: int = 1
    account_id: Id | None
    subject_kind: str
    subject_id: Id
    subject_version: int = 1
    occurred_at: InstantText
    cause: dict[str, Any]
    content: str | None
    body: str


class FeedBounds(Fields, table=True):
    """One row: events up to the position `removed_to` are no longer in the feed, because they are older than events
    are kept. Those with open deliveries are removed when the deliveries have ended.
    """

    __tablename__ = "feed_bounds"

    id: int = Field(default=1, sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    removed_to: int = 0


feed_bounds = table_of(FeedBounds)
events = table_of(Event)
sa.Index("ix_events_account", events.c.account_id, events.c.position)
sa.Index("ix_events_type", events.c.type, events.c.position)


EVENT_PATTERN_SAYS = "an event type or a pattern of types, words a-z and _ or * with dots between, such as account.*"
_PATTERN = r"(?:\*|[a-z_]+)(?:\.(?:\*|[a-z_]+))*"
EventPatterns = Annotated[str, StringConstraints(max_length=2000, pattern=list_of(_PATTERN, EVENT_PATTERN_SAYS))]
"""Patterns of event types in a query, separated by commas."""


class EventRead(Shape):
    """An event as webhooks send it, with its position in the feed."""

    id: Id = Member(description="UUIDv7 of the event; the same in the feed and in the header webhook-id")
    type: Slug = Member(description="What happened, for example account.stage_changed")
    timestamp: InstantText = Member(description="When it happened, RFC 3339 in UTC")
    data: dict[str, Any] = Member(
        description="The account (id, name, version, refs), previous, current, changed, and what explains the change"
    )
    cause: dict[str, Any] = Member(description="The cause of the change: kind, origin, key_id, request_id")
    position: BigCount = Member(description="The event's position in the feed: 1, 2, 3 ... without a gap")
    cursor: Annotated[str, StringConstraints(max_length=1000, pattern=CURSOR)] = Member(
        description="Pass as `after` to get the events after this one"
    )


class EventTypeRead(Shape):
    """A type of event."""

    type: Slug = Member(description="Its name, for subscriptions and for the feed's `types`")
    version: Version = Member(description="Version of the schema of its data")
    description: Text = Member(description="When it is sent")


class EventTypeDetail(EventTypeRead):
    """A type of event with its scope, its schema and an example."""

    required_scope: Annotated[str, StringConstraints(max_length=50)] = Member(
        description="The first of `required_scopes`; a few types need more than one"
    )
    required_scopes: list[Annotated[str, StringConstraints(max_length=50)]] = Member(
        description="The scopes that the owner of an endpoint, or a reader of the feed, needs to get it: all of them"
    )
    event_schema: dict[str, Any] = Member(description="JSON Schema (2020-12) of the whole event")
    example: dict[str, Any] = Member(description="A whole event, as it is sent")


class LeasedEvents(Shape):
    """The next events of a named consumer, leased to the caller."""

    consumer_id: Id = Member(description="The consumer")
    lease_token: Id = Member(description="Send it with the commit; it is refused when the lease has ended")
    lease_until: InstantText = Member(description="When the lease ends; no other reader gets events before")
    items: Annotated[list[EventRead], Member(max_length=200)] = Member(description="Events, oldest first")
    cursor: FeedCursor = Member(
        description="Commit this when all of them are processed, else the cursor of the last processed one"
    )
    has_more: Flag = Member(description="Whether the feed already has more")
