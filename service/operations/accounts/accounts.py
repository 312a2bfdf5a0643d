"""Accounts: create, read, list, change, delete and restore them, by id and by reference."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from functools import cache

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.accounts import AccountDeleted, AccountRestored, AccountUpdated
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.accounts.accounts import AccountCreate, accounts
from service.models.accounts.deletions import account_deletions
from service.platform.errors import NotFound
from service.platform.ids import new_id
from service.platform.types import Shape
from service.queries.accounts import refs as references
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.past import PAST
from service.records.accounts.accounts import KIND, PLAIN, create, revise, upsert
from service.records.context import Context, operation
from service.records.links import account_tables
from service.records.patching import patch_at_once
from service.records.rows import Expected, change, check_version, lock, plain_refs, require, set_refs_live


@cache
def _mark(table: sa.Table, delete: bool) -> Statement:
    """Return the UPDATE that deletes or restores the rows of one table with their account. Rows deleted before keep
    their own mark and stay deleted.
    """
    mark = bind("mark", Instant())
    statement = sa.update(table).where(table.c.account_id == bind("account_id", Uuid()))
    statement = statement.where(table.c.deleted_at.is_(None) if delete else table.c.deleted_at == mark)
    now = bind("now", Instant())
    version = table.c.version + sa.literal_column("1")
    return Statement(statement.values(deleted_at=mark if delete else None, version=version, updated_at=now))


@cache
def _marked(tables: tuple[sa.Table, ...]) -> Statement:
    """Return the SELECT of the ids of an account's records that were deleted with it at `:mark`."""
    of_account, mark = bind("account_id", Uuid()), bind("mark", Instant())
    return Statement(
        sa.union_all(*[sa.select(t.c.id).where(t.c.account_id == of_account, t.c.deleted_at == mark) for t in tables])
    )


_deletions = account_deletions.c
_BEGIN_DELETION = Statement(
    sa.insert(account_deletions).values(
        {name: bind(name, _deletions[name]) for name in ("id", "account_id", "deleted_at")}
    )
)
_END_DELETION = Statement(
    sa.update(account_deletions)
    .where(_deletions.account_id == bind("b_account_id", Uuid()), _deletions.restored_at.is_(None))
    .values(restored_at=bind("b_now", Instant()))
)
_DELETED_AT = Statement(sa.select(accounts.c.deleted_at).where(accounts.c.id == bind("id", Uuid())))


async def get_account(ctx: Context, identifier: str, as_of: date | datetime | None = None) -> Resource:
    """Read an account. Raises NotFound.

    With `as_of` (an instant, or the last moment of a day) it is the account of then: position and stage are as of then,
    members without a history as today. An account that did not exist then is not found; one that was deleted since is.
    Raises Invalid for an instant in the future.
    """
    instants = _instants(ctx, as_of)
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await require(reader, PAST if instants else ACCOUNTS, identifier, KIND, **dict(instants))


def _instants(ctx: Context, as_of: date | datetime | None) -> tuple[tuple[str, datetime], ...]:
    return () if as_of is None else (("as_of", ctx.past(as_of)),)


async def get_account_by_ref(ctx: Context, system: str, external_id: str) -> Resource:
    """Read an account by its reference in another system. Raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        identifier = await reader.value(references.FIND, kind=KIND, system=system, external_id=external_id)
        if identifier is None:
            raise NotFound(KIND)
        return await require(reader, ACCOUNTS, identifier, KIND)


async def list_accounts(ctx: Context, request: PageRequest, as_of: date | datetime | None = None) -> Page:
    """List a page of accounts. With `as_of` it lists the accounts that existed then; filters and sorts use the position
    and stage of then. Raises CursorInvalid, also for a cursor of another instant, and Invalid for an instant in the
    future.
    """
    request = replace(request, instants=_instants(ctx, as_of))
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await (PAST if request.instants else ACCOUNTS).page(reader, request, ctx.cursors)


async def list_children(
    ctx: Context, identifier: str, request: PageRequest, as_of: date | datetime | None = None
) -> Page:
    """List a page of the accounts directly below an account, with `as_of` as of then. Raises NotFound, Invalid."""
    request = replace(request, instants=_instants(ctx, as_of))
    listing = PAST if request.instants else ACCOUNTS
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        await require(reader, listing, identifier, KIND, **dict(request.instants))
        return await listing.page(reader, request, ctx.cursors, where={"parent_id": identifier})


@operation
async def create_account(ctx: Context, data: AccountCreate) -> Resource:
    """Create an account. It starts in stage pre_kam, the first entry of its stage history. Raises ReferenceTaken, and
    Invalid for an unknown parent or owner.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        return tx.answer(await create(ctx, tx, data))


@operation
async def update_account(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change the given members of an account. Writing what is stored already writes and sends nothing. Raises NotFound,
    StaleVersion, ReferenceTaken.
    """
    values = patch.given()
    if ctx.idempotency is None and values.keys() <= PLAIN:
        async with ctx.single(Permission.ACCOUNT_WRITE) as tx:
            account = await patch_at_once(tx, ACCOUNTS, identifier, values, expected, AccountUpdated.between, KIND)
        if account is not None:
            return account
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        wanted = plain_refs(values.pop("refs")) if "refs" in values else None
        return tx.answer(await revise(tx, before, values, wanted))


@operation
async def upsert_account(ctx: Context, system: str, external_id: str, data: AccountCreate) -> Resource:
    """Create the account with this reference, or update it: members that are not given stay as they are.

    The outcome is created, updated or unchanged. An unchanged account is not written and sends no event. Raises
    ReferenceTaken, and Invalid for an unknown parent or owner.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        return tx.answer(await upsert(ctx, tx, system, external_id, data))


@operation
async def delete_account(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Delete an account with its stakeholders, plans, objectives and actions. Restoring it restores them too. Raises
    NotFound, StaleVersion.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        tables = account_tables()
        for table in tables:
            await tx.execute(_mark(table, True), account_id=identifier, mark=tx.now, now=tx.now)
        records = await tx.column(_marked(tables), account_id=identifier, mark=tx.now)
        await set_refs_live(tx, [identifier, *records], False)
        await tx.execute(_BEGIN_DELETION, id=new_id(tx.now), account_id=identifier, deleted_at=tx.now)
        after = await change(tx, ACCOUNTS, identifier, {"deleted_at": tx.now})
        tx.emit(AccountDeleted.of(after.data, previous=before.data))
        return tx.answer(after, "deleted")


@operation
async def restore_account(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Restore a deleted account with everything that was deleted with it. An account that is not deleted stays as it
    is. Raises NotFound, StaleVersion, and ReferenceTaken when its reference was given to another account.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await ACCOUNTS.find(tx.reader, identifier, lock=True, gone=True)
        if before is None:
            raise NotFound(KIND)
        check_version(before, expected)
        before = await ACCOUNTS.find(tx.reader, identifier, gone=True) or before  # read again under the lock
        mark = await tx.value(_DELETED_AT, id=identifier)
        if mark is None:
            return tx.answer(before, "unchanged")
        tables = account_tables()
        records = await tx.column(_marked(tables), account_id=identifier, mark=mark)
        for table in tables:
            await tx.execute(_mark(table, False), account_id=identifier, mark=mark, now=tx.now)
        await set_refs_live(tx, [identifier, *records], True)
        await tx.execute(_END_DELETION, b_account_id=identifier, b_now=tx.now)
        after = await change(tx, ACCOUNTS, identifier, {"deleted_at": None})
        tx.emit(AccountRestored.of(after.data, current=after.data))
        return tx.answer(after, "restored")
