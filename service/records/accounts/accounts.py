"""Creating and revising one account inside an open transaction: what single writes, upserts and batches share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.events.accounts import AccountCreated, AccountOwnerChanged, AccountUpdated
from service.events.content import content_of
from service.events.feed import outbox
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import ConstraintViolated, Resource
from service.framework.database.dialects import document, json_row
from service.framework.database.listing import as_resource
from service.framework.database.statements import Statement, WriteThenRead
from service.models.accounts.accounts import AccountCreate, AccountPatch, accounts
from service.models.relationship.stages import stage_entries
from service.platform.ids import new_id
from service.queries.accounts import refs as references
from service.queries.accounts.accounts import ACCOUNTS, SUMMED
from service.records.context import Context, Transaction, refuse
from service.records.rows import (
    Expected,
    add_refs,
    change,
    check_systems,
    check_version,
    differing,
    find_locked,
    insert,
    plain_refs,
    require,
    require_person,
    require_reference,
    set_refs,
    violated,
)
from service.rules.relationship.stages import FIRST_STAGE

KIND = "account"


def _ancestors() -> Statement:
    up = (
        sa.select(accounts.c.id, accounts.c.parent_id)
        .where(accounts.c.id == bind("id", Uuid()))
        .cte("up", recursive=True)
    )
    higher = accounts.alias("higher")
    up = up.union(sa.select(higher.c.id, higher.c.parent_id).where(higher.c.id == up.c.parent_id))
    return Statement(sa.select(up.c.id))


PLAIN = frozenset(AccountPatch.model_fields) - {"refs", "owner_id", "parent_id"}
"""Members of which nothing else depends: neither other rows nor other events."""
_KEPT = 500
_AT_ONCE: dict[tuple[str, ...], Statement] = {}
_ANCESTORS = _ancestors()
_FIRST_STAGE = Statement(
    sa.insert(stage_entries).values(
        {
            name: bind(name, stage_entries.c[name])
            for name in (
                "id",
                "account_id",
                "account_version",
                "stage",
                "effective_on",
                "recorded_at",
                "recorded_by",
                "reason",
            )
        }
    )
)


async def create(
    ctx: Context, tx: Transaction, data: AccountCreate, refs: list[dict[str, str]] | None = None, pointer: str = ""
) -> Resource:
    """Insert an account with the first entry of its stage history; `pointer` is where it stands in the request."""
    values = data.model_dump(exclude={"refs"})
    await check_links(tx, None, values, pointer)
    identifier = new_id(tx.now)
    wanted = plain_refs(data.refs) if refs is None else refs
    check_systems(wanted, f"{pointer}/refs")
    await add_refs(tx, KIND, [(identifier, ref) for ref in wanted])
    defaults = {"status": "customer", "classification_status": "incomplete", "stage": FIRST_STAGE.value}
    account = await insert(tx, ACCOUNTS, {**values, **defaults, "id": identifier})
    await tx.execute(
        _FIRST_STAGE,
        id=new_id(tx.now),
        account_id=identifier,
        account_version=account.version,
        stage=FIRST_STAGE.value,
        reason="Taken into the programme",
        effective_on=tx.today,
        recorded_at=tx.now,
        recorded_by=ctx.principal.id,
    )
    tx.emit(AccountCreated.of(account.data, current=account.data))
    return account


async def revise(
    tx: Transaction, before: Resource, values: Mapping[str, Any], refs: list[dict[str, str]] | None, pointer: str = ""
) -> Resource:
    """Apply new values and references to a locked account; nothing is written or told when nothing differs."""
    changes = differing(before.data, values)
    new_refs = refs is not None and refs != before.data["refs"]
    if not changes and not new_refs:
        before.outcome = "unchanged"
        return before
    await check_links(tx, before.id, changes, pointer)
    if new_refs and refs is not None:
        await set_refs(tx, KIND, before.id, refs)
    after = await change(tx, ACCOUNTS, before.id, changes)
    tx.emit(AccountUpdated.between(before.data, after.data))
    if "owner_id" in changes:
        owner = {"previous": {"owner_id": before.data["owner_id"]}, "current": {"owner_id": after.data["owner_id"]}}
        tx.emit(AccountOwnerChanged.of(after.data, **owner, changed=["owner_id"]))
    return after


async def revise_at_once(
    tx: Transaction, identifier: str, values: Mapping[str, Any], expected: Expected
) -> Resource | None:
    """Change plain members of an account without a lock: one statement changes the version that was read, tells and
    answers. None when another change came in between, and nothing was done.
    """
    before = await require(tx.reader, ACCOUNTS, identifier, KIND)
    check_version(before, expected)
    changes = differing(before.data, values)
    if not changes:
        before.outcome = "unchanged"
        return before
    names = tuple(name for name in ACCOUNTS.members if name in changes)
    statement = _AT_ONCE.get(names)
    if statement is None:
        if len(_AT_ONCE) >= _KEPT:
            _AT_ONCE.clear()
        statement = _AT_ONCE[names] = _at_once(names)
    data = {
        "account": outbox.GAP,
        "previous": {name: before.data[name] for name in names},
        "current": outbox.GAP,
        "changed": names,
    }
    content = content_of({**before.data, **changes}, names, before.data)
    told = outbox.told_row(AccountUpdated(before.id, before.version + 1, data, before.id, content), tx.now, tx.cause)
    binds = {f"v_{name}": value for name, value in changes.items()}
    try:
        row = await tx.one(statement, **binds, **told, id=before.id, seen=before.version, v_now=tx.now)
    except ConstraintViolated as error:
        raise violated(error) from None
    after = as_resource(row)
    if after is not None:
        after.outcome = "updated"
    return after


def _at_once(names: tuple[str, ...]) -> Statement:
    a = accounts.c
    this, seen = a.id == bind("id", Uuid()), bind("seen", a.version)
    values: dict[str, Any] = {name: bind(f"v_{name}", a[name]) for name in names}
    values |= {"version": a.version + sa.literal_column("1"), "updated_at": bind("v_now", Instant())}
    write = sa.update(accounts).where(this, a.version == seen, a.deleted_at.is_(None)).values(values)
    current = document(json_row({name: ACCOUNTS.members[name] for name in names}))
    insert = outbox.insert_told(
        accounts, document(SUMMED), current, sa.and_(this, a.version == seen + sa.literal_column("1"))
    )
    return WriteThenRead(accounts, write, ACCOUNTS.by_id(gone=True).clause, insert)


async def check_links(tx: Transaction, identifier: str | None, values: Mapping[str, Any], pointer: str) -> None:
    """The people and accounts that members name must exist, and an account can't be above itself."""
    await require_person(tx, values.get("owner_id"), f"{pointer}/owner_id")
    parent = values.get("parent_id")
    if parent is not None:
        await require_reference(tx, ACCOUNTS, parent, f"{pointer}/parent_id", "account")
        if identifier is not None and identifier in await tx.column(_ANCESTORS, id=parent):
            raise refuse(f"{pointer}/parent_id", "circular_hierarchy", "An account can't be above itself")


async def upsert(ctx: Context, tx: Transaction, system: str, external_id: str, data: AccountCreate) -> Resource:
    """One upsert; writers of the same reference wait for each other, so that it is created once."""
    await tx.serialize([f"{KIND}/{system}/{external_id}"])
    identifier = await tx.value(references.FIND, kind=KIND, system=system, external_id=external_id)
    before = None if identifier is None else await find_locked(tx, ACCOUNTS, identifier)
    return await apply_upsert(ctx, tx, before, {"system": system, "external_id": external_id}, data)


async def apply_upsert(
    ctx: Context, tx: Transaction, before: Resource | None, own: dict[str, str], data: AccountCreate, pointer: str = ""
) -> Resource:
    """Create the account of the reference `own`, or revise the one that was found and locked."""
    system, given = own["system"], plain_refs(data.refs)
    if any(ref["system"] == system and ref != own for ref in given):
        raise refuse(f"{pointer}/refs", "contradicting_reference", f"The reference in {system} is another one")
    if before is None:
        return await create(ctx, tx, data, [ref for ref in given if ref["system"] != system] + [own], pointer)
    values = {name: getattr(data, name) for name in data.model_fields_set if name != "refs"}
    merged = {ref["system"]: ref for ref in (*before.data["refs"], *given)}
    return await revise(tx, before, values, [merged[key] for key in sorted(merged)], pointer)
