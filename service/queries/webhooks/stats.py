"""The statistics of an endpoint in two statements: its deliveries by state, its attempts by outcome and duration.

Both read open deliveries and the last seven days only, so they stay fast for as long as an endpoint lives. Percentiles
are exact: attempts come grouped by duration, of which there are few.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.events.feed.queue import BLOCKED, HELD, LEASED, OPEN, PENDING
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import attempts, deliveries, webhook_endpoints
from service.platform.clock import instant_text

HOURS = (1, 24, 168)
_LONGEST_LIFE = timedelta(days=5)
"""The time after which a delivery is given up: older deliveries have no attempts in the last seven days."""

_of_endpoint = deliveries.c.endpoint_id == bind("id", Uuid())
_since, _made = (bind(name, Instant()) for name in ("since", "made"))
_ENDED = ("succeeded", "dead", "superseded", "canceled")


def _by_state(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select the state, the number of deliveries and the earliest due time, grouped by state."""
    chosen = sa.select(
        deliveries.c.state, sa.func.count().label("number"), sa.func.min(deliveries.c.next_at).label("at")
    )
    return chosen.where(_of_endpoint, *conditions).group_by(deliveries.c.state)


_STATES = Statement(
    sa.union_all(
        sa.select(
            sa.literal_column("'endpoint'", sa.Text).label("state"),
            sa.literal_column("1", sa.BigInteger).label("number"),
            webhook_endpoints.c.last_success_at.label("at"),
        ).where(webhook_endpoints.c.id == bind("id", Uuid()), webhook_endpoints.c.deleted_at.is_(None)),
        _by_state(deliveries.c.state.in_(OPEN), deliveries.c.state.in_([PENDING, LEASED, BLOCKED])),
        _by_state(deliveries.c.state == HELD),
        _by_state(
            deliveries.c.created_at >= _since,
            deliveries.c.state.in_([sa.literal_column(f"'{state}'") for state in _ENDED]),
        ),
    )
)
_SLOT = sa.case(
    (attempts.c.started_at >= bind("hour", Instant()), sa.literal_column("1")),
    (attempts.c.started_at >= bind("day", Instant()), sa.literal_column("24")),
    else_=sa.literal_column("168"),
)
_ATTEMPTS = Statement(
    sa.select(
        sa.type_coerce(_SLOT, sa.BigInteger).label("slot"),
        attempts.c.outcome,
        attempts.c.duration_ms,
        sa.func.count().label("number"),
        sa.func.max(attempts.c.started_at).label("last"),
    )
    .select_from(deliveries.join(attempts, attempts.c.delivery_id == deliveries.c.id))
    .where(
        _of_endpoint,
        deliveries.c.created_at >= _made,
        attempts.c.started_at >= _since,
        attempts.c.outcome != sa.literal_column("'open'"),
    )
    .group_by(sa.literal_column("1"), sa.literal_column("2"), sa.literal_column("3"))
)


async def stats(reader: Reader, identifier: str, now: datetime) -> dict[str, Any] | None:
    """Return the document of an endpoint's statistics, or None when there is no such endpoint."""
    since = {hours: now - timedelta(hours=hours) for hours in HOURS}
    states = {row["state"]: row for row in await reader.all(_STATES, id=identifier, since=since[168])}
    if "endpoint" not in states:
        return None
    made = since[168] - _LONGEST_LIFE
    grouped = await reader.all(_ATTEMPTS, id=identifier, since=since[168], made=made, hour=since[1], day=since[24])
    due = states["pending"]["at"] if "pending" in states else None
    failed = [row["last"] for row in grouped if row["outcome"] != "ok"]
    succeeded = states["endpoint"]["at"]
    return {
        "endpoint_id": identifier,
        **{
            state: states[state]["number"] if state in states else 0
            for state in ("pending", "leased", "blocked", "held", *_ENDED)
        },
        "oldest_pending_seconds": 0 if due is None else max(0, int((now - due).total_seconds())),
        "last_success_at": instant_text(succeeded) if succeeded else _latest(grouped, "ok"),
        "last_failure_at": instant_text(max(failed)) if failed else None,
        "windows": [_window(hours, [row for row in grouped if row["slot"] <= hours]) for hours in HOURS],
    }


def _latest(grouped: Iterable[Row], outcome: str) -> str | None:
    found = [row["last"] for row in grouped if row["outcome"] == outcome]
    return instant_text(max(found)) if found else None


def _window(hours: int, grouped: list[Row]) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    durations: Counter[int] = Counter()
    for row in grouped:
        outcomes[row["outcome"]] += row["number"]
        if row["duration_ms"] is not None and row["outcome"] in ("ok", "http", "refused"):
            durations[row["duration_ms"]] += row["number"]
    total, succeeded = outcomes.total(), outcomes["ok"]
    return {
        "hours": hours,
        "attempts": total,
        "succeeded": succeeded,
        "success_rate": round(succeeded / total, 6) if total else None,
        **{f"p{share}_ms": percentile(durations, share) for share in (50, 95, 99)},
        "by_outcome": [{"outcome": name, "attempts": outcomes[name]} for name in sorted(outcomes)],
    }


def percentile(durations: Counter[int], share: int) -> int | None:
    """Return the duration that `share` of 100 durations do not exceed (nearest rank), or None without durations."""
    rank = math.ceil(durations.total() * share / 100)
    for duration in sorted(durations):
        rank -= durations[duration]
        if rank <= 0:
            return duration
    return None
