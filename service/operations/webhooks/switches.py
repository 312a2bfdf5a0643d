"""Turning a webhook endpoint on and off, with a choice of what becomes of the deliveries it missed."""

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
from service.records.webhooks.endpoints import ANEW, consent_columns, delivering, release, stand_still
from service.records.webhooks.subscriptions import check_change

KIND = "webhook endpoint"
MOST_REPLAYED = 10_000
"""A longer replay is a job of its own: see the endpoint's replay."""

_DROP = Statement(
    sa.update(deliveries)
    .values(state="canceled", finished_at=bind("now", Instant()))
    .where(deliveries.c.endpoint_id == bind("endpoint_id", Uuid()), deliveries.c.state == HELD)
)
_d, _other = deliveries.c, deliveries.alias("other")
_same_event = sa.and_(_other.c.endpoint_id == _d.endpoint_id, _other.c.event_id == _d.event_id)
_last = sa.select(sa.func.max(_other.c.replay_no)).where(_same_event).correlate(deliveries).scalar_subquery()
_on_its_way = sa.exists().where(_same_event, _other.c.state.in_([*OPEN, HELD])).correlate(deliveries)
_TO_REPLAY = Statement(
    sa.select(
        _d.event_id,
        _d.event_position,
        sa.func.max(_last).label("replay_no"),
        sa.func.min(_d.order_key).label("order_key"),
        sa.func.max(_d.family).label("family"),
    )
    .where(
        _d.endpoint_id == bind("endpoint_id", Uuid()),
        _d.created_at >= bind("since", Instant()),
        _d.state.in_([sa.literal_column(f"'{state}'") for state in ("succeeded", "dead", "canceled")]),
        sa.not_(_on_its_way),
    )
    .group_by(_d.event_id, _d.event_position)
    .order_by(_d.event_position)
    .limit(MOST_REPLAYED + 1)
)
"""Each event once, whatever it was sent for, with its own line (those of replays come later in the alphabet); one that
is on its way already goes out by itself.
"""
_COPIED = ("event_id", "event_position", "order_key", "family")
_REPLAY = delivering("replay_no", *_COPIED, state="held", behind=False, lane="retry")


@operation
async def enable_webhook_endpoint(
    ctx: Context, identifier: str, data: WebhookEndpointEnable, expected: Expected = None
) -> Resource:
    """Turn an endpoint on. What was held meanwhile goes out in its order (`resume`), is canceled (`drop`), or goes out
    together with everything sent since `since`, again and under the same event ids (`replay`, 10,000 at most). Its
    breaker is closed, a receiver that is asked for its consent is asked anew, and an endpoint whose owner's key is gone
    becomes the caller's. Raises NotFound, StaleVersion, Invalid.
    """
    if (data.held == "replay") != (data.since is not None):
        raise refuse("/since", "since_with_replay", "Belongs to replay, which needs it")
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        await stand_still(tx)
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        if before.data["enabled"] and data.held == "resume":
            return tx.answer(before, "unchanged")
        if data.held == "drop":
            await tx.execute(_DROP, endpoint_id=identifier, now=tx.now)
        elif data.held == "replay":
            found = await tx.all(_TO_REPLAY, endpoint_id=identifier, since=data.since)
            if len(found) > MOST_REPLAYED:
                raise refuse("/since", "too_many", f"More than {MOST_REPLAYED} deliveries since then")
            rows = [
                {**row, "id": new_id(), "replay_no": row["replay_no"] + 1, "endpoint_id": identifier, "now": tx.now}
                for row in found
            ]
            if rows:
                await tx.many(_REPLAY, rows)
        await release(tx, identifier)
        changes: dict[str, Any] = {"enabled": True}
        changes |= await check_change(tx, ctx.principal, before, changes)
        changes |= consent_columns(before.data, changes, ctx.services.settings.public_url, tx.now)
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {**changes, "disabled_reason": None, **ANEW})
        tx.emit(WebhookEndpointEnabled.of(after.data, None, held=data.held))
        return tx.answer(after)


@operation
async def disable_webhook_endpoint(
    ctx: Context, identifier: str, data: WebhookEndpointDisable, expected: Expected = None
) -> Resource:
    """Turn an endpoint off: its deliveries are held, none is lost. Raises NotFound, StaleVersion."""
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        await stand_still(tx)
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        if not before.data["enabled"]:
            return tx.answer(before, "unchanged")
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {"enabled": False, "disabled_reason": data.reason})
        await tx.execute(HOLD, endpoints=[identifier])
        tx.emit(WebhookEndpointDisabled.of(after.data))
        return tx.answer(after)
