"""Positions of changed records, which the sequencer gives together with those of the events.

A record changes in the transaction that emits an event about it, about its account, or about the record that it is
deleted or restored with. A classification that changes no shown number emits no event: its transaction names the
account, or the range of accounts that were classified, in `changed_ranges`. Whatever these name is compared with the
version that had the last position: a record whose version is higher gets a new one. So a record that an event names
without need gets none, and it does not matter which write raised the version.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from service.framework.database.columns import Uuid, bind
from service.framework.database.database import Row, Writer
from service.framework.database.dialects import json_rows
from service.framework.database.statements import Statement
from service.models.events.changes import changed_ranges, record_changes, synced_tables
from service.models.events.events import events
from service.platform.kept import Kept

WAITING = sa.or_(
    sa.exists(sa.select(events.c.seq).where(events.c.position.is_(None))), sa.exists(sa.select(changed_ranges.c.id))
)
"""Whether committed events or changes wait for their positions."""

END = sa.func.coalesce(sa.select(sa.func.max(record_changes.alias("last").c.position)).scalar_subquery(), 0)
"""The position of the last change."""

MOST_RANGES = 5
"""Ranges per transaction of the sequencer."""

_WHOLE = "account and its records"
_NAMED: dict[str, sa.types.TypeEngine[Any]] = {"kind": sa.Text(), "id": Uuid(), "place": sa.BigInteger()}
_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_STATEMENTS: Kept[tuple[str, ...], Statement] = Kept(200)

_c = changed_ranges.c
_RANGES = Statement(sa.select(_c.id).order_by(_c.id).limit(MOST_RANGES))
_END_RANGE = Statement(sa.delete(changed_ranges).where(_c.id == bind("range_id", Uuid())))


async def number_changes(writer: Writer, database_kind: str, numbered: Sequence[Row]) -> None:
    """Give positions to the records that changed with these events, in the order of the events."""
    named = _named_by(numbered)
    if named:
        kinds = tuple(sorted({kind for kind, _ in named}))
        statement = _STATEMENTS.made(
            (database_kind, *kinds), lambda: _positions(database_kind, _records_named(database_kind, kinds))
        )
        rows = [{"kind": kind, "id": identifier, "place": place} for (kind, identifier), place in named.items()]
        await writer.execute(statement, named=rows)


async def number_ranges(writer: Writer, database_kind: str) -> int:
    """Give positions to the accounts that changed in the next ranges; return the number of ranges."""
    ranges = await writer.column(_RANGES)
    for each in ranges:
        statement = _STATEMENTS.made(
            (database_kind, "", "range"), lambda: _positions(database_kind, _accounts_of_range())
        )
        await writer.execute(statement, range_id=each)
        await writer.execute(_END_RANGE, range_id=each)
    return len(ranges)


def _named_by(numbered: Iterable[Row]) -> dict[tuple[str, str], int]:
    """Return the records that events name, by kind and id, with the position of the last event that does. The records
    of an account, under a kind of its own, change with an event about a deletion or a restoration.
    """
    kinds = synced_tables().keys()
    named: dict[tuple[str, str], int] = {}
    for event in numbered:
        account_id, position = event["account_id"], event["position"]
        if event["subject_kind"] in kinds:
            named[event["subject_kind"], event["subject_id"]] = position
        if account_id is not None:
            named["account", account_id] = position
            if event["type"].endswith((".deleted", ".restored")):
                named[_WHOLE, account_id] = position
    return named


def _records_named(database_kind: str, kinds: Iterable[str]) -> list[sa.Select[Any]]:
    """Return the SELECTs of the records that `named` holds, of these kinds."""
    tables, named = synced_tables(), json_rows("named", _NAMED, database_kind)

    def select(name: str, kind: str, table: sa.Table, column: str) -> sa.Select[Any]:
        found = named.join(table, table.c[column] == named.c.id)
        columns = (sa.literal_column(f"'{kind}'", sa.Text).label("kind"), table.c.id, table.c.version, named.c.place)
        return sa.select(*columns).select_from(found).where(named.c.kind == sa.literal_column(f"'{name}'"))

    selects = [select(kind, kind, tables[kind], "id") for kind in kinds if kind != _WHOLE]
    if _WHOLE in kinds:
        owned = {kind: table for kind, table in tables.items() if "account_id" in table.c}
        selects += [select(_WHOLE, kind, table, "account_id") for kind, table in owned.items()]
    return selects


def _accounts_of_range() -> list[sa.Select[Any]]:
    """Return the SELECT of the accounts of the range `:range_id`."""
    table = synced_tables()["account"]
    within = table.c.id.between(_c.first_id, _c.last_id)
    columns = (sa.literal_column("'account'", sa.Text).label("kind"), table.c.id, table.c.version)
    found = sa.select(*columns, sa.literal_column("0", sa.BigInteger).label("place"))
    return [found.select_from(changed_ranges.join(table, within)).where(_c.id == bind("range_id", Uuid()))]


def _positions(database_kind: str, selects: Sequence[sa.Select[Any]]) -> Statement:
    """Return the upsert that gives the next positions to those of the selected records whose version has none."""
    found = sa.union_all(*selects).subquery("found")
    once = (
        sa.select(found.c.kind, found.c.id, sa.func.max(found.c.version).label("version"),
                  sa.func.max(found.c.place).label("place"))
        .group_by(found.c.kind, found.c.id)
        .subquery("once")
    )  # fmt: skip
    known = record_changes.alias("known")
    place = sa.func.row_number().over(order_by=(once.c.place, once.c.id))
    changed = (
        sa.select(once.c.id, once.c.kind, once.c.version, END + place)
        .select_from(once.outerjoin(known, known.c.record_id == once.c.id))
        .where(sa.or_(known.c.version.is_(None), known.c.version < once.c.version))
    )
    insert = _INSERT[database_kind](record_changes).from_select(["record_id", "kind", "version", "position"], changed)
    new = insert.excluded
    return Statement(
        insert.on_conflict_do_update(
            index_elements=["record_id"], set_={"version": new.version, "position": new.position}
        )
    )
