"""Enable and disable a webhook endpoint, and choose what happens to the deliveries that were held meanwhile."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.feed.queue import HELD, HOLD, OPEN
from service.events.webhooks import WebhookEndpointDisabled, WebhookEndpointEnabled
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries
from service.models.webhooks.pace import WebhookEndpointDisable, WebhookEndpointEnable
from service.platform.ids import new_id
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Context, operation, refuse
from service.records.rows import Expected, change, lock
from service.records.webhooks.endpoints import HEALTHY, consent_columns, delivering, release, stand_still
from service.records.webhooks.subscriptions import check_change, check_sight

KIND = "webhook endpoint"
MOST_REPLAYED = 10_000
"""The highest number of deliveries that enabling an endpoint replays. A longer replay is a job."""

_DROP = Statement(
    sa.update(deliveries)
    .values(state="canceled", finished_at=bind("now", Instant()))
    .where(deliveries.c.endpoint_id == bind("endpoint_id", Uuid()), deliveries.c.state == HELD)
)
_c = deliveries.c
_other = deliveries.alias("other")
_same_event = sa.and_(_other.c.endpoint_id == _c.endpoint_id, _other.c.event_id == _c.event_id)
_last = sa.select(sa.func.max(_other.c.replay_no)).where(_same_event).correlate(deliveries).scalar_subquery()
_on_the_way = sa.exists().where(_same_event, _other.c.state.in_([*OPEN, HELD])).correlate(deliveries)
_TO_REPLAY = Statement(
    sa.select(
        _c.event_id,
        _c.event_position,
        sa.func.max(_last).label("replay_no"),
        sa.func.min(_c.order_key).label("order_key"),
        sa.func.max(_c.family).label("family"),
    )
    .where(
        _c.endpoint_id == bind("endpoint_id", Uuid()),
        _c.created_at >= bind("since", Instant()),
        _c.state.in_([sa.literal_column(f"'{state}'") for state in ("succeeded", "dead", "canceled")]),
        sa.not_(_on_the_way),
    )
    .group_by(_c.event_id, _c.event_position)
    .order_by(_c.event_position)
    .limit(MOST_REPLAYED + 1)
)
"""One row for each event that was sent to the endpoint since `since`, with the queue of its first delivery: the least
`order_key`, because the keys of replays sort after it. Events with an open or held delivery are left out: that delivery
is released anyway.
"""
_COPIED = ("event_id", "event_position", "order_key", "family")
_REPLAY = delivering("replay_no", *_COPIED, state="held", behind=False, lane="retry")


@operation
async def enable_webhook_endpoint(
    ctx: Context, identifier: str, data: WebhookEndpointEnable, expected: Expected = None
) -> Resource:
    """Enable a webhook endpoint. `held` decides on the deliveries that were held while it was disabled: `resume` sends
    them in their order, `drop` cancels them, `replay` sends them and again every event that was sent since `since`,
    with the same event ids (10,000 at most).

    Its circuit breaker is closed. An endpoint with a handshake asks its receiver for consent again. An endpoint whose
    owner's API key expired or was revoked becomes the caller's. Raises NotFound, StaleVersion, Invalid, Forbidden.
    """
    if (data.held == "replay") != (data.since is not None):
        raise refuse("/since", "since_with_replay", "Give since with held=replay, and only then")
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        await stand_still(tx)
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        if before.data["enabled"] and data.held == "resume":
            return tx.answer(before, "unchanged")
        if data.held == "drop":
            await tx.execute(_DROP, endpoint_id=identifier, now=tx.now)
        elif data.held == "replay":
            events = await tx.all(_TO_REPLAY, endpoint_id=identifier, since=data.since)
            if len(events) > MOST_REPLAYED:
                raise refuse("/since", "too_many", f"More than {MOST_REPLAYED} events. Choose a later instant")
            rows = [
                {**row, "id": new_id(), "replay_no": row["replay_no"] + 1, "endpoint_id": identifier, "now": tx.now}
                for row in events
            ]
            if rows:
                await tx.many(_REPLAY, rows)
        await release(tx, identifier)
        changes: dict[str, Any] = {"enabled": True}
        changes |= await check_change(tx, ctx.principal, before, changes)
        changes |= consent_columns(before.data, changes, ctx.services.settings.public_url, tx.now)
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {**changes, "disabled_reason": None, **HEALTHY})
        tx.emit(WebhookEndpointEnabled.of(after.data, None, held=data.held))
        return tx.answer(after)


@operation
async def disable_webhook_endpoint(
    ctx: Context, identifier: str, data: WebhookEndpointDisable, expected: Expected = None
) -> Resource:
    """Disable a webhook endpoint. Its deliveries are held until it is enabled; none is lost. Raises NotFound,
    StaleVersion, and Forbidden for an endpoint of another key that takes event types which this key may not read.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        await stand_still(tx)
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        if not before.data["enabled"]:
            return tx.answer(before, "unchanged")
        await check_sight(tx.reader, ctx.principal, before.data, tx.now)
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {"enabled": False, "disabled_reason": data.reason})
        await tx.execute(HOLD, endpoints=[identifier])
        tx.emit(WebhookEndpointDisabled.of(after.data))
        return tx.answer(after)
