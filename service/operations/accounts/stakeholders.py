"""Stakeholders: the customer's people, with whom each reports to; by our id and by theirs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.accounts import STAKEHOLDER
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.dialects import one_of
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.accounts.stakeholders import StakeholderCreate, stakeholders
from service.platform.errors import NotFound, ReferenceTaken
from service.platform.types import Shape
from service.queries.accounts import refs as references
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.stakeholders import BELOW, LINE_ABOVE, STAKEHOLDERS
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import (
    Expected,
    add,
    change,
    differing,
    lock_account,
    lock_owned,
    merged_refs,
    plain_refs,
    require,
    require_live,
    revise,
    set_refs_live,
)

KIND = "stakeholder"

_s = stakeholders.c
_REATTACH = Statement(
    sa.update(stakeholders)
    .where(one_of(_s.id, "ids"))
    .values(
        reports_to_id=bind("above", Uuid()),
        updated_at=bind("now", Instant()),
        version=_s.version + sa.literal_column("1"),
    )
)


async def get_stakeholder(ctx: Context, identifier: str) -> Resource:
    """One stakeholder by id; raises NotFound."""
    async with ctx.reading(Permission.STAKEHOLDER_READ) as reader:
        return await require(reader, STAKEHOLDERS, identifier, KIND)


async def get_stakeholder_by_ref(ctx: Context, account_id: str, system: str, external_id: str) -> Resource:
    """One stakeholder of an account by the reference in another system; raises NotFound."""
    async with ctx.reading(Permission.STAKEHOLDER_READ) as reader:
        identifier = await reader.value(references.FIND, kind=KIND, system=system, external_id=external_id)
        stakeholder = None if identifier is None else await STAKEHOLDERS.find(reader, identifier)
        if stakeholder is None or stakeholder.data["account_id"] != account_id:
            raise NotFound(KIND)
        return stakeholder


async def list_stakeholders(ctx: Context, account_id: str, request: PageRequest) -> Page:
    """A page of an account's stakeholders; raises NotFound when there is no such live account."""
    async with ctx.reading(Permission.STAKEHOLDER_READ) as reader:
        await require_live(reader, ACCOUNTS, account_id, "account")
        return await STAKEHOLDERS.page(reader, request, ctx.cursors, where={"account_id": account_id})


@operation
async def create_stakeholder(ctx: Context, account_id: str, data: StakeholderCreate) -> Resource:
    """Add a stakeholder to an account; raises NotFound, ReferenceTaken."""
    async with ctx.transaction(Permission.STAKEHOLDER_WRITE) as tx:
        account = await lock_account(tx, account_id)
        return tx.answer(await _create(tx, account, data, plain_refs(data.refs)))


@operation
async def update_stakeholder(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent; raises NotFound, StaleVersion, ReferenceTaken. Without a difference nothing is written or
    told.
    """
    async with ctx.transaction(Permission.STAKEHOLDER_WRITE) as tx:
        before, account = await lock_owned(tx, STAKEHOLDERS, identifier, expected, KIND)
        values = patch.given()
        wanted = plain_refs(values.pop("refs")) if "refs" in values else None
        return tx.answer(await _revise(tx, account, before, values, wanted))


@operation
async def upsert_stakeholder(
    ctx: Context, account_id: str, system: str, external_id: str, data: StakeholderCreate
) -> Resource:
    """Create the account's stakeholder with this reference, or bring it up to date: members that were not sent stay as
    they are. The outcome is created, updated or unchanged; unchanged writes and sends nothing. Raises NotFound for the
    account, ReferenceTaken when the reference belongs to a stakeholder of another account.
    """
    own = {"system": system, "external_id": external_id}
    async with ctx.transaction(Permission.STAKEHOLDER_WRITE) as tx:
        account = await lock_account(tx, account_id)
        identifier = await tx.value(references.FIND, kind=KIND, **own)
        before = None if identifier is None else await STAKEHOLDERS.find(tx.reader, identifier)
        if before is not None and before.data["account_id"] != account_id:
            raise ReferenceTaken("", before.id)
        had = [] if before is None else before.data["refs"]
        wanted = merged_refs(had, own, plain_refs(data.refs))
        if before is None:
            return tx.answer(await _create(tx, account, data, wanted))
        values = {name: getattr(data, name) for name in data.model_fields_set if name != "refs"}
        return tx.answer(await _revise(tx, account, before, values, wanted))


@operation
async def delete_stakeholder(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark a stakeholder as deleted; raises NotFound, StaleVersion. Those who reported to them report to the one above
    from now on, and each tells so.
    """
    async with ctx.transaction(Permission.STAKEHOLDER_WRITE) as tx:
        before, account = await lock_owned(tx, STAKEHOLDERS, identifier, expected, KIND)
        await _reattach(tx, account, before)
        await set_refs_live(tx, [identifier], False)
        after = await change(tx, STAKEHOLDERS, identifier, {"deleted_at": tx.now})
        tx.emit(STAKEHOLDER.deleted.of(after.data, account, previous=before.data))
        return tx.answer(after, "deleted")


async def _create(tx: Transaction, account: dict[str, Any], data: StakeholderCreate, refs: list[Any]) -> Resource:
    values = {**data.model_dump(exclude={"refs"}), "account_id": account["id"]}
    await _check_line(tx, account["id"], None, values.get("reports_to_id"))
    stakeholder = await add(tx, STAKEHOLDERS, KIND, values, refs)
    tx.emit(STAKEHOLDER.created.of(stakeholder.data, account, current=stakeholder.data))
    return stakeholder


async def _revise(
    tx: Transaction, account: dict[str, Any], before: Resource, values: dict[str, Any], refs: list[Any] | None
) -> Resource:
    changes = differing(before.data, values)
    await _check_line(tx, account["id"], before.id, changes.get("reports_to_id"))
    after = await revise(tx, STAKEHOLDERS, KIND, before, changes, refs)
    if after is not before:
        tx.emit(STAKEHOLDER.updated.between(before.data, after.data, account))
    return after


async def _check_line(tx: Transaction, account_id: str, identifier: str | None, above: str | None) -> None:
    """Somebody reports to a live stakeholder of the same account, and never to themselves, however far up."""
    if above is None:
        return
    line = await tx.column(LINE_ABOVE, id=above, account_id=account_id)
    if not line:
        raise refuse("/reports_to_id", "unknown_reference", "There is no such stakeholder of this account")
    if identifier in line:
        raise refuse("/reports_to_id", "circular_reporting", "Nobody can report to themselves, directly or not")


async def _reattach(tx: Transaction, account: dict[str, Any], gone: Resource) -> None:
    """Let those below a stakeholder report to the one above; nobody is left hanging."""
    below = await tx.column(BELOW, account_id=account["id"], id=gone.id)
    if not below:
        return
    await tx.execute(_REATTACH, ids=below, above=gone.data["reports_to_id"], now=tx.now)
    for row in await tx.all(STAKEHOLDERS.by_ids(), ids=below):
        after = Resource(row["version"], row["document"].encode())
        tx.emit(STAKEHOLDER.updated.between({**after.data, "reports_to_id": gone.id}, after.data, account))
