"""The outbox: one row per event, written in the transaction of the change it tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Json, Uuid
from service.models.shapes import FeedCursor
from service.platform.types import BigCount, Flag, Id, InstantText, Shape, Slug, Text, Version


class Event(SQLModel, table=True):
    """One event. `seq` is taken at insert, under the lock of the changed account; `position` is its place in the feed.

    Sequence numbers become visible in commit order, not in the order they were handed out, so a reader that asks for
    `seq > last` can miss rows of
    a slower transaction. `position` is given after the commit, by one sequencer at a time: it has no gaps and never
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
    id: str = Field(sa_type=Uuid, unique=True)
    position: int | None = Field(default=None, sa_type=sa.BigInteger, unique=True)
    type: str = Field(sa_type=sa.Text)
    schema_version: int = Field(default=1, sa_type=sa.BigInteger)
    account_id: str | None = Field(default=None, sa_type=Uuid)
    subject_kind: str = Field(sa_type=sa.Text)
    subject_id: str = Field(sa_type=Uuid)
    subject_version: int = Field(default=1, sa_type=sa.BigInteger)
    occurred_at: datetime = Field(sa_type=Instant)
    cause: Any = Field(sa_type=Json)
    content: str | None = Field(default=None, sa_type=sa.Text)
    body: str = Field(sa_type=sa.Text)


class FeedBounds(SQLModel, table=True):
    """One row: events up to the position `removed_to` were removed from the feed, because they are older than events
    are kept. Those of them that are still to be delivered somewhere are there, and are removed afterwards.
    """

    __tablename__ = "feed_bounds"

    id: int = Field(default=1, sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    removed_to: int = Field(default=0, sa_type=sa.BigInteger)


feed_bounds: sa.Table = FeedBounds.__table__  # type: ignore[attr-defined]
events: sa.Table = Event.__table__  # type: ignore[attr-defined]
sa.Index("ix_events_account", events.c.account_id, events.c.position)
sa.Index("ix_events_type", events.c.type, events.c.position)


_PATTERN = r"(?:\*|[a-z_]+)(?:\.(?:\*|[a-z_]+))*"
EventPatterns = Annotated[str, StringConstraints(max_length=2000, pattern=f"^{_PATTERN}(?:,{_PATTERN})*$")]
"""Patterns of event types, comma-separated, as queries take them."""


class EventRead(Shape):
    """An event as webhooks send it, with its place in the feed."""

    id: Id = Member(description="UUIDv7 of the event; the same in the feed and in the header webhook-id")
    type: Slug = Member(description="What happened, for example account.stage_changed")
    timestamp: InstantText = Member(description="When it happened, RFC 3339 in UTC")
    data: dict[str, Any] = Member(
        description="What it is about: the account (id, name, version, refs), previous, current, changed, and what "
        "explains the change"
    )
    cause: dict[str, Any] = Member(description="Who or what brought it about: kind, origin, key_id, request_id")
    position: BigCount = Member(description="Its place in the feed: 1, 2, 3 ... without a gap")
    cursor: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")] = Member(
        description="Pass as `after` to get what comes after this event"
    )


class EventTypeRead(Shape):
    """A type of event."""

    type: Slug = Member(description="Its name, for subscriptions and for the feed's `types`")
    version: Version = Member(description="Version of what its data holds")
    description: Text = Member(description="When it is sent")


class EventTypeDetail(EventTypeRead):
    """A type of event with all that a receiver wants to know."""

    required_scope: Annotated[str, StringConstraints(max_length=50)] = Member(
        description="The scope that an endpoint's owner, and a reader of the feed, needs to be told of it"
    )
    event_schema: dict[str, Any] = Member(description="JSON Schema (2020-12) of the whole event")
    example: dict[str, Any] = Member(description="A whole event, as it would be sent")


class LeasedEvents(Shape):
    """Events that a named consumer reads next, leased to whoever asked."""

    consumer_id: Id = Member(description="The consumer")
    lease_token: Id = Member(description="Send it with the commit; it fences off whoever comes too late")
    lease_until: InstantText = Member(description="Until when nobody else may read this consumer")
    items: Annotated[list[EventRead], Member(max_length=200)] = Member(description="Events, oldest first")
    cursor: FeedCursor = Member(description="Commit this when all of them are done; or the cursor of the last one done")
    has_more: Flag = Member(description="Whether there are more already")
