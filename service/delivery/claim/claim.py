"""Taking deliveries to send, as statements: a lease with a fencing token, in order per key, any number of workers.

One statement leases a batch for endpoints that the worker owns (ownership.py): of each (endpoint, order key) only the
oldest that is still open, so that an account's events never overtake each other. The rows of the attempts are written
in the same transaction, before any call, so that a crash shows as `unknown` and not as nothing. A lease that ran out
(its worker died) makes the delivery pending again; the token makes whatever the dead worker still writes touch no row.
Not for results: settlement.py writes those.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.destinations.base import Delivery
from service.events.feed.queue import LEASED, LET_NEXT_GO, PENDING, none_before, overtaken
from service.events.webhooks import WebhookTest
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row, Writer
from service.framework.database.dialects import json_rows, one_of
from service.framework.database.statements import Statement
from service.models.events.events import events
from service.models.webhooks.endpoints import attempts, deliveries, webhook_endpoints
from service.platform.clock import instant_text
from service.platform.ids import new_id

LEASE = timedelta(seconds=40)
"""Twice the longest call: a delivery whose call is not begun in the first half is given back instead."""
FARTHEST = timedelta(seconds=120)
"""No lease and no ownership reaches farther: one that does was written by a clock that has been set back since."""
EVER = timedelta(days=3650)
LIMITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""How many of an endpoint are leased at once: SQLite wants a constant in LIMIT, so there is one arm for each."""

_e = webhook_endpoints.c
_now = bind("now", Instant())
_far = bind("far", Instant())


def in_turn(one: sa.FromClause, lane: sa.ColumnElement[str], by: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Due, and no older delivery of the same endpoint and key is still open."""
    return sa.and_(
        one.c.state == PENDING, one.c.behind.is_(sa.false()), one.c.lane == lane, one.c.next_at <= by, none_before(one)
    )


_WANTED: dict[str, sa.types.TypeEngine[Any]] = {
    "endpoint_id": Uuid(),
    "lane": sa.Text(),
    "by": Instant(),
    "most": sa.BigInteger(),
}


def _chosen(wanted: sa.FromClause, limit: Any) -> tuple[sa.FromClause, sa.Select[Any]]:
    one = deliveries.alias("one")
    query = (
        sa.select(one.c.id)
        .where(one.c.endpoint_id == _e.id, in_turn(one, wanted.c.lane, wanted.c.by))
        .order_by(one.c.next_at, one.c.event_position)
        .limit(limit)
        .correlate(webhook_endpoints, wanted)
    )
    return one, query


def _still_mine() -> sa.ColumnElement[bool]:
    me = _e.owner == bind("me", Uuid())
    return sa.and_(me, _e.enabled.is_(sa.true()), _e.deleted_at.is_(None))


def _picked_on_postgresql() -> sa.Select[Any]:
    """Endpoint by endpoint, each up to its own limit; rows that another worker holds are passed over."""
    wanted = json_rows("wanted", _WANTED, "postgresql")
    one, query = _chosen(wanted, wanted.c.most)
    due = query.with_for_update(skip_locked=True, of=one).lateral("due")
    return (
        sa.select(due.c.id)
        .select_from(wanted.join(webhook_endpoints, _e.id == wanted.c.endpoint_id).join(due, sa.true()))
        .where(_still_mine())
    )


def _picked_on_sqlite() -> Any:
    """The same without LATERAL, which SQLite lacks: `json_each` over what a correlated subquery gathered keeps the
    loop over the endpoints outermost (a join would be turned round and scan every delivery).
    """
    arms = []
    for limit in LIMITS:
        wanted = json_rows(f"wanted_{limit}", _WANTED, "sqlite")
        _, query = _chosen(wanted, sa.literal_column(str(limit)))
        gathered = sa.select(sa.func.json_group_array(query.subquery().c.id)).correlate(webhook_endpoints, wanted)
        due = sa.func.json_each(gathered.scalar_subquery()).table_valued("value", name="due")
        arms.append(
            sa.select(due.c.value.label("id"))
            .select_from(wanted, webhook_endpoints, due)
            .where(_e.id == wanted.c.endpoint_id, _still_mine())
        )
    return sa.union_all(*arms)


def _claiming(picked: Any) -> Statement:
    """A CTE, because a locking subquery of IN may be run more than once; `IN (SELECT ... LIMIT)` would then lease
    too many.
    """
    chosen = picked.cte("picked")
    return Statement(
        sa.update(deliveries)
        .values(
            state=LEASED,
            lease_until=bind("until", Instant()),
            lease_token=bind("token", Uuid()),
            attempts=deliveries.c.attempts + 1,
        )
        .where(deliveries.c.id.in_(sa.select(chosen.c.id)))
        .returning(deliveries.c.id)
    )


CLAIM = {"postgresql": _claiming(_picked_on_postgresql()), "sqlite": _claiming(_picked_on_sqlite())}

_lapsed = sa.and_(
    deliveries.c.state == LEASED, sa.or_(deliveries.c.lease_until <= _now, deliveries.c.lease_until > _far)
)
ANY_LAPSED = Statement(sa.select(deliveries.c.id).where(_lapsed).limit(1))

CLAIMED = Statement(
    sa.select(
        deliveries.c.id,
        deliveries.c.attempts,
        deliveries.c.probes,
        deliveries.c.replay_no,
        deliveries.c.event_id,
        deliveries.c.endpoint_id,
        deliveries.c.order_key,
        sa.func.coalesce(deliveries.c.released_at, deliveries.c.created_at, type_=Instant()).label("created_at"),
        events.c.type,
        events.c.body,
    )
    .select_from(deliveries.join(events, events.c.id == deliveries.c.event_id))
    .where(one_of(deliveries.c.id, "ids"))
    .order_by(deliveries.c.event_position)
)

_OPENED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": Uuid(),
    "delivery_id": Uuid(),
    "n": sa.BigInteger(),
    "trigger": sa.Text(),
}


def _opening(kind: str) -> Statement:
    made = json_rows("opened", _OPENED, kind)
    columns = [*made.c, bind("now", Instant()), sa.literal_column("'open'")]
    return Statement(
        sa.insert(attempts).from_select(
            [*_OPENED, "started_at", "outcome"], sa.select(*columns).where(sa.true()), include_defaults=False
        )
    )


OPEN_ATTEMPTS = {kind: _opening(kind) for kind in ("postgresql", "sqlite")}

_overtaken = overtaken()
LAPSED = Statement(
    sa.update(deliveries)
    .values(
        state=sa.case((_overtaken, sa.literal_column("'superseded'")), else_=PENDING),
        finished_at=sa.case((_overtaken, _now), else_=deliveries.c.finished_at),
        next_at=_now,
        lease_until=None,
        lease_token=None,
        lane="retry",
        last_error_class="unknown",
    )
    .where(deliveries.c.id.in_(sa.select(deliveries.c.id).where(_lapsed).with_for_update(skip_locked=True)))
    .returning(deliveries.c.id, deliveries.c.state, deliveries.c.endpoint_id, deliveries.c.order_key)
)

CLOSE_OPEN = Statement(
    sa.update(attempts)
    .values(outcome="unknown", finished_at=_now)
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


@dataclass(slots=True)
class Lease:
    """A claimed delivery and the hold on it: until when, and the token that guards every later write."""

    delivery: Delivery
    token: str
    until: datetime
    begin_by: float = float("inf")
    """Monotonic seconds after which its call could outlive the lease."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many deliveries (1 to 512) of an endpoint, in one of its lanes; a probe takes one whose time has not come."""

    endpoint: Row
    lane: str
    most: int

    @property
    def is_probe(self) -> bool:
        """Whether the endpoint's breaker is open: then a single delivery asks whether it is back."""
        return self.endpoint["breaker_state"] in ("open", "half_open")


async def any_lapsed(reader: Reader, now: datetime, farthest: timedelta = FARTHEST) -> bool:
    """Whether a lease has run out."""
    return await reader.value(ANY_LAPSED, now=now, far=now + farthest) is not None


async def claim(
    writer: Writer, kind: str, me: str, wanted: Sequence[Wanted], now: datetime, lease: timedelta = LEASE
) -> list[Lease]:
    """Lease deliveries of endpoints that the worker owns and open their attempts; oldest events first. Send nothing
    before the transaction is committed.
    """
    token, until = new_id(), now + lease
    ids = await writer.column(CLAIM[kind], now=now, until=until, token=token, me=me, **_rows(kind, wanted, now))
    if not ids:
        return []
    endpoints = {each.endpoint["id"]: each for each in wanted}
    leases = [
        Lease(_delivery(row, endpoints[row["endpoint_id"]]), token, until) for row in await writer.all(CLAIMED, ids=ids)
    ]
    opened = [
        {"id": one.attempt_id, "delivery_id": one.id, "n": one.number, "trigger": one.trigger}
        for one in (held.delivery for held in leases)
    ]
    await writer.execute(OPEN_ATTEMPTS[kind], opened=opened, now=now)
    return leases


def _rows(kind: str, wanted: Iterable[Wanted], now: datetime) -> dict[str, Any]:
    rows: dict[int, list[Row]] = {limit: [] for limit in LIMITS}
    for each in wanted:
        limit = max(limit for limit in LIMITS if limit <= each.most)
        rows[limit].append(
            {
                "endpoint_id": each.endpoint["id"],
                "lane": each.lane,
                "by": instant_text(now + EVER if each.is_probe else now),
                "most": limit,
            }
        )
    if kind == "postgresql":
        return {"wanted": [row for some in rows.values() for row in some]}
    return {f"wanted_{limit}": some for limit, some in rows.items()}


async def reclaim(writer: Writer, kind: str, now: datetime, farthest: timedelta = FARTHEST) -> int:
    """Make deliveries pending whose lease ran out (superseded, when a newer one of their family waits: the next of
    their line goes), and close their attempts as `unknown`; how many there were.
    """
    rows = await writer.all(LAPSED, now=now, far=now + farthest)
    if rows:
        await writer.execute(CLOSE_OPEN, ids=[row["id"] for row in rows], now=now)
    over = {(row["endpoint_id"], row["order_key"]) for row in rows if row["state"] != "pending"}
    if over:
        await writer.execute(LET_NEXT_GO[kind], lines=[{"endpoint_id": one, "order_key": key} for one, key in over])
    return len(rows)


async def give_back(writer: Writer, leases: Sequence[Lease]) -> int:
    """Undo the claim of deliveries whose call was never begun: no attempt was made, none is counted; how many were
    still ours.
    """
    tokens = list({held.token for held in leases})
    ids = await writer.column(GIVE_BACK, ids=[held.delivery.id for held in leases], tokens=tokens)
    if ids:
        await writer.execute(FORGET_OPEN, ids=ids)
    return len(ids)


def _delivery(row: Row, wanted: Wanted) -> Delivery:
    endpoint = wanted.endpoint
    manual = row["replay_no"] > 0 and row["attempts"] == 1
    if wanted.is_probe:
        trigger = "probe"
    else:
        trigger = "test" if row["type"] == WebhookTest.type else "manual" if manual else "scheduled"
    return Delivery(
        id=row["id"],
        attempt_id=new_id(),
        number=row["attempts"],
        probes=row["probes"],
        trigger=trigger,  # type: ignore[arg-type]
        event_id=row["event_id"],
        event_type=row["type"],
        endpoint_id=row["endpoint_id"],
        order_key=row["order_key"],
        blocks=endpoint["on_exhausted"] == "block" and endpoint["ordering"] != "none",
        in_line=endpoint["ordering"] != "none",
        url=endpoint["url"],
        sealed_secrets=endpoint["secret_encrypted"],
        timeout=endpoint["timeout_seconds"],
        body=row["body"].encode(),
        created_at=row["created_at"],
        transport=endpoint["transport"],
        transport_sealed=endpoint["transport_sealed"],
    )
