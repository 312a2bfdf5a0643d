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

import sqlalchemy as sa

from service.delivery.claim import LEASED, PENDING, Lease
from service.delivery.destinations.base import Outcome
from service.delivery.schedule import next_attempt
from service.models.webhooks import attempts, deliveries, webhook_endpoints
from service.platform.clock import instant_text
from service.platform.columns import Instant, Json, Uuid
from service.platform.database import Writer
from service.platform.dialects import one_of
from service.platform.statements import Statement

GONE = "The receiver answered 410 Gone"
LONGEST_BODY = 16_384


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
            finished_at=sa.bindparam("now", type_=Instant()),
        )
        .where(attempts.c.id == result.c.attempt_id, attempts.c.outcome == sa.literal_column("'open'"))
    )


SETTLE = {"postgresql": _settling(_rows_on_postgresql()), "sqlite": _settling(_rows_on_sqlite())}
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
)

HOLD = Statement(
    sa.update(deliveries)
    .values(state="held")
    .where(one_of(deliveries.c.endpoint_id, "ids"), deliveries.c.state == PENDING)
)


async def settle(writer: Writer, kind: str, settlements: Sequence[Settlement], now: datetime) -> int:
    """Write a batch of results; how many deliveries were still leased to us. Turns off the endpoints that answered
    410.
    """
    results = [_row(settlement, now) for settlement in settlements]
    touched = await writer.execute(SETTLE[kind], results=results)
    await writer.execute(CLOSE[kind], results=results, now=now)
    gone = list({settled.lease.delivery.endpoint_id for settled in settlements if settled.outcome.gone})
    if gone:
        await writer.execute(TURN_OFF, ids=gone, now=now)
        await writer.execute(HOLD, ids=gone)
    return touched


def _row(settlement: Settlement, now: datetime) -> dict[str, Any]:
    outcome, delivery = settlement.outcome, settlement.lease.delivery
    return {
        "id": delivery.id,
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
    }
