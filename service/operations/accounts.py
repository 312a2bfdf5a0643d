"""Accounts: taking customers in, keeping them right, finding them; by our id and by theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.catalogue import (
    AccountCreated,
    AccountDeleted,
    AccountOwnerChanged,
    AccountRestored,
    AccountUpdated,
)
from service.models.accounts import AccountCreate, accounts
from service.models.actions import actions
from service.models.objectives import objectives
from service.models.plans import plans
from service.models.stages import stage_entries
from service.models.stakeholders import stakeholders
from service.operations.context import Context, Transaction, operation, refuse
from service.operations.records import (
    Expected,
    change,
    check_version,
    differing,
    insert,
    lock,
    plain_refs,
    require,
    require_reference,
    set_refs,
    set_refs_live,
)
from service.platform.columns import Instant, Uuid
from service.platform.database import Page, Resource
from service.platform.errors import NotFound
from service.platform.ids import new_id
from service.platform.statements import Statement
from service.platform.types import Shape
from service.queries import refs as references
from service.queries.accounts import ACCOUNTS
from service.queries.listing import PageRequest
from service.queries.people import PEOPLE
from service.rules.stages import FIRST_STAGE

KIND = "account"


def _ancestors() -> Statement:
    up = (
        sa.select(accounts.c.id, accounts.c.parent_id)
        .where(accounts.c.id == sa.bindparam("id", type_=Uuid()))
        .cte("up", recursive=True)
    )
    higher = accounts.alias("higher")
    up = up.union(sa.select(higher.c.id, higher.c.parent_id).where(higher.c.id == up.c.parent_id))
    return Statement(sa.select(up.c.id))


_ANCESTORS = _ancestors()
_FIRST_STAGE = Statement(
    sa.insert(stage_entries).values(
        {
            name: sa.bindparam(name, type_=stage_entries.c[name].type)
            for name in ("id", "account_id", "stage", "effective_on", "recorded_at", "recorded_by", "reason")
        }
    )
)
_CHILD_TABLES = (stakeholders, plans, objectives, actions)


def _mark_children(table: sa.Table, *, delete: bool) -> Statement:
    """Records of an account go and come back with it; those deleted before keep their own mark."""
    mark = sa.bindparam("mark", type_=Instant())
    statement = sa.update(table).where(table.c.account_id == sa.bindparam("account_id", type_=Uuid()))
    statement = statement.where(table.c.deleted_at.is_(None) if delete else table.c.deleted_at == mark)
    return Statement(
        statement.values(deleted_at=mark if delete else None, version=table.c.version + sa.literal_column("1"))
    )


_DELETE_CHILDREN = tuple(_mark_children(table, delete=True) for table in _CHILD_TABLES)
_RESTORE_CHILDREN = tuple(_mark_children(table, delete=False) for table in _CHILD_TABLES)
_STAKEHOLDER_IDS = Statement(
    sa.select(stakeholders.c.id).where(
        stakeholders.c.account_id == sa.bindparam("account_id", type_=Uuid()), stakeholders.c.deleted_at.is_(None)
    )
)
_DELETED_AT = Statement(sa.select(accounts.c.deleted_at).where(accounts.c.id == sa.bindparam("id", type_=Uuid())))


async def get_account(ctx: Context, identifier: str) -> Resource:
    """One account by id; raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await require(reader, ACCOUNTS, identifier, KIND)


async def get_account_by_ref(ctx: Context, system: str, external_id: str) -> Resource:
    """One account by its reference in another system; raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        identifier = await reader.value(references.FIND, kind=KIND, system=system, external_id=external_id)
        if identifier is None:
            raise NotFound(KIND)
        return await require(reader, ACCOUNTS, identifier, KIND)


async def list_accounts(ctx: Context, request: PageRequest) -> Page:
    """A page of accounts."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await ACCOUNTS.page(reader, request, ctx.cursors)


async def list_children(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """The accounts directly below an account; raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await ACCOUNTS.page(reader, request, ctx.cursors, where={"parent_id": identifier})


@operation
async def create_account(ctx: Context, data: AccountCreate) -> Resource:
    """Take a customer into the programme: it starts in pre_kam and its stage history begins with that entry."""
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        return tx.answer(await _create(ctx, tx, data))


@operation
async def update_account(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent; raises NotFound, StaleVersion, ReferenceTaken. Writing what is there already changes and
    tells nothing.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        values = patch.given()
        wanted = plain_refs(values.pop("refs")) if "refs" in values else None
        return tx.answer(await _change(tx, before, values, wanted))


@operation
async def upsert_account(ctx: Context, system: str, external_id: str, data: AccountCreate) -> Resource:
    """Create the account with this reference, or bring it up to date: members that were not sent stay as they are.

    The outcome is created, updated or unchanged; unchanged writes nothing and sends nothing.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        return tx.answer(await upsert(ctx, tx, system, external_id, data))


async def upsert(
    ctx: Context, tx: Transaction, system: str, external_id: str, data: AccountCreate, pointer: str = ""
) -> Resource:
    """One upsert inside an open transaction; `pointer` is where the account stands in the request."""
    own = {"system": system, "external_id": external_id}
    given = plain_refs(data.refs)
    if any(ref["system"] == system and ref != own for ref in given):
        raise refuse(f"{pointer}/refs", "contradicting_reference", f"The reference in {system} is the one in the path")
    identifier = await tx.value(references.FIND, kind=KIND, system=system, external_id=external_id)
    before = None if identifier is None else await ACCOUNTS.find(tx.reader, identifier, lock=True)
    if before is None:
        return await _create(ctx, tx, data, [ref for ref in given if ref["system"] != system] + [own], pointer)
    values = {name: getattr(data, name) for name in data.model_fields_set if name != "refs"}
    merged = {ref["system"]: ref for ref in (*before.data["refs"], *given)}
    return await _change(tx, before, values, [merged[key] for key in sorted(merged)], pointer)


@operation
async def delete_account(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark an account as deleted, with its stakeholders, plans, objectives and actions; nothing is lost, restore
    brings all of it back.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        people = await tx.column(_STAKEHOLDER_IDS, account_id=identifier)
        for statement in _DELETE_CHILDREN:
            await tx.execute(statement, account_id=identifier, mark=tx.now)
        await set_refs_live(tx, [identifier, *people], False)
        after = await change(tx, ACCOUNTS, identifier, {"deleted_at": tx.now})
        tx.emit(AccountDeleted.of(after.data, previous=before.data))
        return tx.answer(after, "deleted")


@operation
async def restore_account(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Bring a deleted account back with what was deleted with it; raises ReferenceTaken when its reference was given
    to another. A live account stays as it is.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        before = await ACCOUNTS.find(tx.reader, identifier, lock=True, gone=True)
        if before is None:
            raise NotFound(KIND)
        check_version(before, expected)
        mark = await tx.value(_DELETED_AT, id=identifier)
        if mark is None:
            return tx.answer(before, "unchanged")
        for statement in _RESTORE_CHILDREN:
            await tx.execute(statement, account_id=identifier, mark=mark)
        people = await tx.column(_STAKEHOLDER_IDS, account_id=identifier)
        await set_refs_live(tx, [identifier, *people], True)
        after = await change(tx, ACCOUNTS, identifier, {"deleted_at": None})
        tx.emit(AccountRestored.of(after.data, current=after.data))
        return tx.answer(after, "restored")


async def _create(
    ctx: Context, tx: Transaction, data: AccountCreate, refs: list[dict[str, str]] | None = None, pointer: str = ""
) -> Resource:
    values = data.model_dump(exclude={"refs"})
    await _check_links(tx, None, values, pointer)
    identifier = new_id(tx.now)
    await set_refs(tx, KIND, identifier, plain_refs(data.refs) if refs is None else refs)
    defaults = {"status": "customer", "classification_status": "incomplete", "stage": FIRST_STAGE.value}
    account = await insert(tx, ACCOUNTS, {**values, **defaults, "id": identifier})
    await tx.execute(
        _FIRST_STAGE,
        id=new_id(tx.now),
        account_id=identifier,
        stage=FIRST_STAGE.value,
        reason="Taken into the programme",
        effective_on=tx.today,
        recorded_at=tx.now,
        recorded_by=ctx.principal.id,
    )
    tx.emit(AccountCreated.of(account.data, current=account.data))
    return account


async def _change(
    tx: Transaction, before: Resource, values: Mapping[str, Any], refs: list[dict[str, str]] | None, pointer: str = ""
) -> Resource:
    changes = differing(before.data, values)
    new_refs = refs is not None and refs != before.data["refs"]
    if not changes and not new_refs:
        before.outcome = "unchanged"
        return before
    await _check_links(tx, before.id, changes, pointer)
    if new_refs and refs is not None:
        await set_refs(tx, KIND, before.id, refs)
    after = await change(tx, ACCOUNTS, before.id, changes)
    tx.emit(AccountUpdated.between(before.data, after.data))
    if "owner_id" in changes:
        owner = {"previous": {"owner_id": before.data["owner_id"]}, "current": {"owner_id": after.data["owner_id"]}}
        tx.emit(AccountOwnerChanged.of(after.data, **owner, changed=["owner_id"]))
    return after


async def _check_links(tx: Transaction, identifier: str | None, values: Mapping[str, Any], pointer: str) -> None:
    """The people and accounts that members name must exist, and an account can't be above itself."""
    await require_reference(tx, PEOPLE, values.get("owner_id"), f"{pointer}/owner_id", "person")
    parent = values.get("parent_id")
    if parent is not None:
        await require_reference(tx, ACCOUNTS, parent, f"{pointer}/parent_id", "account")
        if identifier is not None and identifier in await tx.column(_ANCESTORS, id=parent):
            raise refuse(f"{pointer}/parent_id", "circular_hierarchy", "An account can't be above itself")
