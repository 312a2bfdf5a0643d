"""What writes of every kind of record share: find, lock with version check, insert, change, mark as deleted;
references in other systems.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from service.models.refs import refs
from service.operations.context import Transaction, refuse
from service.platform.clock import instant_text
from service.platform.database import ConstraintViolated, Reader, Resource
from service.platform.dialects import one_of
from service.platform.errors import Conflict, NotFound, ReferenceTaken, StaleVersion
from service.platform.ids import new_id
from service.platform.statements import Statement, WriteThenRead
from service.queries.listing import Listing, as_resource

Expected = tuple[int, ...] | None
"""The versions a write may replace; None when any will do."""

_CHANGES: dict[Any, Statement] = {}
_r = refs.c
_CLEAR_REFS = Statement(sa.delete(refs).where(_r.entity_id == sa.bindparam("entity_id", type_=_r.entity_id.type)))
_ADD_REF = Statement(
    sa.insert(refs).values(
        {
            **{
                name: sa.bindparam(name, type_=_r[name].type) for name in ("entity_id", "system", "external_id", "kind")
            },
            "live": sa.true(),
        }
    )
)
_SET_REFS_LIVE = Statement(
    sa.update(refs).where(one_of(_r.entity_id, "ids")).values(live=sa.bindparam("live", type_=sa.Boolean()))
)


async def require(reader: Reader, listing: Listing, identifier: str, what: str) -> Resource:
    """A live record by id; raises NotFound."""
    resource = await listing.find(reader, identifier)
    if resource is None:
        raise NotFound(what)
    return resource


async def lock(tx: Transaction, listing: Listing, identifier: str, expected: Expected, what: str) -> Resource:
    """A live record, locked until the end of the transaction; raises NotFound, or StaleVersion when it is not as
    expected.
    """
    resource = await listing.find(tx.reader, identifier, lock=True)
    if resource is None:
        raise NotFound(what)
    check_version(resource, expected)
    return resource


def check_version(resource: Resource, expected: Expected) -> None:
    """Raise StaleVersion unless the version is among the expected ones."""
    if expected is not None and resource.version not in expected:
        raise StaleVersion(resource.version)


async def insert(tx: Transaction, listing: Listing, values: Mapping[str, Any]) -> Resource:
    """Insert a live record with a fresh id (or the one given); returns it as it reads."""
    row = {"id": new_id(tx.now), "version": 1, "created_at": tx.now, "updated_at": tx.now, "deleted_at": None, **values}
    table = listing.table
    statement = _statement(
        ("insert", listing.name, tuple(row)),
        lambda: WriteThenRead(
            table,
            sa.insert(table).values({name: sa.bindparam(f"v_{name}", type_=table.c[name].type) for name in row}),
            listing.by_id(gone=True).clause,
        ),
    )
    binds = {f"v_{name}": value for name, value in row.items()}
    found = as_resource(await _guarded(tx, statement, {**binds, "id": row["id"]}))
    if found is None:
        raise RuntimeError("an insert returned no row")
    found.outcome = "created"
    return found


async def change(tx: Transaction, listing: Listing, identifier: str, values: Mapping[str, Any]) -> Resource:
    """Set columns of a record that the transaction has locked; its version grows by one."""
    table = listing.table
    statement = _statement(
        ("change", listing.name, tuple(values)),
        lambda: WriteThenRead(
            table,
            sa.update(table)
            .where(table.c.id == sa.bindparam("id", type_=table.c.id.type))
            .values(
                {
                    **{name: sa.bindparam(f"v_{name}", type_=table.c[name].type) for name in values},
                    "version": table.c.version + sa.literal_column("1"),
                    "updated_at": sa.bindparam("v_now", type_=table.c.updated_at.type),
                }
            ),
            listing.by_id(gone=True).clause,
        ),
    )
    binds = {f"v_{name}": value for name, value in values.items()}
    found = as_resource(await _guarded(tx, statement, {**binds, "id": identifier, "v_now": tx.now}))
    if found is None:
        raise RuntimeError("a locked record vanished")
    found.outcome = "updated"
    return found


async def _guarded(tx: Transaction, statement: Statement, binds: Mapping[str, Any]) -> Any:
    try:
        return await tx.one(statement, **binds)
    except ConstraintViolated as error:
        raise violated(error) from None


def violated(error: ConstraintViolated) -> Exception:
    """The error a caller may see for a constraint that checks before the write did not name."""
    if error.kind == "unique" and error.constraint == "uq_refs_live":
        return ReferenceTaken()
    return Conflict("The change contradicts another record")


def _statement(shape: Any, build: Any) -> Statement:
    statement = _CHANGES.get(shape)
    if statement is None:
        statement = _CHANGES[shape] = build()
    return statement


def differing(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of new column values, those that differ from the record's document as it reads now."""
    return {name: value for name, value in values.items() if not _same(value, before.get(name))}


def _same(value: Any, shown: Any) -> bool:
    if isinstance(value, Decimal):
        return shown is not None and Decimal(str(shown)) == value
    if isinstance(value, datetime):
        return bool(instant_text(value) == shown)
    if isinstance(value, date):
        return bool(value.isoformat() == shown)
    return bool(value == shown)


async def set_refs(tx: Transaction, kind: str, entity_id: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Make these the references of a record, instead of those it had; raises ReferenceTaken."""
    check_systems(wanted, "/refs")
    await tx.execute(_CLEAR_REFS, entity_id=entity_id)
    await add_refs(tx, kind, [(entity_id, ref) for ref in wanted])


def check_systems(wanted: Sequence[Mapping[str, Any]], pointer: str) -> None:
    """A record has one reference per system; raises Invalid."""
    systems = [ref["system"] for ref in wanted]
    if len(set(systems)) != len(systems):
        raise refuse(pointer, "duplicate_system", "Name each system once")


async def add_refs(tx: Transaction, kind: str, pairs: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Add references to records that have none of those systems yet; raises ReferenceTaken."""
    rows = [
        {"entity_id": entity_id, "system": ref["system"], "external_id": ref["external_id"], "kind": kind}
        for entity_id, ref in pairs
    ]
    try:
        if len(rows) == 1:
            await tx.execute(_ADD_REF, **rows[0])
        elif rows:
            await tx.many(_ADD_REF, rows)
    except ConstraintViolated as error:
        raise violated(error) from None


async def set_refs_live(tx: Transaction, ids: list[str], live: bool) -> None:
    """Give the references of deleted records free, or take them back; raises ReferenceTaken."""
    try:
        await tx.execute(_SET_REFS_LIVE, ids=ids, live=live)
    except ConstraintViolated as error:
        raise violated(error) from None


async def require_reference(
    tx: Transaction, listing: Listing, identifier: str | None, pointer: str, what: str
) -> Resource | None:
    """The live record that a member of the request names; raises Invalid at the pointer when there is none."""
    if identifier is None:
        return None
    resource = await listing.find(tx.reader, identifier)
    if resource is None:
        raise refuse(pointer, "unknown_reference", f"There is no such {what}")
    return resource


def plain_refs(given: Iterable[Any]) -> list[dict[str, str]]:
    """Reference models as plain values, ordered by system as documents show them."""
    return sorted(
        ({"system": ref.system, "external_id": ref.external_id} for ref in given), key=lambda ref: ref["system"]
    )
