"""Leases of deliveries, as statements: with a fencing token, in order per key, for any number of workers.

One statement leases a batch for endpoints that the worker owns (ownership.py): for each endpoint and order key only the
oldest open delivery, so that an account's events keep their order. The rows of the attempts are written in the same
transaction, before any call, so that a crash leaves an attempt `unknown` instead of no trace. When a lease runs out
because its worker died, the delivery is pending again; the token keeps late writes of that worker from touching it.
settlement.py writes the results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.destinations.base import Delivery
from service.events.feed.queue import LEASED, PENDING, RELEASE_NEXT, none_before, superseded_by_newer
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
"""Twice the longest call: a delivery whose call does not start in the first half is returned unsent."""
FARTHEST = timedelta(seconds=120)
"""The longest lease or ownership: one that ends later was written before the clock was set back."""
EVER = timedelta(days=3650)
LIMITS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""How many deliveries of an endpoint are leased at once. SQLite needs constants in LIMIT, so each has its own arm."""

_endpoints = webhook_endpoints.c
_now = bind("now", Instant())
_far = bind("far", Instant())


def is_next(one: sa.FromClause, lane: sa.ColumnElement[str], by: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a delivery is due and no older one of the same endpoint and order key is open."""
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
        .where(one.c.endpoint_id == _endpoints.id, is_next(one, wanted.c.lane, wanted.c.by))
        .order_by(one.c.next_at, one.c.event_position)
        .limit(limit)
        .correlate(webhook_endpoints, wanted)
    )
    return one, query


def _is_owned() -> sa.ColumnElement[bool]:
    me = _endpoints.owner == bind("me", Uuid())
    return sa.and_(me, _endpoints.enabled.is_(sa.true()), _endpoints.deleted_at.is_(None))


def _picked_on_postgresql() -> sa.Select[Any]:
    """Each endpoint's due deliveries up to its own limit, without rows that another worker has locked."""
    wanted = json_rows("wanted", _WANTED, "postgresql")
    one, query = _chosen(wanted, wanted.c.most)
    due = query.with_for_update(skip_locked=True, of=one).lateral("due")
    return (
        sa.select(due.c.id)
        .select_from(wanted.join(webhook_endpoints, _endpoints.id == wanted.c.endpoint_id).join(due, sa.true()))
        .where(_is_owned())
    )


def _picked_on_sqlite() -> Any:
    """The same without LATERAL, which SQLite lacks. `json_each` over the result of a correlated subquery keeps the loop
    over the endpoints outermost; SQLite would reorder a join and scan every delivery.
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
            .where(_endpoints.id == wanted.c.endpoint_id, _is_owned())
        )
    return sa.union_all(*arms)


def _claiming(picked: Any) -> Statement:
    """Use a CTE, because PostgreSQL may run a locking subquery of IN more than once: `IN (SELECT ... LIMIT)` would then
    lease too many.
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

_superseded = superseded_by_newer()
LAPSED = Statement(
    sa.update(deliveries)
    .values(
        state=sa.case((_superseded, sa.literal_column("'superseded'")), else_=PENDING),
        finished_at=sa.case((_superseded, _now), else_=deliveries.c.finished_at),
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

RETURN_UNSENT = Statement(
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
    """A leased delivery, with the end of the lease and the token that guards every later write."""

    delivery: Delivery
    token: str
    until: datetime
    begin_by: float = float("inf")
    """Monotonic seconds after which its call could outlive the lease."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Up to `most` deliveries (1 to 512) to lease in one lane of an endpoint. A probe also takes one not yet due."""

    endpoint: Row
    lane: str
    most: int

    @property
    def is_probe(self) -> bool:
        """Whether the endpoint's breaker is open, so that a single delivery tests the endpoint."""
        return self.endpoint["breaker_state"] in ("open", "half_open")


async def any_lapsed(reader: Reader, now: datetime, farthest: timedelta = FARTHEST) -> bool:
    """Whether any lease has run out."""
    return await reader.value(ANY_LAPSED, now=now, far=now + farthest) is not None


async def claim(
    writer: Writer, kind: str, me: str, wanted: Sequence[Wanted], now: datetime, lease: timedelta = LEASE
) -> list[Lease]:
    """Lease deliveries of endpoints that the worker `me` owns, oldest events first, and open their attempts. The caller
    sends them after the transaction is committed.
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
        {"id": each.attempt_id, "delivery_id": each.id, "n": each.number, "trigger": each.trigger}
        for each in (lease.delivery for lease in leases)
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
    """Make deliveries pending whose lease ran out, or superseded when a newer one of their family is pending. Close
    their attempts as `unknown`, and release the next delivery behind a superseded one. Return how many there were.
    """
    rows = await writer.all(LAPSED, now=now, far=now + farthest)
    if rows:
        await writer.execute(CLOSE_OPEN, ids=[row["id"] for row in rows], now=now)
    await let_next_go(writer, kind, [row for row in rows if row["state"] != "pending"])
    return len(rows)


async def let_next_go(writer: Writer, kind: str, ended: Iterable[Row]) -> None:
    """Release the next delivery behind each of these, which have ended."""
    keys = {(row["endpoint_id"], row["order_key"]) for row in ended}
    if keys:
        await writer.execute(RELEASE_NEXT[kind], lines=[{"endpoint_id": one, "order_key": key} for one, key in keys])


async def return_unsent(writer: Writer, leases: Sequence[Lease]) -> int:
    """Undo the claim of deliveries whose call never started: their attempts are deleted and not counted. Return how
    many of the leases were still valid.
    """
    tokens = list({lease.token for lease in leases})
    ids = await writer.column(RETURN_UNSENT, ids=[lease.delivery.id for lease in leases], tokens=tokens)
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
        is_ordered=endpoint["ordering"] != "none",
        url=endpoint["url"],
        sealed_secrets=endpoint["secret_encrypted"],
        timeout=endpoint["timeout_seconds"],
        body=row["body"].encode(),
        created_at=row["created_at"],
        transport=endpoint["transport"],
        transport_sealed=endpoint["transport_sealed"],
    )
