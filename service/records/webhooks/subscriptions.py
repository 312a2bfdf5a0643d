"""Which events a webhook endpoint may be sent: checks of creating and changing it, and disabling it when its owner's
key ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.access.principal import Principal
from service.events.catalogue import known_types
from service.events.feed.queue import HOLD
from service.events.feed.subscriptions import OWNER, may_see, missing_scope, owner_scopes
from service.events.schemas import FREE, changed_members, has_path
from service.events.webhooks import WebhookEndpointDisabled
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Resource
from service.framework.database.listing import as_resource
from service.framework.database.statements import Statement
from service.framework.outbound.body_templates import paths
from service.models.access.api_keys import api_keys
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.errors import FieldError, Forbidden, Invalid
from service.platform.pointers import pointer
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Transaction, refuse
from service.records.webhooks.endpoints import stand_still

OWNER_GONE = "The API key of its owner was revoked or has expired"

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
    """Raise Invalid for a pattern that matches no event type, and Forbidden for one whose types the caller may not read
    at all.
    """
    for index, pattern in enumerate(patterns):
        known = known_types(pattern)
        if not known:
            raise refuse(
                f"/event_types/{index}", "unknown_event_type", f'"{pattern}" matches no event type. See /v1/event-types'
            )
        if not any(may_see(principal.scopes, name) for name in known):
            raise Forbidden(
                missing_scope(principal.scopes, known[0]),
                f"This key may read none of the events that {pattern} matches",
            )


def check_paths(members: Mapping[str, Any]) -> None:
    """Raise Invalid for a placeholder of `body_map` and a member of `changed` that no event of `event_types` has."""
    types = [name for pattern in members["event_types"] for name in known_types(pattern)]
    errors = []
    for place, path in paths(members["body_map"]):
        if not has_path(types, path):
            message = f'No event of event_types has "{".".join(path)}"'[:500]
            errors.append(FieldError(pointer=pointer(("body_map", *place)), code="path_unknown", message=message))
    known = changed_members(types) if members["changed"] else frozenset()
    for index, name in enumerate(members["changed"]):
        if name.partition(".")[0] not in (known & {FREE} if "." in name else known):
            message = f'No event of event_types names "{name}" in `changed`'
            errors.append(FieldError(pointer=f"/changed/{index}", code="member_unknown", message=message))
    if errors:
        raise Invalid(errors)


def stored_filter(given: Any, before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Return a filter as it is stored, with every member: those that were not given keep their value from `before`. A
    filter without any condition is None.
    """
    if given is None:
        return None
    kept = {name: (before or {}).get(name) for name in type(given).model_fields}
    merged = {**kept, **{name: getattr(given, name) for name in given.model_fields_set}}
    return merged if any(merged.values()) else None


async def check_change(
    tx: Transaction, principal: Principal, before: Resource, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Check that the caller may make these changes and return further columns to change.

    An endpoint whose owner's key ended becomes the caller's when it is enabled. Raises Forbidden as `check_sight`, for
    the event types before and after the change.
    """
    owner = await tx.one(_OWNER, id=before.id) or {"created_by": None}
    scopes = owner_scopes(owner, tx.now)
    if not scopes:
        return {"created_by": principal.id} if changes.get("enabled") else {}
    if owner["created_by"] != principal.id:
        patterns = [*before.data["event_types"], *changes.get("event_types", ())]
        _check_types(_unseen(principal, patterns), scopes)
    return {}


async def check_sight(reader: Reader, principal: Principal, endpoint: Mapping[str, Any], now: datetime) -> None:
    """Raise Forbidden for a caller that may not read every type of event that another key's endpoint takes.

    Otherwise a key that may write webhooks could have the owner's data sent to itself, or keep it from the owner. The
    endpoint's row has `id`, `event_types` and `created_by`. Asks the database only for a caller that lacks a scope.
    """
    unseen = _unseen(principal, endpoint["event_types"])
    if unseen and endpoint["created_by"] != principal.id:
        owner = await reader.one(_OWNER, id=endpoint["id"]) or {"created_by": None}
        _check_types(unseen, owner_scopes(owner, now))


def _unseen(principal: Principal, patterns: Iterable[str]) -> dict[str, str]:
    """Return the types that match the patterns and that the caller may not read, each with a scope that it lacks."""
    names = sorted({name for pattern in patterns for name in known_types(pattern)})
    lacking = ((name, missing_scope(principal.scopes, name)) for name in names)
    return {name: scope for name, scope in lacking if scope is not None}


def _check_types(unseen: Mapping[str, str], scopes: Iterable[str]) -> None:
    """Raise Forbidden for the first unseen type that an owner with these scopes may be sent."""
    for name, scope in unseen.items():
        if may_see(scopes, name):
            raise Forbidden(scope, f"The endpoint may be sent {name}, which this key may not read")


async def turn_off_ownerless(tx: Transaction) -> int:
    """Disable the endpoints whose owner's key is revoked or expired, hold their deliveries, emit
    `webhook_endpoint.disabled` for each, and return their number.
    """
    await stand_still(tx)
    ids = await tx.column(_TURN_OFF, now=tx.now)
    if ids:
        await tx.execute(HOLD, endpoints=ids)
        for row in await tx.all(WEBHOOK_ENDPOINTS.by_ids(), ids=ids):
            endpoint = as_resource(row)
            if endpoint is not None:
                tx.emit(WebhookEndpointDisabled.of(endpoint.data))
    return len(ids)
