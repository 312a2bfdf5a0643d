"""How events are read: the feed in the order of positions, the stored bytes of each with its place and cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import orjson
import sqlalchemy as sa

from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Reader, Resource, Row
from service.framework.database.dialects import one_of
from service.framework.database.pagination import Cursors
from service.framework.database.statements import Statement
from service.models.events.events import events, feed_bounds
from service.platform.errors import CursorExpired, CursorInvalid
from service.platform.ids import first_id

FEED = "events"
"""What the feed's cursors are bound to: a position only, so one is good for any filter."""

_COLUMNS = (events.c.position, events.c.body)
_removed_to = sa.func.coalesce(sa.select(feed_bounds.c.removed_to).scalar_subquery(), 0).label("removed_to")
_BY_ID = Statement(sa.select(*_COLUMNS).where(events.c.id == bind("id", Uuid())))

_BOUNDS = Statement(
    sa.select(
        _removed_to,
        sa.func.coalesce(sa.select(sa.func.max(events.c.position)).scalar_subquery(), 0).label("end"),
    )
)
_PLACED = events.c.position.is_not(None)
_beside = sa.select(events.c.position).where(_PLACED).limit(1)
_SPAN = Statement(
    sa.select(
        sa.func.coalesce(
            _beside.where(events.c.id < bind("since", Uuid())).order_by(events.c.id.desc()).scalar_subquery(),
            sa.select(sa.func.min(events.c.position) - 1).scalar_subquery(),
            0,
        ).label("after"),
        sa.func.coalesce(
            _beside.where(events.c.id >= bind("until", Uuid())).order_by(events.c.id).scalar_subquery(),
            sa.select(sa.func.max(events.c.position)).scalar_subquery(),
            0,
        ).label("end"),
    )
)
SLACK = timedelta(hours=1)
"""Longer than a transaction lasts and clocks differ: by so much may an event stand before one that occurred earlier."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the feed begins, exclusive, and ends."""

    removed_to: int
    end: int


async def bounds(reader: Reader) -> Bounds:
    """Where the feed begins and ends now."""
    row = await reader.one(_BOUNDS) or {"removed_to": 0, "end": 0}
    return Bounds(int(row["removed_to"]), int(row["end"]))


async def span(reader: Reader, since: datetime, until: datetime) -> tuple[int, int]:
    """Places of the feed, the first exclusive, between which everything lies that happened in a range of time, and some
    more around it. A look-up each, because an event's id begins with its time.
    """
    row = await reader.one(_SPAN, since=first_id(since - SLACK), until=first_id(until + SLACK))
    return (0, 0) if row is None else (int(row["after"]), int(row["end"]))


@lru_cache(maxsize=8)
def _after(by_type: bool, by_account: bool, by_time: bool) -> Statement:
    query = sa.select(*_COLUMNS, _removed_to).where(
        events.c.position > bind("after", sa.BigInteger),
        events.c.position <= bind("end", sa.BigInteger),
    )
    if by_type:
        query = query.where(one_of(events.c.type, "types"))
    if by_account:
        query = query.where(events.c.account_id == bind("account_id", Uuid()))
    if by_time:
        query = query.where(
            events.c.occurred_at >= bind("since", Instant()),
            events.c.occurred_at < bind("until", Instant()),
        )
    return Statement(query.order_by(events.c.position).limit(bind("limit", sa.BigInteger)))


async def feed(
    reader: Reader,
    cursors: Cursors,
    *,
    after: str | None = None,
    types: Sequence[str] | None = None,
    account_id: str | None = None,
    between: tuple[datetime, datetime] | None = None,
    limit: int = 50,
) -> Page:
    """The next events after a cursor, oldest first; raises CursorInvalid and CursorExpired. `between` are two instants,
    the second exclusive.

    `next_cursor` is always there, also at the end, and then stands after everything that was looked at: a reader
    that asks with it gets what came since, and nothing is looked at twice.
    """
    kept = await bounds(reader)
    asked = kept.removed_to if after is None else position_of(cursors, after, kept)
    start, end = asked, kept.end
    since = until = None
    if between is not None:
        since, until = between
        first, last = await span(reader, since, until)
        start, end = max(start, first), min(end, last)
    rows = await reader.all(
        _after(types is not None, account_id is not None, between is not None),
        after=start,
        end=end,
        types=list(types or ()),
        account_id=account_id,
        since=since,
        until=until,
        limit=limit + 1,
    )
    if rows or start >= end:
        removed_to = rows[0]["removed_to"] if rows else asked
    else:
        removed_to = (await bounds(reader)).removed_to
    if removed_to > asked and after is not None:  # between the two statements some of what was asked for went
        raise CursorExpired(cursors.encode(FEED, [removed_to]))
    more = len(rows) > limit
    rows = rows[:limit]
    reached = rows[-1]["position"] if more else max(start, end)
    marks = [cursors.encode(FEED, [row["position"]]) for row in rows]
    items = [_item(row, mark) for row, mark in zip(rows, marks, strict=True)]
    return Page(items, cursors.encode(FEED, [reached]), more, cursors=marks)


async def find(reader: Reader, cursors: Cursors, identifier: str) -> Resource | None:
    """One event as the feed shows it, or None; one that has no position yet is not in the feed."""
    row = await reader.one(_BY_ID, id=identifier)
    if row is None or row["position"] is None:
        return None
    return Resource(1, _item(row, cursors.encode(FEED, [row["position"]])).encode())


def position_of(cursors: Cursors, after: str, kept: Bounds) -> int:
    """Where a cursor stands; raises CursorInvalid for one beyond the end (it comes from another database, or this one
    was set back to a backup) and CursorExpired where events after it are no longer kept: a reader that was away for
    too long must know that it has missed some.
    """
    position = int(cursors.decode(FEED, after)[0])
    if position > kept.end:
        raise CursorInvalid
    if position < kept.removed_to:
        raise CursorExpired(cursors.encode(FEED, [kept.removed_to]))
    return position


def _item(row: Row, cursor: str) -> str:
    """The bytes that webhooks send too, with two members more; never serialised again."""
    body: str = row["body"]
    return f'{body[:-1]},"position":{row["position"]},"cursor":{orjson.dumps(cursor).decode()}}}'
