"""Webhook endpoints: where events are sent, their secrets, what was sent, and sending again."""

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
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, change, differing, insert, lock, require, require_live, violated
from service.records.webhooks.endpoints import (
    ANEW,
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
    check_patterns,
    stored_filter,
    turn_off_ownerless,
)
from service.records.webhooks.transport import MEMBERS, Transport, check_credentials_stay

DELIVERY = "webhook delivery"

_TO_REPEAT = Statement(
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
_REPEATS = Statement(
    sa.select(sa.func.max(deliveries.c.replay_no)).where(
        deliveries.c.event_id == bind("event_id", Uuid()),
        deliveries.c.endpoint_id == bind("endpoint_id", Uuid()),
    )
)
_COPIED = ("event_id", "event_position", "order_key")
_REPEAT = delivering("replay_no", *_COPIED, state="pending", behind=False, lane="first")
_NOW = Statement(
    sa.update(deliveries)
    .values(state="pending", next_at=bind("now", Instant()))
    .where(deliveries.c.id == bind("id", Uuid()))
)


def address_policy(settings: Settings) -> AddressPolicy:
    """Which URLs webhooks may call, by the settings: not our own public one."""
    own = {urlsplit(settings.public_url).hostname or ""} - {""} if settings.public_url else set()
    return AddressPolicy.of(settings.webhook_allowed_networks, own)


async def list_webhook_endpoints(ctx: Context, request: PageRequest) -> Page:
    """A page of endpoints, without their secrets."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await WEBHOOK_ENDPOINTS.page(reader, request, ctx.cursors)


async def get_webhook_endpoint(ctx: Context, identifier: str) -> Resource:
    """One endpoint by id, without its secret; raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await require(reader, WEBHOOK_ENDPOINTS, identifier, KIND)


@operation
async def create_webhook_endpoint(ctx: Context, data: WebhookEndpointCreate) -> Resource:
    """Have events sent to a URL, from now on; its secret is in this answer and nowhere else. Raises Invalid for a URL
    that may not be called and for event types that do not exist, Forbidden for those of which the key may see none.
    """
    ctx.require(Permission.WEBHOOK_WRITE)
    await sequence(ctx.services.database, ctx.services.clock)  # what happened before is not sent
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
        stored = {**values, "disabled_reason": None, "secret_encrypted": sealed, "created_by": ctx.principal.id}
        return tx.answer(shown_once(await insert(tx, WEBHOOK_ENDPOINTS, stored), keys), "created")


@operation
async def update_webhook_endpoint(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent; raises NotFound, StaleVersion, Invalid, Forbidden. Turned off, its deliveries are held;
    turned on again, they go out in their order. A url of another host, port or scheme takes the credentials anew.
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
        changes |= await check_change(tx, ctx.principal, before, changes)
        changes |= consent_columns(before.data, changes, ctx.services.settings.public_url, tx.now)
        changes |= without_ended(ctx.services.secrets, sealed["secret_encrypted"], tx.now)
        if "enabled" in changes:
            changes |= {"disabled_reason": None, **(ANEW if changes["enabled"] else {})}
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, changes)
        if "enabled" in changes:
            await _turn(tx, identifier, on=changes["enabled"])
        return tx.answer(after)


async def _turn(tx: Transaction, identifier: str, *, on: bool) -> None:
    if on:
        await release(tx, identifier)
    else:
        await tx.execute(HOLD, endpoints=[identifier])


@operation
async def delete_webhook_endpoint(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Send nothing more there: what waits is canceled, what was sent can still be read. Raises NotFound,
    StaleVersion.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        after = await change(tx, WEBHOOK_ENDPOINTS, identifier, {"deleted_at": tx.now})
        await tx.execute(CANCEL, endpoint_id=identifier, now=tx.now)
        return tx.answer(after, "deleted")


@operation
async def send_webhook_test(ctx: Context, identifier: str) -> Resource:
    """Send a test event to one endpoint, by the way of all events; raises NotFound, or Conflict when the endpoint is
    turned off.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = await require(tx.reader, WEBHOOK_ENDPOINTS, identifier, KIND)
        if not endpoint.data["enabled"]:
            raise Conflict("This endpoint is turned off: nothing is sent to it")
        event_id = tx.emit(WebhookTest(identifier, endpoint.version, {"webhook_endpoint": endpoint.data}))
        return tx.answer(Resource(1, orjson.dumps({"event_id": event_id, "endpoint_id": identifier})), "accepted")


async def list_deliveries(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """The deliveries of an endpoint, newest first; raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        await require_live(reader, WEBHOOK_ENDPOINTS, identifier, KIND)
        return await DELIVERIES.page(reader, request, ctx.cursors, where={"endpoint_id": identifier})


async def get_delivery(ctx: Context, identifier: str) -> Resource:
    """One delivery by id; raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        return await require(reader, DELIVERIES, identifier, DELIVERY)


async def list_attempts(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """The attempts of a delivery, in order; raises NotFound."""
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        await require(reader, DELIVERIES, identifier, DELIVERY)
        return await ATTEMPTS.page(reader, request, ctx.cursors, where={"delivery_id": identifier})


@operation
async def retry_delivery(ctx: Context, identifier: str) -> Resource:
    """Send an event to its endpoint again, as a new delivery with the same event id; one that waits for its next
    attempt, or blocks its line, is tried now instead. Raises NotFound, or Conflict while it is being sent or held.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        row = await tx.one(_TO_REPEAT, id=identifier)
        if row is None:
            raise NotFound(DELIVERY)
        if row["deleted_at"] is not None or not row["enabled"]:
            raise Conflict("The endpoint is deleted or turned off: nothing is sent to it")
        if row["state"] in ("leased", "held"):
            raise Conflict("This delivery is being sent, or held")
        again = identifier
        if row["state"] in ("pending", "blocked"):
            await tx.execute(_NOW, id=identifier, now=tx.now)
        else:
            again = new_id()
            repeats = await tx.value(_REPEATS, event_id=row["event_id"], endpoint_id=row["endpoint_id"])
            copied = {name: row[name] for name in ("endpoint_id", *_COPIED)}
            try:
                await tx.execute(_REPEAT, **copied, id=again, replay_no=repeats + 1, now=tx.now)
            except ConstraintViolated as error:  # another retry of the same event was faster
                raise violated(error) from None
        return tx.answer(await require(tx.reader, DELIVERIES, again, DELIVERY), "accepted")


async def turn_off_endpoints_without_owner(ctx: Context) -> int:
    """Turn off the endpoints whose owner's API key has expired, or was revoked; how many. A read when there is none."""
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
        try:
            address_policy(settings).check_url(values["url"])
        except Blocked as blocked:
            raise refuse("/url", "url_not_allowed", str(blocked)) from None
