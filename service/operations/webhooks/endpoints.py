"""Webhook endpoints: create, change, delete and test them, read their deliveries, send a delivery again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.feed.queue import CANCEL, HOLD
from service.events.feed.sequencer import sequence
from service.events.webhooks import WebhookTest
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import ConstraintViolated, Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.framework.outbound.addresses import AddressPolicy, Blocked
from service.framework.outbound.signing_keys import fresh
from service.models.webhooks.endpoints import WebhookEndpointCreate, deliveries, webhook_endpoints
from service.platform.errors import Conflict, NotFound
from service.platform.ids import new_id
from service.platform.settings import Settings
from service.platform.types import Shape
from service.queries.webhooks.endpoints import ATTEMPTS, DELIVERIES, WEBHOOK_ENDPOINTS
from service.records.context import Context, Transaction, operation, refuse, violated
from service.records.rows import Expected, change, differing, insert, lock, require, require_live
from service.records.webhooks.endpoints import (
    HEALTHY,
    KIND,
    SEALED,
    check_secret,
    consent_columns,
    delivering,
    release,
    sealed_ring,
    shown_once,
    stand_still,
    without_ended,
)
from service.records.webhooks.subscriptions import (
    OWNERLESS,
    check_change,
    check_paths,
    check_patterns,
    check_sight,
    stored_filter,
    turn_off_ownerless,
)
from service.records.webhooks.transport import MEMBERS, Transport, check_credentials_stay

DELIVERY = "webhook delivery"

_TO_RETRY = Statement(
    sa.select(
        deliveries.c.event_id,
        deliveries.c.event_position,
        deliveries.c.endpoint_id,
        deliveries.c.order_key,
        deliveries.c.state,
        webhook_endpoints.c.enabled,
        webhook_endpoints.c.deleted_at,
    )
    .select_from(deliveries.join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id))
    .where(deliveries.c.id == bind("id", Uuid()))
    .with_for_update(of=deliveries)
)
_LAST_REPLAY = Statement(
    sa.select(sa.func.max(deliveries.c.replay_no)).where(
        deliveries.c.event_id == bind("event_id", Uuid()),
        deliveries.c.endpoint_id == bind("endpoint_id", Uuid()),
    )
)
_COPIED = ("event_id", "event_position", "order_key")
_RETRY = delivering("replay_no", *_COPIED, state="pending", behind=False, lane="first")
_SEND_NOW = Statement(
    sa.update(deliveries)
    .values(state="pending", next_at=bind("now", Instant()))
    .where(deliveries.c.id == bind("id", Uuid()))
)


def address_policy(settings: Settings) -> AddressPolicy:
    """Return which URLs webhooks may call by the settings. The service's own public host is never among them."""
    own = {urlsplit(settings.public_url).hostname or ""} - {""} if settings.public_url else set()
    return AddressPolicy.of(settings.webhook_allowed_networks, own)


async def list_webhook_endpoints(ctx: Context, request: PageRequest) -> Page:
    """List a page of webhook endpoints, without their secrets."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await WEBHOOK_ENDPOINTS.page(reader, request, ctx.cursors)


async def get_webhook_endpoint(ctx: Context, identifier: str) -> Resource:
    """Read a webhook endpoint, without its secret. Raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await require(reader, WEBHOOK_ENDPOINTS, identifier, KIND)


@operation
async def create_webhook_endpoint(ctx: Context, data: WebhookEndpointCreate) -> Resource:
    """Create a webhook endpoint. Events that happen from now on are sent to its URL. The answer shows its secret; no
    later answer does. Raises Invalid for a URL that may not be called or an event type that does not exist, Forbidden
    for event types of which the key may read none.
    """
    ctx.require(Permission.WEBHOOK_WRITE)
    await sequence(ctx.services.database, ctx.services.clock)  # earlier events are not sent
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        values = {name: getattr(data, name) for name in WebhookEndpointCreate.model_fields}
        values["filter"] = stored_filter(data.filter)
        _check(ctx.services.settings, values)
        values |= _transport(ctx, tx).columns(values)
        values |= consent_columns(None, values, ctx.services.settings.public_url, tx.now)
        check_secret(data.secret, data.signature_kind)
        keys = fresh(data.signature_kind, tx.now, values.pop("secret"))
        sealed = sealed_ring(ctx.services.secrets, keys)
        check_patterns(ctx.principal, data.event_types)
        check_paths(values)
        stored = {**values, "disabled_reason": None, "secret_encrypted": sealed, "created_by": ctx.principal.id}
        return tx.answer(shown_once(await insert(tx, WEBHOOK_ENDPOINTS, stored), keys), "created")


@operation
async def update_webhook_endpoint(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change the given members of a webhook endpoint. While it is disabled its deliveries are held; enabled again, it
    gets them in their order. A new `url` with another host, port or scheme needs the credentials (`auth`) and the
    `headers` again. Raises NotFound, StaleVersion, Invalid, and Forbidden for an endpoint of another key that takes
    event types which this key may not read.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        if "enabled" in patch.given():
            await stand_still(tx)
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        given = patch.given()
        if "filter" in given:
            given["filter"] = stored_filter(given["filter"], before.data["filter"])
        changes = differing(before.data, {name: value for name, value in given.items() if name not in MEMBERS})
        sealed = await tx.one(SEALED, id=identifier) or {}
        if not MEMBERS.isdisjoint(given):
            changes |= _transport(ctx, tx).columns(given, before.data, sealed.get("transport_sealed"))
        if not changes:
            return tx.answer(before, "unchanged")
        _check(ctx.services.settings, changes)
        check_credentials_stay(before.data, given)
        check_patterns(ctx.principal, changes.get("event_types", []))
        if not changes.keys().isdisjoint(("event_types", "changed", "body_map")):
            check_paths({**before.data, **changes})
        changes |= await check_change(tx, ctx.principal, before, changes)
        changes |= consent_columns(before.data, changes, ctx.services.settings.public_url, tx.now)
        changes |= without_ended(ctx.services.secrets, sealed["secret_encrypted"], tx.now)
        if "enabled" in changes:
            changes |= {"disabled_reason": None, **(HEALTHY if changes["enabled"] else {})}
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, changes)
        if "enabled" in changes:
            await _switch(tx, identifier, on=changes["enabled"])
        return tx.answer(after)


async def _switch(tx: Transaction, identifier: str, *, on: bool) -> None:
    if on:
        await release(tx, identifier)
    else:
        await tx.execute(HOLD, endpoints=[identifier])


@operation
async def delete_webhook_endpoint(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Delete a webhook endpoint. Deliveries that wait are canceled; past deliveries stay readable. Raises NotFound,
    StaleVersion, and Forbidden for an endpoint of another key that takes event types which this key may not read.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        before = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        await check_sight(tx.reader, ctx.principal, before.data, tx.now)
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {"deleted_at": tx.now})
        await tx.execute(CANCEL, endpoint_id=identifier, now=tx.now)
        return tx.answer(after, "deleted")


@operation
async def send_webhook_test(ctx: Context, identifier: str) -> Resource:
    """Send a `webhook.test` event to one endpoint as an ordinary delivery. Raises NotFound, and Conflict when the
    endpoint is disabled.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = await require(tx.reader, WEBHOOK_ENDPOINTS, identifier, KIND)
        if not endpoint.data["enabled"]:
            raise Conflict("The endpoint is disabled. Enable it before sending a test")
        event_id = tx.emit(WebhookTest(identifier, endpoint.version, {"webhook_endpoint": endpoint.data}))
        return tx.answer(Resource(1, orjson.dumps({"event_id": event_id, "endpoint_id": identifier})), "accepted")


async def list_deliveries(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of an endpoint's deliveries, newest first. Raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        await require_live(reader, WEBHOOK_ENDPOINTS, identifier, KIND)
        return await DELIVERIES.page(reader, request, ctx.cursors, where={"endpoint_id": identifier})


async def get_delivery(ctx: Context, identifier: str) -> Resource:
    """Read a delivery. Raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await require(reader, DELIVERIES, identifier, DELIVERY)


async def list_attempts(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of a delivery's attempts, in the order they were made. Raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        await require(reader, DELIVERIES, identifier, DELIVERY)
        return await ATTEMPTS.page(reader, request, ctx.cursors, where={"delivery_id": identifier})


@operation
async def retry_delivery(ctx: Context, identifier: str) -> Resource:
    """Send an event to its endpoint again, as a new delivery with the same event id. A delivery that waits for its next
    attempt or blocks its queue is sent now instead. Raises NotFound, and Conflict while the delivery is being sent or
    is held, or when its endpoint is deleted or disabled.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        row = await tx.one(_TO_RETRY, id=identifier)
        if row is None:
            raise NotFound(DELIVERY)
        if row["deleted_at"] is not None or not row["enabled"]:
            raise Conflict("The endpoint is deleted or disabled, so nothing is sent to it")
        if row["state"] in ("leased", "held"):
            message = "is being sent" if row["state"] == "leased" else "is held until its endpoint is enabled"
            raise Conflict(f"The delivery {message}")
        new = identifier
        if row["state"] in ("pending", "blocked"):
            await tx.execute(_SEND_NOW, id=identifier, now=tx.now)
        else:
            new = new_id()
            last_replay = await tx.value(_LAST_REPLAY, event_id=row["event_id"], endpoint_id=row["endpoint_id"])
            copied = {name: row[name] for name in ("endpoint_id", *_COPIED)}
            try:
                await tx.execute(_RETRY, **copied, id=new, replay_no=last_replay + 1, now=tx.now)
            except ConstraintViolated as error:  # another retry of the same event came first
                raise violated(error) from None
        return tx.answer(await require(tx.reader, DELIVERIES, new, DELIVERY), "accepted")


async def turn_off_endpoints_without_owner(ctx: Context) -> int:
    """Disable the endpoints whose owner's API key expired or was revoked and return their number. Only reads when there
    are none.
    """
    async with ctx.reading(Permission.WEBHOOK_WRITE, fresh=True) as reader:
        if await reader.value(OWNERLESS, now=ctx.services.clock.now()) is None:
            return 0
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        return await turn_off_ownerless(tx)


def _transport(ctx: Context, tx: Transaction) -> Transport:
    return Transport(ctx.services.secrets, address_policy(ctx.services.settings), tx.now)


def _check(settings: Settings, values: Mapping[str, Any]) -> None:
    """Raise Invalid for a URL that may not be called."""
    if "url" in values:
        if not {"{", "}"}.isdisjoint(values["url"]):
            raise refuse("/url", "placeholder_in_url", "Holds a brace, and no placeholder of a url is filled")
        try:
            address_policy(settings).check_url(values["url"])
        except Blocked as blocked:
            raise refuse("/url", "url_not_allowed", str(blocked)) from None
