"""The health of endpoints, read and written in the transaction that settles their calls; breaker.py holds the rules.

A healthy endpoint is only read. Its row is written when its health changes, its last success every ten seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from service.delivery.settle.breaker import COLUMNS, Call, Health, Verdict, after
from service.events.event import Event, RecordEvent
from service.events.feed.outbox import append, event_row
from service.events.feed.sequencer import STAND_STILL
from service.events.webhooks import (
    WebhookEndpointBreakerClosed,
    WebhookEndpointBreakerOpened,
    WebhookEndpointDisabled,
    WebhookEndpointFailing,
)
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Writer
from service.framework.database.dialects import json_rows, one_of
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import instant_text
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS

FAILED_FOR_DAYS = "Every call failed for five days"
_EVENTS: dict[str, type[RecordEvent]] = {
    "opened": WebhookEndpointBreakerOpened,
    "closed": WebhookEndpointBreakerClosed,
    "failing": WebhookEndpointFailing,
}

_reading = sa.select(
    webhook_endpoints.c.id,
    webhook_endpoints.c.enabled,
    webhook_endpoints.c.concurrency,
    *(webhook_endpoints.c[name] for name in COLUMNS),
).where(one_of(webhook_endpoints.c.id, "ids"))
_READ = Statement(_reading)
_LOCK = Statement(_reading.order_by(webhook_endpoints.c.id).with_for_update(key_share=True))

_CHANGED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": Uuid(),
    "reason": sa.Text(),
    **{name: webhook_endpoints.c[name].type for name in COLUMNS},
}


def _writing(kind: str) -> Statement:
    row = json_rows("changes", _CHANGED, kind)
    c = webhook_endpoints.c
    off = sa.and_(row.c.reason.is_not(None), c.enabled.is_(sa.true()))
    return Statement(
        sa.update(webhook_endpoints)
        .values(
            {
                **{name: row.c[name] for name in COLUMNS},
                "enabled": sa.case((off, sa.false()), else_=c.enabled),
                "disabled_reason": sa.case((off, row.c.reason), else_=c.disabled_reason),
                "version": sa.case((off, c.version + 1), else_=c.version),
                "updated_at": sa.case((off, bind("now", Instant())), else_=c.updated_at),
            }
        )
        .where(c.id == row.c.id)
    )


_WRITE = {kind: _writing(kind) for kind in ("postgresql", "sqlite")}

Calls = Mapping[str, Sequence[tuple[Call, str | None]]]


@dataclass(frozen=True, slots=True)
class Change:
    """An endpoint whose health changed; with a `reason` it is turned off."""

    endpoint_id: str
    verdict: Verdict
    limit: int
    """How many calls it may have in flight at once; 0 while its deliveries wait."""
    reason: str | None = None


async def read_changes(writer: Writer, kind: str, calls: Calls, now: datetime) -> list[Change]:
    """Return the endpoints whose health the calls change, locked. Before an endpoint to be turned off is locked, the
    sequencer is stopped for the transaction, so that no delivery becomes pending for it meanwhile.
    """
    seen = await _changes(writer, _READ, sorted(calls), calls, now)
    if not seen:
        return []
    if kind == "postgresql":
        if any(change.reason for change in seen):
            await writer.value(STAND_STILL)
        return await _changes(writer, _LOCK, [change.endpoint_id for change in seen], calls, now)
    return seen


async def _changes(
    reader: Reader, statement: Statement, ids: Sequence[str], calls: Calls, now: datetime
) -> list[Change]:
    changes = []
    for row in await reader.all(statement, ids=list(ids)):
        before, own = Health.of(row), calls[row["id"]]
        verdict = after(before, [call for call, _ in own], now, row["concurrency"])
        reason = next((why for _, why in own if why), None)
        if reason is None and "given_up" in verdict.notices:
            reason = FAILED_FOR_DAYS
        if not row["enabled"]:
            reason = None
        if verdict.health != before or reason:
            waits = reason is not None or verdict.health.breaker_state in ("open", "half_open")
            limit = 0 if waits else verdict.health.limit(row["concurrency"])
            changes.append(Change(row["id"], verdict, limit, reason))
    return changes


async def write_changes(writer: Writer, kind: str, changes: Sequence[Change], now: datetime) -> None:
    """Write the health of endpoints, and turn off those with a reason."""
    if not changes:
        return
    rows = []
    for change in changes:
        health = change.verdict.health
        if change.reason:  # it starts over when it is turned on again
            health = replace(Health(), last_success_at=health.last_success_at, failing_since=health.failing_since)
        row = {name: getattr(health, name) for name in COLUMNS}
        shown = {name: instant_text(value) if isinstance(value, datetime) else value for name, value in row.items()}
        rows.append({"id": change.endpoint_id, "reason": change.reason, **shown})
    await writer.execute(_WRITE[kind], changes=rows, now=now)


async def emit_changes(writer: Writer, changes: Sequence[Change], now: datetime) -> None:
    """Append the events about endpoints. `cause.origin` is the endpoint, which does not receive them itself."""
    noticed = {change.endpoint_id: change for change in changes if change.reason or change.verdict.notices}
    if not noticed:
        return
    rows = []
    for row in await writer.all(WEBHOOK_ENDPOINTS.by_ids(), ids=list(noticed)):
        document = orjson.loads(row["document"])
        change = noticed[document["id"]]
        events: list[Event] = []
        for notice in change.verdict.notices:
            if kind := _EVENTS.get(notice):
                more: dict[str, Any] = {"percent": change.verdict.percent} if notice == "failing" else {}
                events.append(kind.of(document, None, **more))
        if change.reason:
            events.append(WebhookEndpointDisabled.of(document))
        rows += [event_row(event, now, {"kind": "delivery", "origin": event.subject_id}) for event in events]
    await append(writer, rows)
