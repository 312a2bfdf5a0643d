"""Creating and revising one account inside an open transaction: what single writes, upserts and batches share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.events.accounts import AccountCreated, AccountOwnerChanged, AccountUpdated
from service.framework.database.columns import Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.statements import Statement
from service.models.accounts.accounts import AccountCreate, AccountPatch, accounts
from service.models.relationship.stages import stage_entries
from service.platform.ids import new_id
from service.queries.accounts import refs as references
from service.queries.accounts.accounts import ACCOUNTS
from service.records.context import Context, Transaction, refuse
from service.records.rows import (
    add_refs,
    change,
    check_systems,
    differing,
    find_locked,
    insert,
    plain_refs,
    require_person,
    require_reference,
    set_refs,
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
