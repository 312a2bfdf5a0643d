"""The results of attempts, written back: one statement for the deliveries and one for the attempts of a whole batch.

The lease's token guards every row: when another worker has reclaimed a delivery, a late result changes nothing.
`decide` holds the rules for one delivery (2xx is success, 410 turns the endpoint off, everything else is tried again
until the schedule ends). It is pure, as are the rules for an endpoint (breaker.py), whose health is written in the same
transaction (health.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import orjson
import sqlalchemy as sa

from service.delivery.claim.claim import Lease, let_next_go
from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.settle.breaker import Call
from service.delivery.settle.health import Change, emit_changes, read_changes, write_changes
from service.delivery.settle.schedule import next_attempt, retry_after
from service.events.catalogue import catalogue
from service.events.event import Event
from service.events.feed.outbox import append, event_row
from service.events.feed.queue import HOLD, LEASED, PENDING, superseded_by_newer
from service.events.webhooks import DeliveryExhausted, DeliveryRecovered, OperatorEvent
from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.database import Writer
from service.framework.database.dialects import json_rows
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import attempts, deliveries
from service.platform.clock import instant_text
from service.queries.webhooks.endpoints import DELIVERIES

GONE = "The receiver answered 410 Gone"
ASKED = "The receiver asked for it (webhook-delivery: disable)"
LONGEST_BODY = 16_384
ENDED = ("succeeded", "dead", "superseded")
"""The states in which a delivery stays, so that the next one behind it is released."""
RECOVERED_AFTER = 3
"""A delivery that succeeds after more than this many failed attempts emits `delivery.recovered`."""
_CATALOGUE = catalogue()


@dataclass(slots=True)
class Settlement:
    """The result of one attempt: the delivery's next state (pending, succeeded, dead, blocked or held), the time of its
    next attempt, and the pause that the receiver wants.
    """

    lease: Lease
    outcome: Outcome
    state: str
    next_at: datetime | None = None
    pause: timedelta | None = None


def decide(
    lease: Lease, outcome: Outcome, now: datetime, random: Callable[[], float] = SystemRandom().random
) -> Settlement:
    """Decide what follows from an outcome. A 410 turns the endpoint off and holds the delivery. A failed probe does not
    count against the schedule. `webhook-delivery: abort-message` gives the delivery up at once, and a record that was
    refused by the endpoint's `success` is dead at once, also where others would wait for it.
    """
    if outcome.kind == "ok":
        return Settlement(lease, outcome, "succeeded")
    if outcome.gone:
        return Settlement(lease, outcome, "held")
    if outcome.kind == "refused":
        return Settlement(lease, outcome, "dead")
    delivery = lease.delivery
    given_up = "blocked" if delivery.blocks else "dead"
    pause = retry_after(outcome.retry_after, now)
    if outcome.control == "abort-message":
        return Settlement(lease, outcome, given_up, pause=pause)
    if delivery.trigger == "probe":
        return Settlement(lease, outcome, "pending", now + pause if pause else None, pause)
    at = next_attempt(
        delivery.number - delivery.probes,
        now=now,
        created_at=delivery.created_at,
        retry_after_header=outcome.retry_after,
        random=random,
    )
    return Settlement(lease, outcome, given_up if at is None else "pending", at, pause)


_RESULTS: dict[str, sa.types.TypeEngine[Any]] = {
    "id": Uuid(),
    "token": Uuid(),
    "state": sa.Text(),
    "probed": sa.BigInteger(),
    "next_at": Instant(),
    "finished_at": Instant(),
    "error": sa.Text(),
}
_ANSWERS: dict[str, sa.types.TypeEngine[Any]] = {
    "attempt_id": Uuid(),
    "outcome": sa.Text(),
    "status": sa.BigInteger(),
    "duration_ms": sa.BigInteger(),
    "headers": Json(),
    "body": sa.Text(),
    "request": Json(),
    "signing_key_ids": Json(),
}


def _settling(result: sa.FromClause) -> Statement:
    superseded = sa.and_(result.c.state == PENDING, deliveries.c.family.is_not(None), superseded_by_newer())
    return Statement(
        sa.update(deliveries)
        .values(
            state=sa.case((superseded, sa.literal_column("'superseded'")), else_=result.c.state),
            next_at=sa.func.coalesce(result.c.next_at, deliveries.c.next_at),
            finished_at=sa.case((superseded, bind("now", Instant())), else_=result.c.finished_at),
            last_error_class=result.c.error,
            probes=deliveries.c.probes + result.c.probed,
            lane=sa.case((result.c.state == PENDING, sa.literal_column("'retry'")), else_=deliveries.c.lane),
            lease_until=None,
            lease_token=None,
        )
        .where(
            deliveries.c.id == result.c.id,
            deliveries.c.lease_token == result.c.token,
            deliveries.c.state == LEASED,
        )
        .returning(deliveries.c.id, deliveries.c.state, deliveries.c.endpoint_id, deliveries.c.order_key)
    )


def _closing(result: sa.FromClause) -> Statement:
    return Statement(
        sa.update(attempts)
        .values(
            outcome=result.c.outcome,
            status=result.c.status,
            duration_ms=result.c.duration_ms,
            response_headers=result.c.headers,
            response_body=result.c.body,
            request=result.c.request,
            signing_key_ids=result.c.signing_key_ids,
            finished_at=bind("now", Instant()),
        )
        .where(attempts.c.id == result.c.attempt_id, attempts.c.outcome == sa.literal_column("'open'"))
    )


_KINDS = ("postgresql", "sqlite")
SETTLE = {kind: _settling(json_rows("results", _RESULTS, kind)) for kind in _KINDS}
CLOSE = {kind: _closing(json_rows("answers", _ANSWERS, kind)) for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class Settled:
    """The effect of a batch of results: how many leases still held, and the endpoints whose health changed."""

    touched: int
    changes: Sequence[Change] = ()


async def settle(writer: Writer, kind: str, settlements: Sequence[Settlement], now: datetime) -> Settled:
    """Write a batch of results and the health of their endpoints. Turn off the endpoints that answered 410 or only
    failed for five days, release the next deliveries behind those that ended, and emit events for operators.
    """
    results = [_row(settlement, now) for settlement in settlements]
    # endpoints before their deliveries: the order in which a change of an endpoint locks them
    changes = await read_changes(writer, kind, _calls(settlements), now)
    await write_changes(writer, kind, changes, now)
    rows = await writer.all(SETTLE[kind], results=results, now=now)
    touched = {row["id"] for row in rows}
    await writer.execute(CLOSE[kind], answers=[_answer(settlement) for settlement in settlements], now=now)
    ordered = {each.lease.delivery.id for each in settlements if each.lease.delivery.is_ordered}
    await let_next_go(writer, kind, [row for row in rows if row["state"] in ENDED and row["id"] in ordered])
    off = [change.endpoint_id for change in changes if change.reason]
    if off:
        await writer.execute(HOLD, endpoints=off)
    await emit_changes(writer, changes, now)
    await _emit(writer, [each for each in settlements if each.lease.delivery.id in touched], now)
    return Settled(len(touched), changes)


def _calls(settlements: Sequence[Settlement]) -> dict[str, list[tuple[Call, str | None]]]:
    """Return the calls of each endpoint in order, each with its reason to turn the endpoint off, if any."""
    calls: dict[str, list[tuple[Call, str | None]]] = {}
    for each in settlements:
        delivery, outcome = each.lease.delivery, each.outcome
        reason = None if not outcome.gone else GONE if outcome.status == 410 else ASKED
        call = Call(outcome.kind == "ok", delivery.event_id, each.pause, outcome.refuses_record)
        calls.setdefault(delivery.endpoint_id, []).append((call, reason))
    return calls


def _is_reported(delivery: Delivery) -> bool:
    """Whether the end of a delivery emits an event: not when the delivery carried an operator event itself."""
    return not issubclass(_CATALOGUE.get(delivery.event_type, Event), OperatorEvent)


async def _emit(writer: Writer, settlements: Sequence[Settlement], now: datetime) -> None:
    """Append the events about deliveries. `cause.origin` is the endpoint, which does not receive them itself."""
    kinds: dict[str, type[DeliveryExhausted] | type[DeliveryRecovered]] = {}
    for each in settlements:
        delivery = each.lease.delivery
        if each.state in ("dead", "blocked"):
            if _is_reported(delivery):
                kinds[delivery.id] = DeliveryExhausted
        elif each.state == "succeeded" and delivery.number > RECOVERED_AFTER and _is_reported(delivery):
            kinds[delivery.id] = DeliveryRecovered
    if not kinds:
        return
    rows = []
    for row in await writer.all(DELIVERIES.by_ids(), ids=list(kinds)):
        document = orjson.loads(row["document"])
        event: Event = kinds[document["id"]](document["id"], 1, {"delivery": document})
        rows.append(event_row(event, now, {"kind": "delivery", "origin": document["endpoint_id"]}))
    await append(writer, rows)


def _row(settlement: Settlement, now: datetime) -> dict[str, Any]:
    outcome, delivery = settlement.outcome, settlement.lease.delivery
    return {
        "id": delivery.id,
        "token": settlement.lease.token,
        "state": settlement.state,
        "probed": int(delivery.trigger == "probe" and settlement.state == "pending"),
        "next_at": instant_text(settlement.next_at) if settlement.next_at else None,
        "finished_at": instant_text(now) if settlement.state in ENDED else None,
        "error": None if outcome.kind == "ok" else outcome.kind,
    }


def _answer(settlement: Settlement) -> dict[str, Any]:
    outcome = settlement.outcome
    return {
        "attempt_id": settlement.lease.delivery.attempt_id,
        "outcome": outcome.kind,
        "status": outcome.status,
        "duration_ms": outcome.duration_ms,
        "headers": outcome.headers,
        "body": outcome.body[:LONGEST_BODY] if outcome.body is not None else None,
        "request": outcome.request,
        "signing_key_ids": outcome.signing_key_ids,
    }
