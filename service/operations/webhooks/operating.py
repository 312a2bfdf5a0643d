"""Operating webhook endpoints: calling one at once, what came of its deliveries, and canceling one of them."""

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

_d, _w = deliveries.c, webhook_endpoints.c
_this = _d.id == bind("id", Uuid())
_LOCK = Statement(sa.select(_d.state, _d.endpoint_id, _d.order_key).where(_this).with_for_update())
_CANCEL = Statement(
    sa.update(deliveries).values(state="canceled", behind=False, finished_at=bind("now", Instant())).where(_this)
)
_TO_CALL = Statement(
    sa.select(_w.url, _w.secret_encrypted, _w.transport_sealed, TRANSPORT).where(
        _w.id == bind("id", Uuid()), _w.deleted_at.is_(None)
    )
)


async def ping_webhook_endpoint(ctx: Context, identifier: str) -> Resource:
    """Call an endpoint now, with a signed webhook.test, and say what came of it: status, duration, what went wrong.

    The call is made beside the deliveries: it is no event of the feed, it is not repeated, and it is made to endpoints
    that are turned off too. Raises NotFound, and RateLimited after five calls in short order.
    """
    endpoint = await _endpoint(ctx, identifier)
    event = WebhookTest(identifier, endpoint.version, {"webhook_endpoint": endpoint.data})
    told = event_row(event, ctx.services.clock.now(), {**ctx.cause, "key_id": ctx.principal.id})
    return await _call(ctx, endpoint, told["id"], event.type, told["body"].encode())


async def send_webhook_example(ctx: Context, identifier: str, data: WebhookExample) -> Resource:
    """Call an endpoint now with an example of an event, signed and in the endpoint's format like a real one, and say
    what came of it. The example is no event of the feed; its `cause.kind` is example. Raises NotFound, Invalid for a
    type that does not exist, RateLimited.
    """
    endpoint = await _endpoint(ctx, identifier)
    if data.event_type not in catalogue():
        raise refuse("/event_type", "unknown_event_type", "There is no such event type; see /v1/event-types")
    now = ctx.services.clock.now()
    told = {**example(data.event_type), "id": new_id(now), "timestamp": instant_text(now)}
    told["cause"] = {"kind": "example", "origin": None, "key_id": ctx.principal.id, "request_id": ctx.request_id}
    return await _call(ctx, endpoint, told["id"], data.event_type, orjson.dumps(told))


async def _endpoint(ctx: Context, identifier: str) -> Resource:
    async with ctx.reading(Permission.WEBHOOK_WRITE, fresh=True) as reader:
        return await require(reader, WEBHOOK_ENDPOINTS, identifier, KIND)


async def _call(ctx: Context, endpoint: Resource, event_id: str, event_type: str, body: bytes) -> Resource:
    probe = ctx.services.probe
    if probe is None:
        raise Unavailable("This process makes no calls")
    if endpoint.data["handshake"] and endpoint.data["consent"]["state"] != "given":
        raise Conflict("The receiver has not consented to being called: see the endpoint's consent")
    async with ctx.reading(Permission.WEBHOOK_WRITE, fresh=True) as reader:
        row = await reader.one(_TO_CALL, id=endpoint.id)
    if row is None:
        raise NotFound(KIND)
    outcome: dict[str, Any] = await probe(endpoint.id, row, event_id, event_type, body)
    document = {"endpoint_id": endpoint.id, "event_id": event_id, "event_type": event_type, **outcome}
    return Resource(1, orjson.dumps(document), "called")


async def get_webhook_stats(ctx: Context, identifier: str) -> dict[str, Any]:
    """How an endpoint is doing: its deliveries by state, how long the oldest waits, and over the last hour, day and
    week how many attempts succeeded and how long calls took. Raises NotFound.
    """
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        found = await stats(reader, identifier, ctx.services.clock.now())
    if found is None:
        raise NotFound(KIND)
    return found


@operation
async def cancel_delivery(ctx: Context, identifier: str) -> Resource:
    """Give up a delivery that waits, is held or blocks its line: the next of its line goes. Raises NotFound, or
    Conflict while it is being sent and when it has ended; canceling twice changes nothing.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        row = await tx.one(_LOCK, id=identifier)
        if row is None:
            raise NotFound(DELIVERY)
        if row["state"] == "canceled":
            return tx.answer(await require(tx.reader, DELIVERIES, identifier, DELIVERY), "unchanged")
        if row["state"] == "leased":
            raise Conflict("This delivery is being sent")
        if row["state"] not in ("pending", "held", "blocked"):
            raise Conflict("This delivery has ended")
        await tx.execute(_CANCEL, id=identifier, now=tx.now)
        line = {"endpoint_id": row["endpoint_id"], "order_key": row["order_key"]}
        await tx.execute(RELEASE_NEXT[tx.database_kind], lines=[line])
        return tx.answer(await require(tx.reader, DELIVERIES, identifier, DELIVERY), "canceled")
