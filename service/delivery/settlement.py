"""What came of attempts, written back: one statement for the deliveries and one for the attempts of a whole batch.

Every row is guarded by the lease's token: when another worker has taken a delivery over meanwhile, a late result
touches nothing. `judge` holds the rules (2xx is success, 410 ends the endpoint, everything else is tried again until
the schedule ends); it is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import Any

import orjson
import sqlalchemy as sa

from service.delivery.claim import Lease
from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.schedule import next_attempt
from service.events.catalogue import catalogue
from service.events.event import Event
from service.events.operator_events import DeliveryExhausted, OperatorEvent, WebhookEndpointDisabled
from service.events.outbox import append, event_row
from service.events.turns import HOLD, LEASED, PENDING, first_behind, locked
from service.models.webhooks import attempts, deliveries, webhook_endpoints
from service.platform.clock import instant_text
from service.platform.columns import Instant, Json, Uuid
from service.platform.database import Writer
from service.platform.dialects import one_of
from service.platform.statements import Statement
from service.queries.webhooks import DELIVERIES, WEBHOOK_ENDPOINTS

GONE = "The receiver answered 410 Gone"
LONGEST_BODY = 16_384
_CATALOGUE = catalogue()


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of one attempt: the delivery's next state (pending, succeeded, dead or held), and when it is tried
    again if it is.
    """

    lease: Lease
    outcome: Outcome
    state: str
    next_at: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether nothing follows by itself."""
        return self.state in ("succeeded", "dead")


def judge(
    lease: Lease, outcome: Outcome, now: datetime, random: Callable[[], float] = SystemRandom().random
) -> Settlement:
    """What follows from an outcome. The endpoint of a 410 is turned off and keeps its deliveries, held."""
    if outcome.kind == "ok":
        return Settlement(lease, outcome, "succeeded")
    if outcome.gone:
        return Settlement(lease, outcome, "held")
    delivery = lease.delivery
    at = next_attempt(
        delivery.number, now=now, created_at=delivery.created_at, asked=outcome.retry_after, random=random
    )
    return Settlement(lease, outcome, "dead" if at is None else "pending", at)


_RESULTS: dict[str, sa.types.TypeEngine[Any]] = {
    "id": Uuid(),
    "endpoint_id": Uuid(),
    "order_key": sa.Text(),
    "token": Uuid(),
    "state": sa.Text(),
    "next_at": Instant(),
    "finished_at": Instant(),
    "attempt_id": Uuid(),
    "outcome": sa.Text(),
    "error": sa.Text(),
    "status": sa.BigInteger(),
    "duration_ms": sa.BigInteger(),
    "headers": Json(),
    "body": sa.Text(),
    "request": Json(),
    "signing_key_ids": Json(),
}


def _rows_on_postgresql() -> sa.FromClause:
    rows = sa.func.jsonb_to_recordset(sa.bindparam("results", type_=Json()))
    columns = [sa.column(name, kind) for name, kind in _RESULTS.items()]
    return rows.table_valued(*columns).render_derived(name="result", with_types=True)


def _rows_on_sqlite() -> sa.FromClause:
    each = sa.func.json_each(sa.bindparam("results", type_=Json())).table_valued("value", name="each")
    return sa.select(
        *(
            sa.type_coerce(sa.func.json_extract(each.c.value, sa.literal_column(f"'$.{name}'")), kind).label(name)
            for name, kind in _RESULTS.items()
        )
    ).subquery("result")


def _settling(result: sa.FromClause) -> Statement:
    return Statement(
        sa.update(deliveries)
        .values(
            state=result.c.state,
            next_at=sa.func.coalesce(result.c.next_at, deliveries.c.next_at),
            finished_at=result.c.finished_at,
            last_error_class=result.c.error,
            lane=sa.case((result.c.state == PENDING, sa.literal_column("'retry'")), else_=deliveries.c.lane),
            lease_until=None,
            lease_token=None,
        )
        .where(
            deliveries.c.id == result.c.id,
            deliveries.c.lease_token == result.c.token,
            deliveries.c.state == LEASED,
        )
        .returning(deliveries.c.id)
    )


def _letting_next_go(result: sa.FromClause) -> Statement:
    following = first_behind(result.c.endpoint_id, result.c.order_key, of=result).label("id")
    ended = result.c.state.in_([sa.literal_column("'succeeded'"), sa.literal_column("'dead'")])
    heads = sa.select(following).select_from(result).where(ended).cte("heads")
    mine = locked(sa.select(heads.c.id))
    return Statement(sa.update(deliveries).values(behind=False).where(deliveries.c.id.in_(sa.select(mine.c.id))))


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
            finished_at=sa.bindparam("now", type_=Instant()),
        )
        .where(attempts.c.id == result.c.attempt_id, attempts.c.outcome == sa.literal_column("'open'"))
    )


SETTLE = {"postgresql": _settling(_rows_on_postgresql()), "sqlite": _settling(_rows_on_sqlite())}
LET_NEXT_GO = {"postgresql": _letting_next_go(_rows_on_postgresql()), "sqlite": _letting_next_go(_rows_on_sqlite())}
CLOSE = {"postgresql": _closing(_rows_on_postgresql()), "sqlite": _closing(_rows_on_sqlite())}

TURN_OFF = Statement(
    sa.update(webhook_endpoints)
    .values(
        enabled=False,
        disabled_reason=GONE,
        version=webhook_endpoints.c.version + 1,
        updated_at=sa.bindparam("now", type_=Instant()),
    )
    .where(one_of(webhook_endpoints.c.id, "ids"), webhook_endpoints.c.enabled.is_(sa.true()))
    .returning(webhook_endpoints.c.id)
)


async def settle(writer: Writer, kind: str, settlements: Sequence[Settlement], now: datetime) -> int:
    """Write a batch of results; how many deliveries were still leased to us. Turns off the endpoints that answered
    410, lets the next of each key go, and tells of endpoints turned off and deliveries given up.
    """
    results = [_row(settlement, now) for settlement in settlements]
    gone = sorted({settled.lease.delivery.endpoint_id for settled in settlements if settled.outcome.gone})
    # first the endpoints, then their deliveries: in the order in which a change of an endpoint locks
    turned_off = await writer.column(TURN_OFF, ids=gone, now=now) if gone else []
    touched = set(await writer.column(SETTLE[kind], results=results))
    await writer.execute(CLOSE[kind], results=results, now=now)
    if any(settled.final for settled in settlements):
        await writer.execute(LET_NEXT_GO[kind], results=results)
    if gone:
        await writer.execute(HOLD, endpoints=gone)
    given_up = [
        settled.lease.delivery.id
        for settled in settlements
        if settled.state == "dead" and settled.lease.delivery.id in touched and _is_told(settled.lease.delivery)
    ]
    await _tell(writer, turned_off, given_up, now)
    return len(touched)


def _is_told(delivery: Delivery) -> bool:
    """Whether an event tells that this delivery was given up: not when it carried such an event itself."""
    return not issubclass(_CATALOGUE.get(delivery.event_type, Event), OperatorEvent)


async def _tell(writer: Writer, turned_off: Sequence[str], given_up: Sequence[str], now: datetime) -> None:
    """Append the operator events of a settlement; `cause.origin` is the endpoint, which does not get them itself."""
    rows = []
    if turned_off:
        for row in await writer.all(WEBHOOK_ENDPOINTS.by_ids(), ids=list(turned_off)):
            event: Event = WebhookEndpointDisabled.of(orjson.loads(row["document"]))
            rows.append(event_row(event, now, {"kind": "delivery", "origin": event.subject_id}))
    if given_up:
        for row in await writer.all(DELIVERIES.by_ids(), ids=list(given_up)):
            document = orjson.loads(row["document"])
            event = DeliveryExhausted(document["id"], 1, {"delivery": document})
            rows.append(event_row(event, now, {"kind": "delivery", "origin": document["endpoint_id"]}))
    await append(writer, rows)


def _row(settlement: Settlement, now: datetime) -> dict[str, Any]:
    outcome, delivery = settlement.outcome, settlement.lease.delivery
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "order_key": delivery.order_key,
        "token": settlement.lease.token,
        "state": settlement.state,
        "next_at": instant_text(settlement.next_at) if settlement.next_at else None,
        "finished_at": instant_text(now) if settlement.final else None,
        "attempt_id": delivery.attempt_id,
        "outcome": outcome.kind,
        "error": None if outcome.kind == "ok" else outcome.kind,
        "status": outcome.status,
        "duration_ms": outcome.duration_ms,
        "headers": outcome.headers,
        "body": outcome.body[:LONGEST_BODY] if outcome.body is not None else None,
        "request": outcome.request,
        "signing_key_ids": outcome.signing_key_ids,
    }
