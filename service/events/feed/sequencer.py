"""Gives committed events their place in the feed and their deliveries, one sequencer at a time, off the write path.

Writers never wait for each other here. The worker or feed that runs it takes the sequencer's lock, numbers the
committed rows that have no position in the order of `seq` (which per account is the order of the changes, because
`seq` is taken under the account's lock), and inserts one delivery per subscribed endpoint. A crash leaves the rows
without position: the next run takes them. Nothing is lost, nothing numbered twice.

An endpoint gets the events that are numbered while it exists. Creating one runs the sequencer first, so these
are the events that were committed after its creation began: no clock decides, so neither a slow transaction nor
clocks that differ can lose one.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.events.event import DECLARED, Event
from service.events.feed.changes import MOST_RANGES, WAITING, number_changes, number_ranges
from service.events.feed.queue import MARK_BEHIND, STEP_UP, SUPERSEDE
from service.events.feed.subscriptions import MEMBERS, OWNER, EventRow, subscription
from service.events.webhooks import OperatorEvent
from service.framework.database.columns import Instant, bind
from service.framework.database.database import Database, Row, Writer
from service.framework.database.dialects import json_rows
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.clock import Clock
from service.platform.ids import new_id

BATCH = 1000
_LOCK = 7_415_926_535

_WAITING = Statement(sa.select(WAITING.label("waiting")))
STAND_STILL = Statement(sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_LOCK), sa.BigInteger))))
"""PostgreSQL only: no sequencer runs until the transaction ends. Turning an endpoint on or off does this before
locking it: what a sequencer makes pending or holds meanwhile would not be held or released.
"""


def _number() -> Statement:
    waiting = (
        sa.select(events.c.seq, sa.func.row_number().over(order_by=events.c.seq).label("n"))
        .where(events.c.position.is_(None))
        .order_by(events.c.seq)
        .limit(BATCH)
        .cte("waiting")
    )
    last = sa.select(sa.func.coalesce(sa.func.max(events.c.position), 0)).scalar_subquery()
    statement = sa.update(events).where(events.c.seq == waiting.c.seq).values(position=last + waiting.c.n)
    return Statement(
        statement.returning(
            events.c.id,
            events.c.position,
            events.c.type,
            events.c.account_id,
            events.c.subject_kind,
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
        webhook_endpoints.c.ordering,
        webhook_endpoints.c.coalesce,
        *(webhook_endpoints.c[name] for name in MEMBERS),
        *(api_keys.c[name] for name in OWNER),
    )
    .select_from(
        webhook_endpoints.outerjoin(api_keys, sa.cast(api_keys.c.id, sa.Text) == webhook_endpoints.c.created_by)
    )
    .where(webhook_endpoints.c.deleted_at.is_(None))
    .order_by(webhook_endpoints.c.id)
)
_MADE: dict[str, sa.types.TypeEngine[Any]] = {
    name: deliveries.c[name].type
    for name in ("id", "event_id", "event_position", "endpoint_id", "order_key", "family", "state", "behind")
}


def _delivering(kind: str) -> Statement:
    made, now = json_rows("made", _MADE, kind), bind("now", Instant())
    finished = sa.case((made.c.state == sa.literal_column("'superseded'"), now))
    columns = [
        *made.c,
        sa.literal_column("0"),
        sa.literal_column("0"),
        sa.literal_column("'first'"),
        now,
        now,
        finished,
    ]
    names = [*_MADE, "attempts", "replay_no", "lane", "next_at", "created_at", "finished_at"]
    return Statement(
        sa.insert(deliveries).from_select(names, sa.select(*columns).where(sa.true()), include_defaults=False)
    )


_DELIVER = {kind: _delivering(kind) for kind in ("postgresql", "sqlite")}


class _NothingWaits(Exception):
    """Rolls an empty run back: a commit would wake the sequencer again, without end."""


async def sequence(database: Database, clock: Clock, after_batch: Callable[[], None] | None = None) -> int:
    """Number waiting events and fan them out until none waits; returns how many. Costs one read when nothing waits.
    `after_batch` is called after each batch but the last, so that a long backlog does not hold its first events up.

    When it returns, every event that was committed before it was called has its place, even if another process gave it.
    """
    done = 0
    while True:
        async with database.reading(fresh=True) as reader:
            if not await reader.value(_WAITING):
                return done
        try:
            async with database.transaction() as writer:
                numbered, ranges = await _run(writer, database.kind, clock)
                if not numbered and not ranges:
                    raise _NothingWaits
        except _NothingWaits:  # another one was faster
            return done
        done += numbered
        if numbered < BATCH and ranges < MOST_RANGES:
            return done
        if after_batch is not None:
            after_batch()


async def _run(writer: Writer, kind: str, clock: Clock) -> tuple[int, int]:
    """Number a batch of events and the changes that they name, then ranges of changes; return how many of each."""
    if kind == "postgresql":
        await writer.value(STAND_STILL)
    numbered = sorted(await writer.all(_NUMBER), key=lambda row: int(row["position"]))
    if numbered:
        now = clock.now()
        rows = _fan_out(numbered, await writer.all(_ENDPOINTS), now)
        if rows:
            await _deliver(writer, kind, rows, now)
        await number_changes(writer, kind, numbered)
    return len(numbered), await number_ranges(writer, kind)


async def _deliver(writer: Writer, kind: str, rows: list[Row], now: datetime) -> None:
    """Insert deliveries; those that the newest of their family supersede first."""
    latest = {(row["endpoint_id"], row["family"]) for row in rows if row["family"]}
    if latest:
        families = [{"endpoint_id": endpoint, "family": family} for endpoint, family in latest]
        freed = {tuple(row.values()) for row in await writer.all(SUPERSEDE[kind], families=families, now=now)}
        if freed:
            lines = [{"endpoint_id": endpoint, "order_key": key} for endpoint, key in freed]
            await writer.execute(STEP_UP[kind], lines=lines)
    await writer.execute(_DELIVER[kind], made=rows, now=now)
    heads = [row["id"] for row in rows if row["state"] == "pending" and not row["behind"]]
    await writer.execute(MARK_BEHIND[kind], ids=heads)


def _fan_out(numbered: list[Row], endpoints: list[Row], now: datetime) -> list[Row]:
    """One delivery per event and subscribed endpoint."""
    asked = [(endpoint, subscription(endpoint, now)) for endpoint in endpoints]
    out: list[Row] = []
    begun: set[tuple[str, str]] = set()
    last: dict[tuple[str, str], Row] = {}
    for event in numbered:
        row_of_event = EventRow.of(event)
        for endpoint, wants in asked:
            if not wants.match(row_of_event):
                continue
            family = family_of(event) if endpoint["coalesce"] else None
            row = {
                "id": new_id(),
                "event_id": event["id"],
                "event_position": event["position"],
                "endpoint_id": endpoint["id"],
                "order_key": _order_key(event, endpoint, family),
                "family": family,
                "state": "pending" if endpoint["enabled"] else "held",
                "behind": False,
            }
            if family is not None and (older := last.get((endpoint["id"], family))) is not None:
                older["state"] = "superseded"
            if family is not None:
                last[endpoint["id"], family] = row
            out.append(row)
    for row in out:
        if row["state"] == "pending":
            line = (row["endpoint_id"], row["order_key"])
            row["behind"] = line in begun
            begun.add(line)
    return out


def family_of(event: Row) -> str | None:
    """What a newer event must share to supersede this one: the kind of record and its id. None for operator events and
    tests: those report something that happened, not how a record is now.
    """
    if issubclass(DECLARED.get(event["type"], Event), OperatorEvent):
        return None
    return f"{event['subject_kind']}/{event['subject_id']}"


def _order_key(event: Row, endpoint: Row, family: str | None) -> str:
    """Which line of an endpoint a delivery stands in."""
    if endpoint["ordering"] == "strict":
        return str(endpoint["id"])
    if endpoint["ordering"] == "none":
        return family or str(event["id"])
    return str(event["account_id"] or event["subject_id"])
