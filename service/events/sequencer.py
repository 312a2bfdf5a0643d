"""Gives committed events their place in the feed and their deliveries, one sequencer at a time, off the write path.

Writers never wait for each other here. Whoever runs it (worker or feed) takes the sequencer's lock, numbers the
committed rows that have no position in the order of `seq` (which per account is the order of the changes, because
`seq` is taken under the account's lock), and inserts one delivery per subscribed endpoint. A crash leaves the rows
without position: the next run takes them. Nothing is lost, nothing numbered twice.

An endpoint gets the events that are numbered while it exists. Whoever creates one runs the sequencer first, so these
are the events that were committed after its creation began: no clock decides, so neither a slow transaction nor
clocks that differ can lose one.
"""

from __future__ import annotations

import sqlalchemy as sa

from service.events.subscriptions import MEMBERS, OWNER, Told, subscription
from service.events.turns import MARK_BEHIND
from service.models.api_keys import api_keys
from service.models.events import events
from service.models.webhooks import deliveries, webhook_endpoints
from service.platform.clock import Clock
from service.platform.database import Database, Row, Writer
from service.platform.ids import new_id
from service.platform.statements import Statement

BATCH = 1000
_LOCK = 7_415_926_535

_WAITING = Statement(
    sa.select(sa.func.count()).select_from(
        sa.select(events.c.seq).where(events.c.position.is_(None)).limit(1).subquery()
    )
)
_TAKE_LOCK = Statement(sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_LOCK), sa.BigInteger))))


def _number() -> Statement:
    waiting = (
        sa.select(events.c.seq, sa.func.row_number().over(order_by=events.c.seq).label("n"))
        .where(events.c.position.is_(None))
        .order_by(events.c.seq)
        .limit(BATCH)
        .cte("waiting")
    )
    last = sa.select(sa.func.coalesce(sa.func.max(events.c.position), 0)).scalar_subquery()
    mine = sa.select(waiting.c.n).where(waiting.c.seq == events.c.seq).scalar_subquery()
    statement = sa.update(events).where(events.c.seq.in_(sa.select(waiting.c.seq))).values(position=last + mine)
    return Statement(
        statement.returning(
            events.c.id,
            events.c.position,
            events.c.type,
            events.c.account_id,
            events.c.subject_id,
            events.c.cause,
            events.c.content,
        )
    )


_NUMBER = _number()
_ENDPOINTS = Statement(
    sa.select(
        webhook_endpoints.c.id,
        webhook_endpoints.c.enabled,
        *(webhook_endpoints.c[name] for name in MEMBERS),
        *(api_keys.c[name] for name in OWNER),
    )
    .select_from(
        webhook_endpoints.outerjoin(api_keys, sa.cast(api_keys.c.id, sa.Text) == webhook_endpoints.c.created_by)
    )
    .where(webhook_endpoints.c.deleted_at.is_(None))
    .order_by(webhook_endpoints.c.id)
    # none is turned on or off meanwhile: what is held then would not be let go
    .with_for_update(read=True, of=webhook_endpoints)
)
_COLUMNS = ("id", "event_id", "event_position", "endpoint_id", "order_key", "state", "behind", "next_at", "created_at")
_DELIVER = Statement(
    sa.insert(deliveries).values(
        {
            **{name: sa.bindparam(name, type_=deliveries.c[name].type) for name in _COLUMNS},
            "attempts": 0,
            "lane": "first",
            "replay_no": 0,
        }
    )
)


class _NothingWaits(Exception):
    """Rolls an empty run back: a commit would wake the sequencer again, without end."""


async def sequence(database: Database, clock: Clock) -> int:
    """Number waiting events and fan them out until none waits; returns how many. Costs one read when nothing waits.

    When it returns, every event that was committed before it was called has its place, whoever gave it.
    """
    done = 0
    while True:
        async with database.reading(fresh=True) as reader:
            if not await reader.value(_WAITING):
                return done
        try:
            async with database.transaction() as writer:
                numbered = await _run(writer, database.kind, clock)
                if not numbered:
                    raise _NothingWaits
        except _NothingWaits:  # another one was faster
            return done
        done += numbered
        if numbered < BATCH:
            return done


async def _run(writer: Writer, kind: str, clock: Clock) -> int:
    if kind == "postgresql":
        await writer.value(_TAKE_LOCK)
    numbered = sorted(await writer.all(_NUMBER), key=lambda row: int(row["position"]))
    if numbered:
        rows = _fan_out(numbered, await writer.all(_ENDPOINTS), clock)
        if rows:
            await writer.many(_DELIVER, rows)
            await writer.execute(MARK_BEHIND[kind], ids=[row["id"] for row in rows if not row["behind"]])
    return len(numbered)


def _fan_out(numbered: list[Row], endpoints: list[Row], clock: Clock) -> list[Row]:
    """One delivery per event and subscribed endpoint."""
    now = clock.now()
    asked = [(endpoint, subscription(endpoint, now)) for endpoint in endpoints]
    out: list[Row] = []
    begun: set[tuple[str, str]] = set()
    for event in numbered:
        told = Told.of(event)
        for endpoint, wants in asked:
            if not wants.match(told):
                continue
            line = (endpoint["id"], event["account_id"] or event["subject_id"])
            out.append(
                {
                    "id": new_id(),
                    "event_id": event["id"],
                    "event_position": event["position"],
                    "endpoint_id": endpoint["id"],
                    "order_key": line[1],
                    "state": "pending" if endpoint["enabled"] else "held",
                    "behind": line in begun,
                    "next_at": now,
                    "created_at": now,
                }
            )
            begun.add(line)
    return out
