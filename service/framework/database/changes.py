"""Lists in the order of changes: every record, also a deleted one, at the position of its last change.

Positions stand in a table of their own, are unique there, and are given after the commit. A page is one statement,
which also reads the last position and whether changes wait for theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import bind
from service.framework.database.database import Page, Reader
from service.framework.database.listing import Listing, PageRequest, Sort
from service.framework.database.pagination import Cursors
from service.platform.errors import CursorExpired

POSITION = "changed_position"


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """Where the order of changes is kept: a table with `record_id`, `kind` and `position`, the last position, and
    whether changes wait for their positions.
    """

    table: sa.Table
    end: ColumnElement[int]
    waiting: ColumnElement[bool]


@dataclass(slots=True)
class ChangedPage(Page):
    """A page of changes; `waiting` says whether committed changes had no position yet when it was read."""

    waiting: bool = False


class ChangeListing(Listing):
    """The records of another listing in the order of their changes."""

    def __init__(self, of: Listing, order: ChangeOrder, kind: str) -> None:
        positions, table = order.table.c, of.table
        at = sa.and_(positions.record_id == table.c.id, positions.kind == sa.literal_column(f"'{kind}'"))
        super().__init__(
            name=f"{of.name}/changes",
            table=table,
            members={**of.members, POSITION: positions.position, "deleted_at": table.c.deleted_at},
            sorts={POSITION: positions.position},
            default_sort=(Sort(POSITION),),
            visible=sa.true,
            source=order.table.join(table, at),
        )
        self.order = order

    def keys(self, sort: Sequence[Sort]) -> list[tuple[ColumnElement[Any], bool]]:
        """The position alone, because no two records share one."""
        return [(self.sorts[POSITION], False)]

    async def page(
        self, reader: Reader, request: PageRequest, cursors: Cursors, *, where: Mapping[str, Any] | None = None
    ) -> ChangedPage:
        """Return a page of the records that changed after the request's position. Raises CursorInvalid, and
        CursorExpired for a position beyond the last one.
        """
        name, after = self.cursor_name(self.default_sort), request.changed_after or 0
        start = after if request.after is None else max(after, int(cursors.decode(name, request.after)[0]))
        statement = self._statement(("changes", request.limit), lambda: self._changes(request.limit))
        rows, as_row = await reader.raw(statement, changed_after=start)
        state = as_row(rows[0])
        if start > state["end"]:
            raise CursorExpired.beyond_end(int(state["end"]))
        found = [row for row in rows if row[0] is not None]
        page = ChangedPage([row[0] for row in found[: request.limit]], has_more=len(found) > request.limit)
        page.waiting = bool(state["waiting"])
        if page.has_more:
            page.next_cursor = cursors.encode(name, [as_row(found[request.limit - 1])["position"]])
        if request.count is not None:
            page.count = await reader.value(self._statement("count changes", self._count), changed_after=after)
        return page

    def changed(self, name: str = "changed_after") -> ColumnElement[bool]:
        """Return whether a record changed after the position that is bound under this name."""
        return self.sorts[POSITION] > bind(name, sa.BigInteger())

    def _changes(self, limit: int) -> sa.Select[Any]:
        """Return the SELECT of a page beside the state of the order: one row without a document if nothing changed."""
        position = self.sorts[POSITION]
        query = self._select(self.document(), position.label("position")).where(self.changed()).order_by(position)
        changes = query.limit(sa.literal_column(str(limit + 1), sa.BigInteger)).subquery("changes")
        state = sa.select(self.order.end.label("end"), self.order.waiting.label("waiting")).subquery("state")
        shown = sa.select(changes.c.document, changes.c.position, state.c.end, state.c.waiting)
        return shown.select_from(state.outerjoin(changes, sa.true())).order_by(changes.c.position)

    def _count(self) -> sa.Select[Any]:
        return sa.select(sa.func.count()).select_from(self._source()).where(self.changed())


def follow(listing: Listing, order: ChangeOrder, kind: str) -> Listing:
    """Give a listing its two further forms: the order of its changes, and the list with deleted records."""
    listing.changes = ChangeListing(listing, order, kind)
    listing.with_deleted = Listing(
        name=listing.name,
        table=listing.table,
        members={**listing.members, "deleted_at": listing.table.c.deleted_at},
        filters=listing.filters,
        sorts=listing.sorts,
        default_sort=listing.default_sort,
        visible=sa.true,
        source=listing.source,
    )
    return listing
