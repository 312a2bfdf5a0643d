"""Rows of any kind of record: find, lock with a version check, insert, change, mark as deleted; their references."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.database import ConstraintViolated, Reader, Resource
from service.framework.database.dialects import one_of
from service.framework.database.listing import Listing, as_resource
from service.framework.database.statements import Statement, WriteThenRead
from service.models.accounts.accounts import accounts
from service.models.accounts.people import people
from service.models.events.changes import changed_ranges
from service.platform.clock import instant_text
from service.platform.errors import (
    NotFound,
    StaleVersion,
    StateTransitionNotAllowed,
)
from service.platform.ids import new_id
from service.platform.kept import Kept
from service.queries.accounts.accounts import SUMMARY, summary_of
from service.records.context import Transaction, refuse, violated
from service.records.refs import add_refs, set_refs
from service.rules.plans.states import StateVerdict

Expected = Container[int] | None
"""The versions that a write may replace, 0 for a record that is not there yet; None for any."""

_STATEMENTS: Kept[Any, Statement] = Kept(1000)
_named = bind("r_record", Uuid())
_NAME_RANGE = sa.insert(changed_ranges).values(id=bind("r_id", Uuid()), first_id=_named, last_id=_named)

_a = accounts.c
_LOCK_ACCOUNT = Statement(sa.select(_a.id).where(_a.id == bind("id", _a.id), _a.deleted_at.is_(None)).with_for_update())
_LOCK_ACCOUNTS = Statement(
    sa.select(_a.id).where(one_of(_a.id, "ids"), _a.deleted_at.is_(None)).order_by(_a.id).with_for_update()
)
_many = accounts.alias("many")
_SUMMARIES = Statement(sa.select(_many.c.id, summary_of(_many.c.id).label("summary")).where(one_of(_many.c.id, "ids")))
_SHARE_PERSON = Statement(
    sa.select(people.c.id)
    .where(people.c.id == bind("id", people.c.id), people.c.deleted_at.is_(None))
    .with_for_update(read=True)
)


async def require(reader: Reader, listing: Listing, identifier: str, what: str, **binds: Any) -> Resource:
    """Return a live record by id; raises NotFound."""
    resource = await listing.find(reader, identifier, **binds)
    if resource is None:
        raise NotFound(what)
    return resource


async def require_live(reader: Reader, listing: Listing, identifier: str, what: str) -> None:
    """Raise NotFound unless a live record has this id, without reading it."""
    table = listing.table
    statement = _STATEMENTS.made(
        ("exists", listing.name),
        lambda: Statement(
            sa.select(table.c.id).where(table.c.id == bind("id", table.c.id), table.c.deleted_at.is_(None))
        ),
    )
    if await reader.value(statement, id=identifier) is None:
        raise NotFound(what)


async def lock_account(tx: Transaction, identifier: str) -> dict[str, Any]:
    """Lock a live account until the end of the transaction and return its summary for events. Raises NotFound.

    Every write of a record of an account does this first, so that the account's events are numbered in the order of its
    changes. The summary is a second statement, because one that waited for a lock still shows other tables (here the
    references) as they were before the wait.
    """
    if await tx.value(_LOCK_ACCOUNT, id=identifier) is None:
        raise NotFound("account")
    tx.locked()
    return orjson.loads(await tx.value(SUMMARY, id=identifier))  # type: ignore[no-any-return]


async def lock_accounts(tx: Transaction, identifiers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Lock those of these accounts that are live, in the order of their ids. Return the summary of each for events, by
    id."""
    ids = await tx.column(_LOCK_ACCOUNTS, ids=list(identifiers))
    tx.locked()
    return {row["id"]: orjson.loads(row["summary"]) for row in await tx.all(_SUMMARIES, ids=ids)}


async def lock_owned(
    tx: Transaction, listing: Listing, identifier: str, expected: Expected, what: str
) -> tuple[Resource, dict[str, Any]]:
    """Return a live record of an account, with the account's summary for events. The account is locked until the end of
    the transaction, and guards all of its records. Raises NotFound or StaleVersion.
    """
    table = listing.table
    lock_statement = _STATEMENTS.made(("lock_owned", listing.name), lambda: _lock_account_of(table))
    read_statement = _STATEMENTS.made(
        ("read_owned", listing.name),
        lambda: Statement(listing.by_id().clause.add_columns(summary_of(table.c.account_id).label("account"))),
    )
    row = None
    if await tx.value(lock_statement, id=identifier) is not None:
        tx.locked()
        row = await tx.one(read_statement, id=identifier)
    resource = as_resource(row)
    if row is None or resource is None:
        raise NotFound(what)
    check_version(resource, expected)
    return resource, orjson.loads(row["account"])


def _lock_account_of(table: sa.Table) -> Statement:
    owner = sa.select(table.c.account_id).where(table.c.id == bind("id", table.c.id))
    query = sa.select(_a.id).where(_a.id == owner.scalar_subquery(), _a.deleted_at.is_(None))
    return Statement(query.with_for_update(of=accounts))


async def find_locked(tx: Transaction, listing: Listing, identifier: str) -> Resource | None:
    """Lock a live record until the end of the transaction and return it, or None.

    A statement that waited for its lock shows the row as it is now, but other tables (the references) as they were
    before the wait. If the version has changed since then, the record is read again.
    """
    statement = _STATEMENTS.made(("find_locked", listing.name), lambda: _find_locked(listing))
    row = await tx.one(statement, id=identifier)
    tx.locked()
    if row is not None and row["seen"] != row["version"]:
        return await listing.find(tx.reader, identifier)
    return as_resource(row)


def _find_locked(listing: Listing) -> Statement:
    before = listing.table.alias("before_the_wait")
    seen = sa.select(before.c.version).where(before.c.id == bind("id", before.c.id))
    return Statement(listing.by_id(lock=True).clause.add_columns(seen.scalar_subquery().label("seen")))


async def lock(tx: Transaction, listing: Listing, identifier: str, expected: Expected, what: str) -> Resource:
    """Lock a live record until the end of the transaction and return it. Raises NotFound, or StaleVersion when its
    version is none of the expected ones.
    """
    resource = await find_locked(tx, listing, identifier)
    if resource is None:
        raise NotFound(what)
    check_version(resource, expected)
    return resource


def check_version(resource: Resource | None, expected: Expected) -> None:
    """Raise StaleVersion unless the version is among the expected ones; a record that is not there has version 0."""
    version = 0 if resource is None else resource.version
    if expected is None or version in expected:
        return
    if resource is None:
        raise StaleVersion(detail="There is no record with this reference that could be changed.")
    raise StaleVersion(version, "A record with this reference exists already." if 0 in expected else None)


async def insert(tx: Transaction, listing: Listing, values: Mapping[str, Any]) -> Resource:
    """Insert a live record with a new id, or the one given, and return it as it reads."""
    row = {"id": new_id(tx.now), "version": 1, "created_at": tx.now, "updated_at": tx.now, "deleted_at": None, **values}
    return await insert_row(tx, listing, row)


async def insert_row(tx: Transaction, listing: Listing, row: Mapping[str, Any]) -> Resource:
    """Insert a row, of which every column without a default is given, and return it as it reads."""
    table = listing.table
    statement = _STATEMENTS.made(
        ("insert", listing.name, tuple(row)),
        lambda: WriteThenRead(
            table,
            sa.insert(table).values({name: bind(f"v_{name}", table.c[name]) for name in row}),
            listing.by_id(gone=True).clause,
        ),
    )
    binds = {f"v_{name}": value for name, value in row.items()}
    found = as_resource(await _guarded(tx, statement, {**binds, "id": row["id"]}))
    if found is None:
        raise RuntimeError("an insert returned no row")
    found.outcome = "created"
    return found


async def change(
    tx: Transaction, listing: Listing, identifier: str, values: Mapping[str, Any], *, silent: bool = False
) -> Resource:
    """Set columns of a record that the transaction has locked, raise its version by one, and return it. `silent` says
    that no event names the account that changes: its position in the order of changes is asked for here.
    """
    table = listing.table
    statement = _STATEMENTS.made(
        ("change", listing.name, silent, tuple(values)),
        lambda: WriteThenRead(
            table,
            sa.update(table)
            .where(table.c.id == bind("id", table.c.id))
            .values(
                {
                    **{name: bind(f"v_{name}", table.c[name]) for name in values},
                    "version": table.c.version + sa.literal_column("1"),
                    "updated_at": bind("v_now", table.c.updated_at),
                }
            ),
            listing.by_id(gone=True).clause,
            _NAME_RANGE if silent else None,
        ),
    )
    binds = {f"v_{name}": value for name, value in values.items()}
    if silent:
        binds |= {"r_id": new_id(tx.now), "r_record": identifier}
    found = as_resource(await _guarded(tx, statement, {**binds, "id": identifier, "v_now": tx.now}))
    if found is None:
        raise RuntimeError("a locked record vanished")
    found.outcome = "updated"
    return found


async def delete_below(tx: Transaction, table: sa.Table, column: str, above: Sequence[str]) -> list[str]:
    """Mark the live rows whose `column` names one of the records `above` as deleted; return their ids."""
    statement = _STATEMENTS.made(
        ("delete_below", table.name, column),
        lambda: Statement(
            sa.update(table)
            .where(one_of(table.c[column], "above"), table.c.deleted_at.is_(None))
            .values(
                deleted_at=bind("now", table.c.deleted_at),
                updated_at=bind("now", table.c.updated_at),
                version=table.c.version + sa.literal_column("1"),
            )
            .returning(table.c.id)
        ),
    )
    return await tx.column(statement, above=list(above), now=tx.now)


async def add(
    tx: Transaction, listing: Listing, kind: str, values: Mapping[str, Any], wanted_refs: Sequence[Mapping[str, Any]]
) -> Resource:
    """Insert a record with its references and return it; raises ReferenceTaken."""
    identifier = new_id(tx.now)
    await add_refs(tx, kind, [(identifier, ref) for ref in wanted_refs])
    return await insert(tx, listing, {**values, "id": identifier})


async def revise(
    tx: Transaction,
    listing: Listing,
    kind: str,
    before: Resource,
    changes: Mapping[str, Any],
    wanted_refs: Sequence[Mapping[str, Any]] | None = None,
) -> Resource:
    """Change a locked record and return it. Without a difference nothing is written, and the outcome is `unchanged`."""
    new_refs = wanted_refs is not None and list(wanted_refs) != before.data["refs"]
    if not changes and not new_refs:
        before.outcome = "unchanged"
        return before
    if new_refs and wanted_refs is not None:
        await set_refs(tx, kind, before.id, before.data["refs"], wanted_refs)
    return await change(tx, listing, before.id, changes)


async def _guarded(tx: Transaction, statement: Statement, binds: Mapping[str, Any]) -> Any:
    try:
        return await tx.one(statement, **binds)
    except ConstraintViolated as error:
        raise violated(error) from None


def differing(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the new column values that differ from the record's document."""
    return {name: value for name, value in values.items() if not _same(value, before.get(name))}


def _same(value: Any, shown: Any) -> bool:
    if isinstance(value, Decimal):
        return shown is not None and Decimal(str(shown)) == value
    if isinstance(value, datetime):
        return bool(instant_text(value) == shown)
    if isinstance(value, date):
        return bool(value.isoformat() == shown)
    return bool(value == shown)


async def require_reference(
    tx: Transaction, listing: Listing, identifier: str | None, pointer: str, what: str
) -> Resource | None:
    """Return the live record that a member of the request names; raises Invalid at the pointer when there is none."""
    if identifier is None:
        return None
    resource = await listing.find(tx.reader, identifier)
    if resource is None:
        raise refuse(pointer, "unknown_reference", f"There is no such {what}")
    return resource


async def require_person(tx: Transaction, identifier: str | None, pointer: str) -> None:
    """Raise Invalid at the pointer unless this is a live person, who then can't be deleted before the transaction
    ends. None passes, because it names no person.
    """
    if identifier is not None and await tx.value(_SHARE_PERSON, id=identifier) is None:
        raise refuse(pointer, "unknown_reference", "There is no such person")


def allow(verdict: StateVerdict[Any], pointer: str) -> None:
    """Raise StateTransitionNotAllowed, with the states that are allowed, unless the rules allow the change of state."""
    if not verdict.allowed:
        raise StateTransitionNotAllowed(
            [state.value for state in verdict.allowed_states], verdict.reason, pointer=pointer
        )
