"""What is older than events are kept goes: events, what became of their deliveries, and every attempt.

From the front of the feed, batch by batch, each a transaction; the bound of the feed moves with it, so that a reader
whose cursor lies before it gets an error: it has missed events. An event that is still to be delivered somewhere
leaves the feed like its neighbours, but stays in the table until its deliveries have ended. The newest event always
stays: the next position is counted from it.

Readers of the feed do not keep anything back: a reader that stays away for longer than events are kept loses its place
(named consumers too). A rule that kept events for one of them would belong into `_upto`.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from service.events.feed.queue import HELD, OPEN
from service.framework.database.columns import bind
from service.framework.database.database import Database, Reader, Writer
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.events.events import events, feed_bounds
from service.models.webhooks.endpoints import attempts, deliveries

BATCH = 500
MOST_BATCHES = 200
"""In one sweep; the next one goes on."""

_e, _d = events.c, deliveries.c
_to, _limit = bind("removed_to", sa.BigInteger), bind("limit", sa.BigInteger)
_TO_SEND = [*OPEN, HELD]
_UNDELIVERED = sa.exists().where(_d.event_id == _e.id, _d.state.in_(_TO_SEND)).correlate(events)
_BOUND_READ = Statement(sa.select(feed_bounds.c.removed_to))
_BOUND = Statement(sa.select(feed_bounds.c.removed_to).with_for_update())
_FRONT = Statement(
    sa.select(_e.position, _e.occurred_at)
    .where(_e.position > _to, _e.position < sa.select(sa.func.max(_e.position)).correlate(None).scalar_subquery())
    .order_by(_e.position)
    .limit(_limit)
)
_MOVE = Statement(sa.update(feed_bounds).values(removed_to=_to))
_FIRST_BOUND = Statement(sa.insert(feed_bounds).values(id=1, removed_to=_to))
_REMOVABLE = Statement(
    sa.select(_e.id).where(_e.position <= _to, sa.not_(_UNDELIVERED)).order_by(_e.position).limit(_limit)
)
_LOCK_DELIVERIES = Statement(sa.select(_d.id).where(one_of(_d.event_id, "ids")).order_by(_d.id).with_for_update())
"""Waits for whoever sends one of them again by hand."""
_LOCK_EVENTS = Statement(
    sa.select(_e.id).where(one_of(_e.id, "ids")).order_by(_e.position).with_for_update(skip_locked=True)
)
"""No delivery is added to these any more: one that is being added now locks its event, which is passed over."""
_DELIVERIES = Statement(
    sa.select(_d.id, _d.event_id, _d.state.in_(_TO_SEND).label("to_send")).where(one_of(_d.event_id, "ids"))
)
_REMOVE_ATTEMPTS = Statement(sa.delete(attempts).where(one_of(attempts.c.delivery_id, "ids")))
_REMOVE_DELIVERIES = Statement(sa.delete(deliveries).where(one_of(_d.id, "ids")))
_REMOVE_EVENTS = Statement(sa.delete(events).where(one_of(_e.id, "ids")))


async def forget_old(database: Database, now: datetime, days: int) -> int:
    """Remove delivered events that are older than the retention, with everything about them. Return how many.
    Costs one read when there is nothing to remove.
    """
    before, removed = now - timedelta(days=days), 0
    for _ in range(MOST_BATCHES):
        async with database.reading(fresh=True) as reader:
            bound = int(await reader.value(_BOUND_READ) or 0)
            stands = await _upto(reader, bound, before) == bound
            if stands and not await reader.column(_REMOVABLE, removed_to=bound, limit=1):
                break
        async with database.transaction() as writer:
            gone = await _remove(writer, before)
        removed += gone
        if stands and not gone:  # somebody is at what is left
            break
    return removed


async def _remove(writer: Writer, before: datetime) -> int:
    """One batch. Deliveries may be sent again, or added, while it chooses: what it chose is locked, deliveries first as
    everywhere, and looked at again before it goes.
    """
    known = await writer.value(_BOUND)
    bound = await _upto(writer, int(known or 0), before)
    await writer.execute(_FIRST_BOUND if known is None else _MOVE, removed_to=bound)
    ids = await writer.column(_REMOVABLE, removed_to=bound, limit=BATCH)
    if ids:
        await writer.column(_LOCK_DELIVERIES, ids=ids)
        ids = await writer.column(_LOCK_EVENTS, ids=ids)
        states = await writer.all(_DELIVERIES, ids=ids)
        kept = {row["event_id"] for row in states if row["to_send"]}
        ids = [identifier for identifier in ids if identifier not in kept]
        sent = [row["id"] for row in states if row["event_id"] not in kept]
        if sent:
            await writer.execute(_REMOVE_ATTEMPTS, ids=sent)
            await writer.execute(_REMOVE_DELIVERIES, ids=sent)
        await writer.execute(_REMOVE_EVENTS, ids=ids)
    return len(ids)


async def _upto(reader: Reader, bound: int, before: datetime) -> int:
    """How far the feed may be cut now: up to the first event that is not old enough, at most a batch."""
    for row in await reader.all(_FRONT, removed_to=bound, limit=BATCH):
        if row["occurred_at"] >= before:
            break
        bound = int(row["position"])
    return bound
