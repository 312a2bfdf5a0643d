"""Whether every record has a position for its version: what a write that raises a version without one would show."""

from typing import Any

import sqlalchemy as sa

from service.framework.database.database import Database
from service.framework.database.statements import Statement
from service.models.events.changes import record_changes, synced_tables

_p = record_changes.c


async def versions(database: Database) -> dict[str, tuple[str, int]]:
    """Return the kind and the version of every record that has positions, by its id."""
    found: dict[str, tuple[str, int]] = {}
    async with database.reading(fresh=True) as reader:
        for kind, table in synced_tables().items():
            for row in await reader.all(Statement(sa.select(table.c.id, table.c.version))):
                found[row["id"]] = (kind, row["version"])
    return found


async def without_position(database: Database) -> list[Any]:
    """Return the records whose version has no position; call it after the sequencer has run."""
    missing: list[Any] = []
    async with database.reading(fresh=True) as reader:
        for kind, table in synced_tables().items():
            known = sa.select(_p.version).where(_p.record_id == table.c.id, _p.kind == kind).scalar_subquery()
            query = sa.select(table.c.id, table.c.version).where(sa.func.coalesce(known, 0) != table.c.version)
            missing += [(kind, row) for row in await reader.all(Statement(query))]
    return missing
