"""What a webhook endpoint may be sent, judged when it is made or changed, and what becomes of it without its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.access.principal import Principal
from service.events.catalogue import known_types
from service.events.feed.queue import HOLD
from service.events.feed.subscriptions import OWNER, may_see, missing_scope, owner_scopes
from service.events.webhooks import WebhookEndpointDisabled
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.listing import as_resource
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.errors import Forbidden
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Transaction, refuse
from service.records.webhooks.endpoints import stand_still

OWNER_GONE = "The API key that it belongs to was revoked, or has expired"
_LOOKED_AT = frozenset({"url", "event_types", "filter", "changed", "channels"})
"""Members that decide who gets to see what."""

_now = bind("now", Instant())
_OWNER = Statement(
    sa.select(webhook_endpoints.c.created_by, *(api_keys.c[name] for name in OWNER))
    .select_from(
        webhook_endpoints.outerjoin(api_keys, sa.cast(api_keys.c.id, sa.Text) == webhook_endpoints.c.created_by)
    )
    .where(webhook_endpoints.c.id == bind("id", Uuid()))
)
_OWNERLESS = (
    sa.select(webhook_endpoints.c.id)
    .select_from(webhook_endpoints.join(api_keys, sa.cast(api_keys.c.id, sa.Text) == webhook_endpoints.c.created_by))
    .where(
        webhook_endpoints.c.enabled.is_(sa.true()),
        webhook_endpoints.c.deleted_at.is_(None),
        sa.or_(api_keys.c.revoked_at.is_not(None), api_keys.c.expires_at <= _now),
    )
)
OWNERLESS = Statement(_OWNERLESS)
"""Enabled endpoints whose owner's key is revoked or expired."""
_TURN_OFF = Statement(
    sa.update(webhook_endpoints)
    .values(
        enabled=False,
        disabled_reason=OWNER_GONE,
        version=webhook_endpoints.c.version + sa.literal_column("1"),
        updated_at=_now,
    )
    .where(webhook_endpoints.c.id.in_(_OWNERLESS), webhook_endpoints.c.enabled.is_(sa.true()))
    .returning(webhook_endpoints.c.id)
)


def check_patterns(principal: Principal, patterns: list[str]) -> None:
    """Raise Invalid for patterns that no event type is like, Forbidden for those of which the caller may see none."""
    for index, pattern in enumerate(patterns):
        known = known_types(pattern)
        if not known:
            raise refuse(f"/event_types/{index}", "unknown_event_type", "No event type is like this")
        if not any(may_see(principal.scopes, name) for name in known):
            raise Forbidden(missing_scope(principal.scopes, known[0]), "This key may not read what these events tell")


def stored_filter(given: Any, before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """A filter as it is stored: every member, those that were not given as they were; none of them is no filter."""
    if given is None:
        return None
    kept = {name: (before or {}).get(name) for name in type(given).model_fields}
    merged = {**kept, **{name: getattr(given, name) for name in given.model_fields_set}}
    return merged if any(merged.values()) else None


async def check_change(
    tx: Transaction, principal: Principal, before: Resource, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Judge a change of an endpoint by who makes it; the columns that change besides.

    Whoever says where an endpoint sends, and what, must be able to see all that its owner may be sent; otherwise any
    key that writes webhooks could read with the owner's eyes. Raises Forbidden. An endpoint without an owner becomes
    the caller's when it is turned on.
    """
    owner = await tx.one(_OWNER, id=before.id) or {"created_by": None}
    scopes = owner_scopes(owner, tx.now)
    if not scopes:
        return {"created_by": principal.id} if changes.get("enabled") else {}
    if owner["created_by"] == principal.id or not _LOOKED_AT & changes.keys():
        return {}
    patterns = changes.get("event_types", before.data["event_types"])
    for name in {name for pattern in patterns for name in known_types(pattern)}:
        lacking = missing_scope(principal.scopes, name)
        if lacking is not None and may_see(scopes, name):
            raise Forbidden(lacking, "This endpoint gets events that this key may not read")
    return {}


async def turn_off_ownerless(tx: Transaction) -> int:
    """Turn off the endpoints whose owner's key is revoked or expired, hold what waits for them, and tell; how many."""
    await stand_still(tx)
    ids = await tx.column(_TURN_OFF, now=tx.now)
    if ids:
        await tx.execute(HOLD, endpoints=ids)
        for row in await tx.all(WEBHOOK_ENDPOINTS.by_ids(), ids=ids):
            endpoint = as_resource(row)
            if endpoint is not None:
                tx.emit(WebhookEndpointDisabled.of(endpoint.data))
    return len(ids)
