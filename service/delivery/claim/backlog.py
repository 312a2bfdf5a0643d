"""Gauges of the queue of deliveries: how many are in each state, and the age of the oldest that is due."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from service.events.feed.queue import BLOCKED, HELD, LEASED, OPEN, PENDING
from service.framework.database.database import Reader
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries, webhook_endpoints

_LIVE = (webhook_endpoints.c.enabled.is_(sa.true()), webhook_endpoints.c.deleted_at.is_(None))
_PENDING = Statement(
    sa.select(sa.func.count().label("number"), sa.func.min(deliveries.c.next_at).label("oldest"))
    .select_from(deliveries.join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id))
    .where(deliveries.c.state.in_(OPEN), deliveries.c.state == PENDING, *_LIVE)
)
_OTHERS = {
    "kam_deliveries_leased": Statement(
        sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == LEASED)
    ),
    "kam_deliveries_blocked": Statement(
        sa.select(sa.func.count())
        .select_from(deliveries)
        .where(deliveries.c.state.in_(OPEN), deliveries.c.state == BLOCKED)
    ),
    "kam_deliveries_held": Statement(
        sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == HELD)
    ),
}
_BREAKERS = Statement(
    sa.select(webhook_endpoints.c.breaker_state, sa.func.count().label("number"))
    .where(*_LIVE)
    .group_by(webhook_endpoints.c.breaker_state)
)

GAUGES = {
    "kam_delivery_oldest_pending_seconds": "How long the oldest delivery that is due has been waiting",
    "kam_deliveries_pending": "Deliveries to enabled endpoints that are not under way, retries included",
    "kam_deliveries_leased": "Deliveries that a worker is sending or is about to send",
    "kam_deliveries_blocked": "Deliveries that were given up and keep their line waiting",
    "kam_deliveries_held": "Deliveries held because their endpoint is turned off",
    "kam_endpoints_breaker_closed": "Enabled endpoints that are called as usual",
    "kam_endpoints_breaker_open": "Enabled endpoints that wait for a probe",
    "kam_endpoints_breaker_half_open": "Enabled endpoints that are being probed",
    "kam_endpoints_breaker_slow_start": "Enabled endpoints that are being let back in",
}


async def backlog(reader: Reader, now: datetime) -> dict[str, float]:
    """Return the value of every gauge."""
    values = dict.fromkeys(GAUGES, 0.0)
    pending = await reader.one(_PENDING) or {"number": 0, "oldest": None}
    values["kam_deliveries_pending"] = pending["number"]
    if pending["oldest"] is not None:
        values["kam_delivery_oldest_pending_seconds"] = max(0.0, (now - pending["oldest"]).total_seconds())
    for name, statement in _OTHERS.items():
        values[name] = await reader.value(statement)
    for row in await reader.all(_BREAKERS):
        values[f"kam_endpoints_breaker_{row['breaker_state']}"] = row["number"]
    return values
