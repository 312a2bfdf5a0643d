"""What came of attempts, written back: one statement for the deliveries and one for the attempts of a whole batch.

Every row is guarded by the lease's token: when another worker has taken a delivery over meanwhile, a late result
touches nothing. `judge` holds the rules for one delivery (2xx is success, 410 ends the endpoint, everything else is
tried again until the schedule ends); it is pure, as are those for the endpoint (breaker.py), whose health is written in
the same transaction (health.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

import orjson
import sqlalchemy as sa

from service.delivery.claim.claim import Lease
from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.settle.breaker import Call
from service.delivery.settle.health import Change, read_changes, tell_changes, write_changes
from service.delivery.settle.schedule import next_attempt, retry_after
from service.events.catalogue import catalogue
from service.events.event import Event
from service.events.feed.outbox import append, event_row
from service.events.feed.queue import HOLD, LEASED, LET_NEXT_GO, PENDING, overtaken
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
"""Nothing follows by itself, and the next of the line may go."""
RECOVERED_AFTER = 3
"""Arriving after so many failed attempts is told."""
_CATALOGUE = catalogue()


@dataclass(slots=True)
class Settlement:
    """The end of one attempt: the delivery's next state (pending, succeeded, dead, blocked or held), and when it is
    tried again if it is.
    """

    lease: Lease
    outcome: Outcome
    state: str
    next_at: datetime | None = None
    asked: timedelta | None = None

    @property
    def final(self) -> bool:
        """Whether nothing follows by itself."""
        return self.state in ENDED


def judge(
    lease: Lease, outcome: Outcome, now: datetime, random: Callable[[], float] = SystemRandom().random
) -> Settlement:
    """What follows from an outcome. The endpoint of a 410 is turned off and keeps its deliveries, held. A probe that
    failed does not count against the schedule; `webhook-delivery: abort-message` gives up at once.
    """
    if outcome.kind == "ok":
        return Settlement(lease, outcome, "succeeded")
    if outcome.gone:
        return Settlement(lease, outcome, "held")
    delivery = lease.delivery
    given_up = "blocked" if delivery.blocks else "dead"
    asked = retry_after(outcome.retry_after, now)
    if outcome.control == "abort-message":
        return Settlement(lease, outcome, given_up, asked=asked)
    if delivery.trigger == "probe":
        return Settlement(lease, outcome, "pending", now + asked if asked else None, asked)
    at = next_attempt(
        delivery.number - delivery.probes,
        now=now,
        created_at=delivery.created_at,
        asked=outcome.retry_after,
        random=random,
    )
    return Settlement(lease, outcome, given_up if at is None else "pending", at, asked)


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
    superseded = sa.and_(result.c.state == PENDING, deliveries.c.family.is_not(None), overtaken())
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
    """What a batch of results did: how many deliveries were still ours, and the endpoints whose health changed."""

    touched: int
    changes: Sequence[Change] = ()


async def settle(writer: Writer, kind: str, settlements: Sequence[Settlement], now: datetime) -> Settled:
    """Write a batch of results and what they mean for their endpoints: turns off those that answered 410 or have only
    failed for days, lets the next of each line go, and tells what operators should know.
    """
    results = [_row(settlement, now) for settlement in settlements]
    # first the endpoints, then their deliveries: in the order in which a change of an endpoint locks
    changes = await read_changes(writer, kind, _calls(settlements), now)
    await write_changes(writer, kind, changes, now)
    rows = await writer.all(SETTLE[kind], results=results, now=now)
    touched = {row["id"] for row in rows}
    await writer.execute(CLOSE[kind], answers=[_answer(settlement) for settlement in settlements], now=now)
    in_line = {settled.lease.delivery.id for settled in settlements if settled.lease.delivery.in_line}
    ended = [row for row in rows if row["state"] in ENDED and row["id"] in in_line]
    lines = {(row["endpoint_id"], row["order_key"]) for row in ended}
    if lines:
        await writer.execute(LET_NEXT_GO[kind], lines=[{"endpoint_id": one, "order_key": key} for one, key in lines])
    off = [change.endpoint_id for change in changes if change.reason]
    if off:
        await writer.execute(HOLD, endpoints=off)
    await tell_changes(writer, changes, now)
    await _tell(writer, [settled for settled in settlements if settled.lease.delivery.id in touched], now)
    return Settled(len(touched), changes)


def _calls(settlements: Sequence[Settlement]) -> dict[str, list[tuple[Call, str | None]]]:
    """The calls of each endpoint in order, each with the reason to turn it off, if there is one."""
    calls: dict[str, list[tuple[Call, str | None]]] = {}
    for settled in settlements:
        delivery, outcome = settled.lease.delivery, settled.outcome
        reason = None if not outcome.gone else GONE if outcome.status == 410 else ASKED
        call = Call(outcome.kind == "ok", delivery.event_id, settled.asked)
        calls.setdefault(delivery.endpoint_id, []).append((call, reason))
    return calls


def _is_told(delivery: Delivery) -> bool:
    """Whether an event tells that this delivery was given up: not when it carried such an event itself."""
    return not issubclass(_CATALOGUE.get(delivery.event_type, Event), OperatorEvent)


async def _tell(writer: Writer, settlements: Sequence[Settlement], now: datetime) -> None:
    """Append the events about deliveries; `cause.origin` is the endpoint, which does not get them itself."""
    told: dict[str, type[DeliveryExhausted] | type[DeliveryRecovered]] = {}
    for settled in settlements:
        delivery = settled.lease.delivery
        if settled.state in ("dead", "blocked"):
            if _is_told(delivery):
                told[delivery.id] = DeliveryExhausted
        elif settled.state == "succeeded" and delivery.number > RECOVERED_AFTER and _is_told(delivery):
            told[delivery.id] = DeliveryRecovered
    if not told:
        return
    rows = []
    for row in await writer.all(DELIVERIES.by_ids(), ids=list(told)):
        document = orjson.loads(row["document"])
        event: Event = told[document["id"]](document["id"], 1, {"delivery": document})
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
        "finished_at": instant_text(now) if settlement.final else None,
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
