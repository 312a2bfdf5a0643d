"""The outbox: one row per event, written in the transaction of the change it tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.platform.columns import Instant, Json, Uuid


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
    body: str = Field(sa_type=sa.Text)
    dedupe_key: str | None = Field(default=None, sa_type=sa.Text, unique=True)


events: sa.Table = Event.__table__  # type: ignore[attr-defined]
sa.Index("ix_events_account", events.c.account_id, events.c.position)
sa.Index("ix_events_type", events.c.type, events.c.position)
