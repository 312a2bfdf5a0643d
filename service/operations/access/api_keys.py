"""API keys: create, list and revoke them. A key cannot create a key with more permissions than it has."""

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
from service.records.rows import Expected, change, insert, lock, require
from service.records.webhooks.subscriptions import turn_off_ownerless

KIND = "API key"
_ANY = Statement(sa.select(API_KEYS.table.c.id).limit(1))


async def list_api_keys(ctx: Context, request: PageRequest) -> Page:
    """List a page of API keys, without their values."""
    async with ctx.reading(Permission.API_KEY_READ) as reader:
        return await API_KEYS.page(reader, request, ctx.cursors)


async def get_api_key(ctx: Context, identifier: str) -> Resource:
    """Read an API key, without its value. Raises NotFound."""
    async with ctx.reading(Permission.API_KEY_READ) as reader:
        return await require(reader, API_KEYS, identifier, KIND)


@operation
async def create_api_key(ctx: Context, data: ApiKeyCreate, value: str | None = None) -> Resource:
    """Create an API key. The answer shows its value; no later answer does. Raises Invalid for an unknown scope or an
    expiry in the past, Forbidden for scopes that the caller does not have.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        return tx.answer(await _make(ctx, tx, data, value))


async def _make(ctx: Context, tx: Transaction, data: ApiKeyCreate, value: str | None) -> Resource:
    for index, scope in enumerate(data.scopes):
        if not known_scope(scope):
            raise refuse(f"/scopes/{index}", "unknown_scope", f'"{scope}" is not a scope')
    if data.expires_at is not None and data.expires_at <= tx.now:
        raise refuse("/expires_at", "in_the_past", "The key would have expired already. Choose a later instant")
    more = beyond(data.scopes, ctx.principal.permissions)
    if more:
        raise Forbidden(more[0], f"A key can't create a key with a scope that it lacks: {more[0]}")
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
async def revoke_api_key(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Revoke an API key. It stops working at once in this process and within seconds in others. The webhook endpoints
    that it owns are disabled; another key can enable them. Revoking a revoked key changes nothing. Raises NotFound, and
    Forbidden for a key with scopes that the caller does not have.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        before = await lock(tx, API_KEYS, identifier, expected, KIND)
        if before.data["revoked"]:
            return tx.answer(before, "unchanged")
        if beyond(before.data["scopes"], ctx.principal.permissions):
            raise Forbidden(None, "A key can't revoke a key with a scope that it lacks")
        after = await change(tx, API_KEYS, identifier, {"revoked_at": tx.now})
        await turn_off_ownerless(tx)
        tx.answer(after, "revoked")
    ctx.services.authenticator.forget()
    return after


async def ensure_first_key(services: Services, value: str | None = None) -> str | None:
    """Create a key with all permissions when there is no key yet and return its value, to be printed once; otherwise
    return None.

    `value` (KAM_BOOTSTRAP_KEY) sets the key's value; raises ValueError when it does not have the form of a key.
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
