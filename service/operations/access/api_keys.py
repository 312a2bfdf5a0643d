"""API keys: made, listed, revoked. A key can't make a key with more than it has itself."""

from __future__ import annotations

import orjson
import sqlalchemy as sa

from service.access import api_keys as form
from service.access.policy import Permission, beyond, known_scope
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.access.api_keys import ApiKeyCreate
from service.platform.errors import Forbidden
from service.queries.access.api_keys import API_KEYS
from service.records.context import Context, Services, Transaction, operation, refuse, system_context
from service.records.rows import change, insert, lock, require
from service.records.webhooks.subscriptions import turn_off_ownerless

KIND = "API key"
_ANY = Statement(sa.select(API_KEYS.table.c.id).limit(1))


async def list_api_keys(ctx: Context, request: PageRequest) -> Page:
    """A page of keys, without their values."""
    async with ctx.reading(Permission.API_KEY_READ) as reader:
        return await API_KEYS.page(reader, request, ctx.cursors)


async def get_api_key(ctx: Context, identifier: str) -> Resource:
    """One key by id, without its value; raises NotFound."""
    async with ctx.reading(Permission.API_KEY_READ) as reader:
        return await require(reader, API_KEYS, identifier, KIND)


@operation
async def create_api_key(ctx: Context, data: ApiKeyCreate, value: str | None = None) -> Resource:
    """Make a key; its value is in this answer and nowhere else. Raises Forbidden for scopes that the caller does not
    have.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        return tx.answer(await _make(ctx, tx, data, value))


async def _make(ctx: Context, tx: Transaction, data: ApiKeyCreate, value: str | None) -> Resource:
    for index, scope in enumerate(data.scopes):
        if not known_scope(scope):
            raise refuse(f"/scopes/{index}", "unknown_scope", "There is no such scope")
    if data.expires_at is not None and data.expires_at <= tx.now:
        raise refuse("/expires_at", "in_the_past", "A key must expire in the future")
    more = beyond(data.scopes, ctx.principal.permissions)
    if more:
        raise Forbidden(more[0], "A key can't create a key with more than it has")
    key = value or form.new_key()
    stored = {
        "name": data.name,
        "scopes": list(data.scopes),
        "expires_at": data.expires_at,
        "prefix": key[: form.SHOWN],
        "hash": form.key_hash(key),
        "created_by": ctx.principal.id,
    }
    made = await insert(tx, API_KEYS, stored)
    return Resource(made.version, orjson.dumps({**made.data, "key": key}), "created", secret=True)


@operation
async def revoke_api_key(ctx: Context, identifier: str) -> Resource:
    """Make a key stop working: here at once, in other processes within seconds. Raises NotFound. Revoking twice
    changes nothing. Webhook endpoints that it created are turned off; another key can turn them on.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        before = await lock(tx, API_KEYS, identifier, None, KIND)
        if before.data["revoked"]:
            return tx.answer(before, "unchanged")
        if beyond(before.data["scopes"], ctx.principal.permissions):
            raise Forbidden(None, "A key can't revoke a key that has more than it has")
        after = await change(tx, API_KEYS, identifier, {"revoked_at": tx.now})
        await turn_off_ownerless(tx)
        tx.answer(after, "revoked")
    ctx.services.authenticator.forget()
    return after


async def ensure_first_key(services: Services, value: str | None = None) -> str | None:
    """On the first start, make one key that may do everything; returns its value to be printed once, or None when there
    are keys already.

    `value` (KAM_BOOTSTRAP_KEY) sets it; raises ValueError when it does not look like a key.
    """
    if value is not None and not form.looks_like_key(value):
        raise ValueError("KAM_BOOTSTRAP_KEY must be kam_ followed by 43 letters, digits, _ or -")
    ctx = system_context(services)
    async with ctx.reading(Permission.API_KEY_READ) as reader:
        if await reader.value(_ANY) is not None:
            return None
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        await tx.serialize(["first API key"])  # several processes may start on one empty database
        if await tx.value(_ANY) is not None:
            return None
        made = await _make(ctx, tx, ApiKeyCreate(name="First admin key", scopes=["*"]), value)
    return str(made.data["key"])
