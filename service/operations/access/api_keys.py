"""API keys: create, list and revoke them. A key cannot create a key with more permissions than it has."""

from datetime import datetime

import orjson
import sqlalchemy as sa

from service.access import api_keys as form
from service.access.policy import Permission, beyond, known_scope
from service.framework.database.columns import bind
from service.framework.database.database import Page, Resource
from service.framework.database.dialects import one_of
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.access.api_keys import ApiKeyCreate, Me, api_keys
from service.platform.clock import instant_text
from service.platform.errors import Forbidden, Unauthenticated
from service.platform.ids import SYSTEM_ID
from service.queries.access.api_keys import API_KEYS
from service.records.context import Context, Services, Transaction, operation, refuse, system_context
from service.records.rows import Expected, change, insert, lock, require
from service.records.webhooks.subscriptions import turn_off_ownerless

KIND = "API key"
_k = api_keys.c
_ANY = Statement(sa.select(_k.id).limit(1))
_HOLD_MAKER = Statement(
    sa.select(_k.expires_at, _k.revoked_at).where(_k.id == bind("id", _k.id)).with_for_update(read=True)
)
_LOCK_MADE_BY = Statement(sa.select(_k.id).where(one_of(_k.created_by, "makers")).order_by(_k.id).with_for_update())
_REVOKE = Statement(
    sa.update(api_keys)
    .where(one_of(_k.id, "ids"), _k.revoked_at.is_(None))
    .values(
        revoked_at=bind("now", _k.revoked_at),
        updated_at=bind("now", _k.updated_at),
        version=_k.version + sa.literal_column("1"),
    )
    .returning(_k.id)
)


def read_me(ctx: Context) -> Me:
    """Return the calling key, its scopes and its permissions."""
    caller = ctx.principal
    permissions = sorted(caller.permissions)
    names = {"id": caller.id, "name": caller.name, "scopes": list(caller.scopes), "permissions": permissions}
    return Me.model_validate({**names, "expires_at": caller.expires_at})


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
    """Create an API key. The answer shows its value; no later answer does. The key expires with the caller's key at the
    latest. Raises Invalid for an unknown scope or for an expiry in the past or after the caller's, Forbidden for scopes
    that the caller does not have, Unauthenticated when the caller's key is revoked meanwhile.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        if ctx.principal.id != SYSTEM_ID:
            # a revocation waits for the commit and then finds the new key among those that came from the revoked one
            maker = await tx.one(_HOLD_MAKER, id=ctx.principal.id)
            if maker is None or maker["revoked_at"] is not None or _reached(maker["expires_at"], tx.now):
                raise Unauthenticated
        return tx.answer(await _make(ctx, tx, data, value))


async def _make(ctx: Context, tx: Transaction, data: ApiKeyCreate, value: str | None) -> Resource:
    for index, scope in enumerate(data.scopes):
        if not known_scope(scope):
            raise refuse(f"/scopes/{index}", "unknown_scope", f'"{scope}" is not a scope')
    if data.expires_at is not None and data.expires_at <= tx.now:
        raise refuse("/expires_at", "in_the_past", "The key would have expired already. Choose a later instant")
    ends, latest = data.expires_at, ctx.principal.expires_at
    if latest is not None and "expires_at" not in data.model_fields_set:
        ends = latest
    if latest is not None and (ends is None or ends > latest):
        message = f"The key would outlive the key that creates it, which expires at {instant_text(latest)}"
        raise refuse("/expires_at", "later_than_maker", message)
    more = beyond(data.scopes, ctx.principal.permissions)
    if more:
        raise Forbidden(more[0], f"A key can't create a key with a scope that it lacks: {more[0]}")
    key = value or form.new_key()
    stored = {
        "name": data.name,
        "scopes": list(data.scopes),
        "expires_at": ends,
        "prefix": key[: form.SHOWN],
        "hash": form.key_hash(key),
        "created_by": ctx.principal.id,
    }
    made = await insert(tx, API_KEYS, stored)
    return Resource(made.version, orjson.dumps({**made.data, "key": key}), "created", secret=True)


@operation
async def revoke_api_key(
    ctx: Context, identifier: str, descendants: bool = False, expected: Expected = None
) -> Resource:
    """Revoke an API key, with `descendants` also every key that it created, that those created, and so on. It stops
    working at once in this process and within five seconds in others; its streams and sockets end. The webhook
    endpoints that a revoked key owns are disabled; another key can enable them. Revoking a revoked key changes nothing.
    Raises NotFound, StaleVersion, and Forbidden for a key with scopes that the caller does not have.
    """
    async with ctx.transaction(Permission.API_KEY_WRITE) as tx:
        before = await lock(tx, API_KEYS, identifier, expected, KIND)
        writes = descendants or not before.data["revoked"]
        if writes and beyond(before.data["scopes"], ctx.principal.permissions):
            raise Forbidden(None, "A key can't revoke a key with a scope that it lacks")
        after = before
        if not before.data["revoked"]:
            after = await change(tx, API_KEYS, identifier, {"revoked_at": tx.now})
        revoked = [identifier] if after is not before else []
        if descendants:
            revoked += await tx.column(_REVOKE, ids=await _made_by(tx, identifier), now=tx.now)
        if revoked:
            await turn_off_ownerless(tx)
        tx.answer(after, "revoked" if revoked else "unchanged")
    ctx.services.authenticator.forget(revoked)
    return after


async def _made_by(tx: Transaction, identifier: str) -> list[str]:
    """Lock the keys that came from a locked key, one generation after the other, and return their ids. A key that is
    locked creates no further key, so none is missed.
    """
    found: list[str] = []
    makers = [identifier]
    while makers:
        makers = await tx.column(_LOCK_MADE_BY, makers=makers)
        found += makers
    return found


def _reached(end: datetime | None, now: datetime) -> bool:
    return end is not None and end <= now


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
