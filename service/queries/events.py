"""How events are read: the feed in the order of positions, the stored bytes of each with its place and cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import orjson
import sqlalchemy as sa

from service.events.watch import FEED_END
from service.models.events import events
from service.platform.columns import Uuid
from service.platform.database import Page, Reader, Resource, Row
from service.platform.dialects import one_of
from service.platform.errors import CursorInvalid
from service.platform.ids import first_id
from service.platform.pagination import Cursors
from service.platform.statements import Statement

FEED = "events"
"""What the feed's cursors are bound to: a position only, so one is good for any filter."""

_COLUMNS = (events.c.position, events.c.body)
_BY_ID = Statement(sa.select(*_COLUMNS).where(events.c.id == sa.bindparam("id", type_=Uuid())))

_PLACED = events.c.position.is_not(None)
_beside = sa.select(events.c.position).where(_PLACED).limit(1)
_SPAN = Statement(
    sa.select(
        sa.func.coalesce(
            _beside.where(events.c.id < sa.bindparam("since", type_=Uuid()))
            .order_by(events.c.id.desc())
            .scalar_subquery(),
            sa.select(sa.func.min(events.c.position) - 1).scalar_subquery(),
            0,
        ).label("after"),
        sa.func.coalesce(
            _beside.where(events.c.id >= sa.bindparam("until", type_=Uuid())).order_by(events.c.id).scalar_subquery(),
            sa.select(sa.func.max(events.c.position)).scalar_subquery(),
            0,
        ).label("end"),
    )
)
SLACK = timedelta(hours=1)
"""Longer than a transaction lasts and clocks differ: by so much may an event stand before one that occurred earlier."""


async def span(reader: Reader, since: datetime, until: datetime) -> tuple[int, int]:
    """Places of the feed, the first exclusive, between which everything lies that happened in a range of time, and some
    more around it. A look-up each, because an event's id begins with its time.
    """
    row = await reader.one(_SPAN, since=first_id(since - SLACK), until=first_id(until + SLACK))
    return (0, 0) if row is None else (int(row["after"]), int(row["end"]))


@lru_cache(maxsize=4)
def _after(by_type: bool, by_account: bool) -> Statement:
    query = sa.select(*_COLUMNS).where(
        events.c.position > sa.bindparam("after", type_=sa.BigInteger),
        events.c.position <= sa.bindparam("end", type_=sa.BigInteger),
    )
    if by_type:
        query = query.where(one_of(events.c.type, "types"))
    if by_account:
        query = query.where(events.c.account_id == sa.bindparam("account_id", type_=Uuid()))
    return Statement(query.order_by(events.c.position).limit(sa.bindparam("limit", type_=sa.BigInteger)))


async def feed(
    reader: Reader,
    cursors: Cursors,
    *,
    after: str | None = None,
    types: Sequence[str] | None = None,
    account_id: str | None = None,
    limit: int = 50,
) -> Page:
    """The next events after a cursor, oldest first; raises CursorInvalid.

    `next_cursor` is always there, also at the end, and then stands after everything that was looked at: whoever asks
    with it gets what came since, and nothing is looked at twice.
    """
    end = int(await reader.value(FEED_END))
    start = 0 if after is None else position_of(cursors, after, end)
    statement = _after(types is not None, account_id is not None)
    rows = await reader.all(
        statement, after=start, end=end, types=list(types or ()), account_id=account_id, limit=limit + 1
    )
    more = len(rows) > limit
    rows = rows[:limit]
    reached = rows[-1]["position"] if more else end
    marks = [cursors.encode(FEED, [row["position"]]) for row in rows]
    items = [_item(row, mark) for row, mark in zip(rows, marks, strict=True)]
    return Page(items, cursors.encode(FEED, [reached]), more, cursors=marks)


async def find(reader: Reader, cursors: Cursors, identifier: str) -> Resource | None:
    """One event as the feed shows it, or None; one that has no position yet is not in the feed."""
    row = await reader.one(_BY_ID, id=identifier)
    if row is None or row["position"] is None:
        return None
    return Resource(1, _item(row, cursors.encode(FEED, [row["position"]])).encode())


def position_of(cursors: Cursors, after: str, end: int) -> int:
    """Where a cursor stands; raises CursorInvalid. One beyond the end comes from another database, or
    this one was set back to a backup.
    """
    position = int(cursors.decode(FEED, after)[0])
    if position > end:
        raise CursorInvalid
    return position


def _item(row: Row, cursor: str) -> str:
    """The bytes that webhooks send too, with two members more; never serialised again."""
    body: str = row["body"]
    return f'{body[:-1]},"position":{row["position"]},"cursor":{orjson.dumps(cursor).decode()}}}'
