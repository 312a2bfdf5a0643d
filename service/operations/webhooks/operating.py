"""Operate webhook endpoints: call one at once, read its statistics, cancel a delivery."""

from __future__ import annotations

from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.catalogue import catalogue
from service.events.examples import example
from service.events.feed.outbox import event_row
from service.events.feed.queue import RELEASE_NEXT
from service.events.webhooks import WebhookTest
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.models.webhooks.operating import WebhookExample
from service.platform.clock import instant_text
from service.platform.errors import Conflict, NotFound, Unavailable
from service.platform.ids import new_id
from service.queries.webhooks.endpoints import DELIVERIES, TRANSPORT, WEBHOOK_ENDPOINTS
from service.queries.webhooks.stats import stats
from service.records.context import Context, operation, refuse
from service.records.rows import require
from service.records.webhooks.endpoints import KIND

DELIVERY = "webhook delivery"

_deliveries, _endpoints = deliveries.c, webhook_endpoints.c
_this = _deliveries.id == bind("id", Uuid())
_LOCK = Statement(
    sa.select(_deliveries.state, _deliveries.endpoint_id, _deliveries.order_key).where(_this).with_for_update()
)
_CANCEL = Statement(
    sa.update(deliveries).values(state="canceled", behind=False, finished_at=bind("now", Instant())).where(_this)
)
_TO_CALL = Statement(
    sa.select(_endpoints.url, _endpoints.secret_encrypted, _endpoints.transport_sealed, TRANSPORT).where(
        _endpoints.id == bind("id", Uuid()), _endpoints.deleted_at.is_(None)
    )
)


async def ping_webhook_endpoint(ctx: Context, identifier: str) -> Resource:
    """Call an endpoint at once with a signed `webhook.test` event and return the outcome: status, duration and error.

    The call is not a delivery: the event is not in the feed, and a failed call is not repeated. Disabled endpoints are
    called too. Raises NotFound, Conflict while the receiver has not given its consent, and RateLimited after five calls
    in short order.
    """
    endpoint = await _endpoint(ctx, identifier)
    event = WebhookTest(identifier, endpoint.version, {"webhook_endpoint": endpoint.data})
    row = event_row(event, ctx.services.clock.now(), {**ctx.cause, "key_id": ctx.principal.id})
    return await _call(ctx, endpoint, row["id"], event.type, row["body"].encode())


async def send_webhook_example(ctx: Context, identifier: str, data: WebhookExample) -> Resource:
    """Call an endpoint at once with an example of an event type and return the outcome. The example is signed and has
    the endpoint's format. It is not in the feed, and its `cause.kind` is example. Raises NotFound, Invalid for an event
    type that does not exist, Conflict while the receiver has not given its consent, RateLimited.
    """
    endpoint = await _endpoint(ctx, identifier)
    if data.event_type not in catalogue():
        raise refuse(
            "/event_type", "unknown_event_type", f'"{data.event_type}" is not an event type. See /v1/event-types'
        )
    now = ctx.services.clock.now()
    payload = {**example(data.event_type), "id": new_id(now), "timestamp": instant_text(now)}
    payload["cause"] = {"kind": "example", "origin": None, "key_id": ctx.principal.id, "request_id": ctx.request_id}
    return await _call(ctx, endpoint, payload["id"], data.event_type, orjson.dumps(payload))


async def _endpoint(ctx: Context, identifier: str) -> Resource:
    async with ctx.reading(Permission.WEBHOOK_WRITE, fresh=True) as reader:
        return await require(reader, WEBHOOK_ENDPOINTS, identifier, KIND)


async def _call(ctx: Context, endpoint: Resource, event_id: str, event_type: str, body: bytes) -> Resource:
    probe = ctx.services.probe
    if probe is None:
        raise Unavailable("This process makes no webhook calls")
    if endpoint.data["handshake"] and endpoint.data["consent"]["state"] != "given":
        raise Conflict("The receiver has not given its consent yet. See the endpoint's consent")
    async with ctx.reading(Permission.WEBHOOK_WRITE, fresh=True) as reader:
        row = await reader.one(_TO_CALL, id=endpoint.id)
    if row is None:
        raise NotFound(KIND)
    outcome: dict[str, Any] = await probe(endpoint.id, row, event_id, event_type, body)
    document = {"endpoint_id": endpoint.id, "event_id": event_id, "event_type": event_type, **outcome}
    return Resource(1, orjson.dumps(document), "called")


async def get_webhook_stats(ctx: Context, identifier: str) -> dict[str, Any]:
    """Read an endpoint's statistics: its deliveries by state, how long the oldest one has been due, and for the last
    hour, day and week the rate of attempts that succeeded and the durations of calls. Raises NotFound.
    """
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        found = await stats(reader, identifier, ctx.services.clock.now())
    if found is None:
        raise NotFound(KIND)
    return found


@operation
async def cancel_delivery(ctx: Context, identifier: str) -> Resource:
    """Cancel a delivery that waits, is held or blocks its queue. The next delivery of its queue is released. Canceling
    a canceled delivery changes nothing. Raises NotFound, and Conflict while the delivery is being sent or when it has
    ended.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        row = await tx.one(_LOCK, id=identifier)
        if row is None:
            raise NotFound(DELIVERY)
        if row["state"] == "canceled":
            return tx.answer(await require(tx.reader, DELIVERIES, identifier, DELIVERY), "unchanged")
        if row["state"] == "leased":
            raise Conflict("The delivery is being sent")
        if row["state"] not in ("pending", "held", "blocked"):
            raise Conflict(f"The delivery has ended ({row['state']})")
        await tx.execute(_CANCEL, id=identifier, now=tx.now)
        queue = {"endpoint_id": row["endpoint_id"], "order_key": row["order_key"]}
        await tx.execute(RELEASE_NEXT[tx.database_kind], lines=[queue])
        return tx.answer(await require(tx.reader, DELIVERIES, identifier, DELIVERY), "canceled")
