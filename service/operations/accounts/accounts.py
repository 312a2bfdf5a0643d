"""Accounts: a plain record whose deletion takes its records along, and can be undone; and how accounts of the past are
read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events import accounts as events
from service.events.event import AnyRecordEvent
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement, inserting
from service.models.accounts.accounts import AccountCreate, AccountPatch, AccountRead
from service.models.accounts.deletions import account_deletions
from service.models.relationship.stages import stage_entries
from service.platform.errors import NotFound
from service.platform.ids import new_id
from service.queries.accounts.accounts import ACCOUNTS, ANCESTORS
from service.queries.accounts.past import PAST
from service.records.batches import BatchShapes, batch_shapes
from service.records.changes import changed_page, listed
from service.records.context import Context, Transaction, operation, refuse
from service.records.kinds import Members, Place, Rule
from service.records.links import account_tables
from service.records.plain import PlainRecord
from service.records.refs import set_refs_live
from service.records.restoring import Found, find_many, take_refs_back
from service.records.rows import Expected, change, check_version, lock, require, require_reference
from service.rules.relationship.stages import FIRST_STAGE

_KIND = "account"
_FIRST_VALUES = {"status": "customer", "classification_status": "incomplete", "stage": FIRST_STAGE.value}
_ADD_STAGE = inserting(stage_entries)
_BEGIN_DELETION = inserting(account_deletions, "restored_at")
_deletions = account_deletions.c
_END_DELETION = Statement(
    sa.update(account_deletions)
    .where(_deletions.account_id == bind("b_account_id", Uuid()), _deletions.restored_at.is_(None))
    .values(restored_at=bind("b_now", Instant()))
)


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


async def check_new(tx: Transaction, _: Place, values: dict[str, Any]) -> None:
    """Check the parent of a new account, which starts as a customer in the first stage."""
    await _check_parent(tx, None, values["parent_id"])
    values |= _FIRST_VALUES


async def check_moved(tx: Transaction, before: Members, changes: Members) -> None:
    """Check the parent that an account has from now on."""
    await _check_parent(tx, before["id"], changes["parent_id"])


async def _check_parent(tx: Transaction, identifier: str | None, parent: str | None) -> None:
    """Raise Invalid unless the parent is a live account that is not below the account itself."""
    await require_reference(tx, ACCOUNTS, parent, "/parent_id", _KIND)
    if parent is not None and identifier is not None and identifier in await tx.column(ANCESTORS, id=parent):
        raise refuse("/parent_id", "circular_hierarchy", "An account can't be above itself")


def owner_event(before: Members, after: Members) -> Iterable[type[AnyRecordEvent]]:
    """Return the event of an account that has another owner."""
    return () if before["owner_id"] == after["owner_id"] else (events.AccountOwnerChanged,)


class AccountRecord(PlainRecord):
    """The plain record of accounts, with the history that a new one begins and the records that go with a deleted
    one.
    """

    @cached_property
    def batch(self) -> BatchShapes:
        """The shapes of its batch, which were named before other kinds had one."""
        return batch_shapes("account", "accounts", "account", AccountCreate, body="BatchUpsert", row="BatchRow")

    async def _begin(self, tx: Transaction, given: Sequence[Members]) -> None:
        """Let only one transaction at a time give accounts another parent: each of several that cross would see no
        circle.
        """
        if any(each.get("parent_id") is not None for each in given):
            await tx.serialize(["parents of accounts"])

    async def _add(self, tx: Transaction, place: Place, data: Any, refs: Sequence[Members]) -> Resource:
        account = await super()._add(tx, place, data, refs)
        await tx.execute(
            _ADD_STAGE,
            id=new_id(tx.now),
            account_id=account.id,
            account_version=account.version,
            previous=None,
            stage=FIRST_STAGE.value,
            reason="Taken into the programme",
            evidence=None,
            effective_on=tx.today,
            recorded_at=tx.now,
            recorded_by=tx.principal_id,
        )
        return account

    @operation
    async def delete(self, ctx: Context, identifier: str, expected: Expected = None) -> Resource:
        """Delete an account with its stakeholders, plans, objectives and actions. Raises NotFound, StaleVersion."""
        async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
            before = await lock(tx, ACCOUNTS, identifier, expected, _KIND)
            tables = account_tables()
            for table in tables:
                await tx.execute(_mark(table, True), account_id=identifier, mark=tx.now, now=tx.now)
            records = await tx.column(_marked(tables), account_id=identifier, mark=tx.now)
            await set_refs_live(tx, [identifier, *records], False)
            await tx.execute(_BEGIN_DELETION, id=new_id(tx.now), account_id=identifier, deleted_at=tx.now)
            after = await change(tx, ACCOUNTS, identifier, {"deleted_at": tx.now})
            tx.emit(events.AccountDeleted.of(after.data, previous=before.data))
            return tx.answer(after, "deleted")

    async def restore(self, tx: Transaction, place: Place, found: Found) -> Resource:
        """Bring a deleted account back with every record that was deleted with it. Raises ReferenceTaken."""
        identifier, mark = found.record.id, found.deleted_at
        tables = account_tables()
        records = await tx.column(_marked(tables), account_id=identifier, mark=mark)
        for table in tables:
            await tx.execute(_mark(table, False), account_id=identifier, mark=mark, now=tx.now)
        await take_refs_back(tx, [identifier, *records])
        await tx.execute(_END_DELETION, b_account_id=identifier, b_now=tx.now)
        after = await change(tx, ACCOUNTS, identifier, {"deleted_at": None})
        tx.emit(events.AccountRestored.of(after.data, current=after.data))
        return after


ACCOUNT_RECORD = AccountRecord(
    "account",
    "accounts",
    ACCOUNTS,
    create=AccountCreate,
    patch=AccountPatch,
    read=AccountRead,
    reads=Permission.ACCOUNT_READ,
    writes=Permission.ACCOUNT_WRITE,
    events=events.ACCOUNT,
    checked_links=("parent_id",),
    creating=Rule(check_new, says="It starts in stage pre_kam, unclassified."),
    changing=Rule(check_moved, members=frozenset({"parent_id"})),
    deleting=Rule(
        says="Its stakeholders, plans, objectives and actions are deleted with it; restoring it restores them too."
    ),
    also_emits=owner_event,
)


async def get_account(ctx: Context, identifier: str, as_of: date | datetime | None = None) -> Resource:
    """Read an account. Raises NotFound.

    With `as_of` (an instant, or the last moment of a day) it is the account of then: position and stage are as of then,
    members without a history as today. An account that did not exist then is not found; one that was deleted since is.
    Raises Invalid for an instant in the future.
    """
    instants = _instants(ctx, as_of)
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await require(reader, PAST if instants else ACCOUNTS, identifier, _KIND, **dict(instants))


def _instants(ctx: Context, as_of: date | datetime | None) -> tuple[tuple[str, datetime], ...]:
    return () if as_of is None else (("as_of", ctx.past(as_of)),)


async def list_accounts(ctx: Context, request: PageRequest, as_of: date | datetime | None = None) -> Page:
    """List a page of accounts. With `as_of` it lists the accounts that existed then; filters and sorts use the position
    and stage of then. A request with `changed_after` lists the accounts that changed after that position instead.
    Raises CursorInvalid, also for a cursor of another instant, CursorExpired for a position beyond the last one, and
    Invalid for an instant in the future.
    """
    if request.changed_after is not None:
        return await changed_page(ctx, Permission.ACCOUNT_READ, ACCOUNTS, request)
    request = replace(request, instants=_instants(ctx, as_of))
    listing = PAST if request.instants else listed(ACCOUNTS, request)
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        return await listing.page(reader, request, ctx.cursors)


async def list_children(
    ctx: Context, identifier: str, request: PageRequest, as_of: date | datetime | None = None
) -> Page:
    """List a page of the accounts directly below an account, with `as_of` as of then. Raises NotFound, Invalid."""
    request = replace(request, instants=_instants(ctx, as_of))
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        await require(reader, PAST if request.instants else ACCOUNTS, identifier, _KIND, **dict(request.instants))
        listing = PAST if request.instants else listed(ACCOUNTS, request)
        return await listing.page(reader, request, ctx.cursors, where={"parent_id": identifier})


@operation
async def restore_account(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Restore a deleted account with everything that was deleted with it. An account that is not deleted stays as it
    is. Raises NotFound, StaleVersion, and ReferenceTaken when its reference was given to another account.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        found = (await find_many(tx, ACCOUNTS, [identifier], lock=True)).get(identifier)
        if found is None:
            raise NotFound(_KIND)
        check_version(found.record, expected)
        if found.deleted_at is None:
            return tx.answer(found.record, "unchanged")
        return tx.answer(await ACCOUNT_RECORD.restore(tx, Place(), found), "restored")
