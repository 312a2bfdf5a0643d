"""Taking deliveries to send, as statements: a lease with a fencing token, in order per key, any number of workers.

One statement leases a batch: at most a few per endpoint, and of each (endpoint, order key) only the oldest that is
still open, so that an account's events never overtake each other. The rows of the attempts are written in the same
transaction, before any call, so that a crash shows as `unknown` and not as nothing. A lease that ran out (its worker
died) makes the delivery pending again; the token makes whatever the dead worker still writes touch no row. Not for
results: settlement.py writes those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.destinations.base import Delivery
from service.events.operator_events import WebhookTest
from service.events.turns import LEASED, PENDING, none_before
from service.models.events import events
from service.models.webhooks import attempts, deliveries, webhook_endpoints
from service.platform.columns import Instant, Uuid
from service.platform.database import Reader, Writer
from service.platform.dialects import one_of
from service.platform.ids import new_id
from service.platform.statements import Statement
from service.queries.webhooks import TRANSPORT

LEASE = timedelta(seconds=40)
"""Twice the longest call: a delivery whose call is not begun in the first half is given back instead."""


def _in_turn(one: sa.FromClause) -> sa.ColumnElement[bool]:
    """Due, and no older delivery of the same endpoint and key is still open."""
    return sa.and_(
        one.c.state == PENDING,
        one.c.behind.is_(sa.false()),
        one.c.next_at <= sa.bindparam("now", type_=Instant()),
        none_before(one),
    )


def _open_endpoints() -> sa.ColumnElement[bool]:
    return sa.and_(
        webhook_endpoints.c.enabled.is_(sa.true()),
        webhook_endpoints.c.deleted_at.is_(None),
        webhook_endpoints.c.awaits_consent.is_(sa.false()),
        sa.not_(one_of(webhook_endpoints.c.id, "full")),
    )


def _candidates(limit: sa.ColumnElement[int]) -> tuple[sa.FromClause, sa.Select[Any]]:
    one = deliveries.alias("one")
    chosen = (
        sa.select(one.c.id)
        .where(one.c.endpoint_id == webhook_endpoints.c.id, _in_turn(one))
        .order_by(one.c.next_at, one.c.event_position)
        .limit(limit)
        .correlate(webhook_endpoints)
    )
    return one, chosen


def _picked_on_postgresql() -> sa.Select[Any]:
    """Endpoint by endpoint, each up to its own limit; rows that another worker holds are passed over."""
    quick = one_of(webhook_endpoints.c.id, "quick")
    one, chosen = _candidates(sa.case((quick, sa.bindparam("wide", type_=sa.BigInteger)), else_=sa.bindparam("narrow")))
    due = chosen.with_for_update(skip_locked=True, of=one).lateral("due")
    return (
        sa.select(due.c.id)
        .select_from(webhook_endpoints.join(due, sa.true()))
        .where(_open_endpoints())
        .limit(sa.bindparam("batch", type_=sa.BigInteger))
    )


def _picked_on_sqlite() -> sa.Select[Any]:
    """The same without LATERAL, which SQLite lacks: `json_each` over what a correlated subquery gathered keeps the
    loop over the endpoints outermost (a join would be turned round and scan every delivery). One arm per limit,
    which must be constant there.
    """
    arms = []
    for limit, quick in (("wide", True), ("narrow", False)):
        _, chosen = _candidates(sa.bindparam(limit, type_=sa.BigInteger))
        gathered = sa.select(sa.func.json_group_array(chosen.subquery().c.id)).correlate(webhook_endpoints)
        due = sa.func.json_each(gathered.scalar_subquery()).table_valued("value", name="due")
        here = one_of(webhook_endpoints.c.id, "quick")
        arms.append(
            sa.select(due.c.value.label("id"))
            .select_from(webhook_endpoints, due)
            .where(_open_endpoints(), here if quick else sa.not_(here))
        )
    both = sa.union_all(*arms).subquery()
    return sa.select(both.c.id).limit(sa.bindparam("batch", type_=sa.BigInteger))


def _claiming(picked: sa.Select[Any]) -> Statement:
    """A CTE, because a locking subquery of IN may be run more than once; `IN (SELECT ... LIMIT)` would then lease
    too many.
    """
    chosen = picked.cte("picked")
    return Statement(
        sa.update(deliveries)
        .values(
            state=LEASED,
            lease_until=sa.bindparam("until", type_=Instant()),
            lease_token=sa.bindparam("token", type_=Uuid()),
            attempts=deliveries.c.attempts + 1,
        )
        .where(deliveries.c.id.in_(sa.select(chosen.c.id)))
        .returning(deliveries.c.id)
    )


CLAIM = {"postgresql": _claiming(_picked_on_postgresql()), "sqlite": _claiming(_picked_on_sqlite())}

ANY_DUE = {
    "postgresql": Statement(
        sa.select(sa.literal_column("1"))
        .select_from(webhook_endpoints.join(_candidates(sa.literal_column("1"))[1].lateral("due"), sa.true()))
        .where(_open_endpoints())
        .limit(1)
    ),
    "sqlite": Statement(_picked_on_sqlite()),
}

ANY_LAPSED = Statement(
    sa.select(deliveries.c.id)
    .where(deliveries.c.state == LEASED, deliveries.c.lease_until <= sa.bindparam("now", type_=Instant()))
    .limit(1)
)

CLAIMED = Statement(
    sa.select(
        deliveries.c.id,
        deliveries.c.attempts,
        deliveries.c.replay_no,
        deliveries.c.event_id,
        deliveries.c.endpoint_id,
        deliveries.c.order_key,
        sa.func.coalesce(deliveries.c.released_at, deliveries.c.created_at, type_=Instant()).label("created_at"),
        events.c.type,
        events.c.body,
        webhook_endpoints.c.url,
        webhook_endpoints.c.secret_encrypted,
        webhook_endpoints.c.transport_sealed,
        TRANSPORT,
    )
    .select_from(
        deliveries.join(events, events.c.id == deliveries.c.event_id).join(
            webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id
        )
    )
    .where(one_of(deliveries.c.id, "ids"))
    .order_by(deliveries.c.event_position)
)

OPEN_ATTEMPT = Statement(
    sa.insert(attempts).values(
        id=sa.bindparam("id"),
        delivery_id=sa.bindparam("delivery_id"),
        n=sa.bindparam("n"),
        trigger=sa.bindparam("trigger"),
        started_at=sa.bindparam("started_at"),
        outcome="open",
    )
)

LAPSED = Statement(
    sa.update(deliveries)
    .values(
        state=PENDING,
        next_at=sa.bindparam("now", type_=Instant()),
        lease_until=None,
        lease_token=None,
        lane="retry",
        last_error_class="unknown",
    )
    .where(
        deliveries.c.id.in_(
            sa.select(deliveries.c.id)
            .where(deliveries.c.state == LEASED, deliveries.c.lease_until <= sa.bindparam("now", type_=Instant()))
            .with_for_update(skip_locked=True)
        )
    )
    .returning(deliveries.c.id)
)

CLOSE_OPEN = Statement(
    sa.update(attempts)
    .values(outcome="unknown", finished_at=sa.bindparam("now", type_=Instant()))
    .where(one_of(attempts.c.delivery_id, "ids"), attempts.c.outcome == "open")
)

GIVE_BACK = Statement(
    sa.update(deliveries)
    .values(state=PENDING, attempts=deliveries.c.attempts - 1, lease_until=None, lease_token=None)
    .where(
        one_of(deliveries.c.id, "ids"),
        one_of(deliveries.c.lease_token, "tokens"),
        deliveries.c.state == LEASED,
    )
    .returning(deliveries.c.id)
)

FORGET_OPEN = Statement(sa.delete(attempts).where(one_of(attempts.c.delivery_id, "ids"), attempts.c.outcome == "open"))


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed delivery and the hold on it: until when, and the token that guards every later write."""

    delivery: Delivery
    token: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Appetite:
    """How much to claim: `batch` in all; per endpoint `wide` for those in `quick`, `narrow` for others, none for
    those in `full`.
    """

    batch: int = 200
    wide: int = 32
    narrow: int = 4
    quick: Sequence[str] = ()
    full: Sequence[str] = ()

    def values(self) -> dict[str, Any]:
        """As the statements' values."""
        return {
            "batch": self.batch,
            "wide": self.wide,
            "narrow": self.narrow,
            "quick": list(self.quick),
            "full": list(self.full),
        }


async def any_due(reader: Reader, kind: str, now: datetime, appetite: Appetite) -> bool:
    """Whether a claim would find something, or a lease has run out; a reading, so that an idle worker writes
    nothing.
    """
    values = appetite.values() | {"batch": 1}
    return await reader.one(ANY_DUE[kind], now=now, **values) is not None or bool(await reader.one(ANY_LAPSED, now=now))


async def claim(writer: Writer, kind: str, now: datetime, appetite: Appetite, lease: timedelta = LEASE) -> list[Lease]:
    """Lease due deliveries and open their attempts; oldest events first. Send nothing before the transaction is
    committed.
    """
    token = new_id()
    until = now + lease
    ids = await writer.column(CLAIM[kind], now=now, until=until, token=token, **appetite.values())
    if not ids:
        return []
    leases = [Lease(_delivery(row), token, until) for row in await writer.all(CLAIMED, ids=ids)]
    await writer.many(
        OPEN_ATTEMPT,
        [
            {
                "id": held.delivery.attempt_id,
                "delivery_id": held.delivery.id,
                "n": held.delivery.number,
                "trigger": held.delivery.trigger,
                "started_at": now,
            }
            for held in leases
        ],
    )
    return leases


async def reclaim(writer: Writer, now: datetime) -> int:
    """Make deliveries pending whose lease ran out, and close their attempts as `unknown`; how many there were."""
    ids = await writer.column(LAPSED, now=now)
    if ids:
        await writer.execute(CLOSE_OPEN, ids=ids, now=now)
    return len(ids)


async def give_back(writer: Writer, leases: Sequence[Lease]) -> int:
    """Undo the claim of deliveries whose call was never begun: no attempt was made, none is counted; how many were
    still ours.
    """
    tokens = list({held.token for held in leases})
    ids = await writer.column(GIVE_BACK, ids=[held.delivery.id for held in leases], tokens=tokens)
    if ids:
        await writer.execute(FORGET_OPEN, ids=ids)
    return len(ids)


def _delivery(row: dict[str, Any]) -> Delivery:
    manual = row["replay_no"] > 0 and row["attempts"] == 1
    return Delivery(
        id=row["id"],
        attempt_id=new_id(),
        number=row["attempts"],
        trigger="test" if row["type"] == WebhookTest.type else "manual" if manual else "scheduled",
        event_id=row["event_id"],
        event_type=row["type"],
        endpoint_id=row["endpoint_id"],
        order_key=row["order_key"],
        url=row["url"],
        sealed_secrets=row["secret_encrypted"],
        body=row["body"].encode(),
        created_at=row["created_at"],
        transport=row["transport"],
        transport_sealed=row["transport_sealed"],
    )
