"""Deleted records that upserts find by their references: what is known of one, and what was deleted with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.database import Resource
from service.framework.database.dialects import one_of
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.accounts.refs import refs
from service.platform.errors import ReferenceTaken
from service.platform.kept import Kept
from service.queries.accounts.refs import FIND_ANY, GONE, owners_of
from service.records.context import Transaction
from service.records.refs import set_refs_live
from service.records.rows import find_locked

_STATEMENTS: Kept[Any, Statement] = Kept(100)
_other = refs.alias("other")
_TAKEN = Statement(
    sa.select(_other.c.entity_id)
    .select_from(
        refs.join(
            _other,
            sa.and_(
                _other.c.kind == refs.c.kind,
                _other.c.system == refs.c.system,
                _other.c.external_id == refs.c.external_id,
                sa.literal_column("other.live", sa.Boolean),
            ),
        )
    )
    .where(one_of(refs.c.entity_id, "ids"), GONE)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Found:
    """The record that a reference names, locked; `deleted_at` is when it was deleted, or None."""

    record: Resource
    deleted_at: datetime | None

    @property
    def live(self) -> Resource | None:
        """The record, unless it is deleted."""
        return self.record if self.deleted_at is None else None


async def find_many(tx: Transaction, listing: Listing, ids: Sequence[str], *, lock: bool) -> dict[str, Found]:
    """Return records by id, deleted ones too. With `lock` they are locked, and read after that: a statement that waited
    for a lock shows references as they were before the wait.
    """
    if lock:
        await tx.all(listing.by_ids(lock=True, gone=True), ids=list(ids))
        tx.locked()
    rows = await tx.all(listing.by_ids(gone=True), ids=list(ids))
    return {row["id"]: Found(Resource(row["version"], row["document"].encode()), row["deleted_at"]) for row in rows}


async def find_by_ref(
    tx: Transaction, listing: Listing, kind: str, system: str, external_id: str, *, lock: bool
) -> Found | None:
    """Return the record with a reference: the live one, else the deleted one that was made last; None without one."""
    rows = await tx.all(FIND_ANY, kind=kind, system=system, external_id=external_id)
    identifier = owners_of(rows).get((system, external_id))
    if identifier is None:
        return None
    if not any(row["live"] for row in rows):
        return (await find_many(tx, listing, [identifier], lock=lock)).get(identifier)
    live = await (find_locked(tx, listing, identifier) if lock else listing.find(tx.reader, identifier))
    return None if live is None else Found(live, None)


async def restore_below(
    tx: Transaction, table: sa.Table, column: str, above: Sequence[str], mark: datetime
) -> list[str]:
    """Restore the rows whose `column` names one of the records `above` and that were deleted at `mark`, with them;
    return their ids.
    """
    statement = _STATEMENTS.made(
        ("restore_below", table.name, column),
        lambda: Statement(
            sa.update(table)
            .where(one_of(table.c[column], "above"), table.c.deleted_at == bind("mark", table.c.deleted_at))
            .values(
                deleted_at=sa.null(),
                updated_at=bind("now", table.c.updated_at),
                version=table.c.version + sa.literal_column("1"),
            )
            .returning(table.c.id)
        ),
    )
    return await tx.column(statement, above=list(above), mark=mark, now=tx.now)


async def take_refs_back(tx: Transaction, ids: Sequence[str]) -> None:
    """Give restored records their references again; raises ReferenceTaken, naming the record that has one of them."""
    holder = await tx.value(_TAKEN, ids=list(ids))
    if holder is not None:
        raise ReferenceTaken("/refs", holder)
    await set_refs_live(tx, list(ids), True)
