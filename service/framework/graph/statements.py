"""A root field as one SQL statement: edges become correlated subqueries, and the database builds the answer's JSON
under the answer's own keys.

So a request costs as many statements as it has root fields, whatever it asks for below them. Values never get into the
text: the statement depends on the plan and on the *form* of the arguments (is there a cursor, which filter tree, which
order), and is compiled once per form. Visibility, filters and sort keys are those of the listing that REST reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.util import ClauseAdapter

from service.framework.database.changes import ChangeListing
from service.framework.database.columns import bind
from service.framework.database.dialects import JsonDocument, document, json_list, json_row, one_of
from service.framework.database.filters import clause
from service.framework.database.listing import Listing, beyond
from service.framework.database.statements import Statement
from service.framework.graph.answer import CURSOR, IDENTIFIER
from service.framework.graph.edges import Graph
from service.framework.graph.paging import Form, PageArguments
from service.framework.graph.selection import (
    WIDEST,
    Connection,
    Constant,
    Item,
    Leaf,
    Nested,
    Selection,
    Single,
    Withheld,
)
from service.platform.errors import Invalid

Members = dict[str, ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement, the arguments of its connections, the values to bind, and the objects it takes off the budget."""

    statement: Statement
    asked: dict[int, PageArguments]
    binds: dict[str, Any]
    cost: int


class Rows:
    """One use of a listing in a statement: its expressions over an alias of its table, adapted once and kept."""

    def __init__(self, listing: Listing, number: int) -> None:
        self.listing = listing
        self.table = listing.table.alias(f"t{number}")
        self._adapter = ClauseAdapter(self.table)
        self._kept: dict[int, tuple[Any, Any]] = {}
        self.source: Any = self.table if listing.source is None else self.over(listing.source)
        scope = listing.scope()
        self.visible: tuple[ColumnElement[bool], ...] = () if scope is None else (self.over(scope),)
        """What every read of this kind is restricted to."""

    def over(self, expression: Any) -> Any:
        """An expression over the listing's table as the same expression over the alias."""
        return self._adapter.traverse(expression)

    def declared(self, expression: Any) -> Any:
        """As `over`, for the expressions that the listing and the graph declare: adapted once."""
        kept = self._kept.get(id(expression))
        if kept is None:
            kept = self._kept[id(expression)] = (expression, self.over(expression))
        return kept[1]

    def keys(self, form: Form) -> list[tuple[ColumnElement[Any], bool]]:
        """The sort keys of a page and whether each descends; the id decides between equals."""
        return [(self.declared(key), descending) for key, descending in self.listing.keys(form.sort)]


_NOTHING = sa.literal_column("NULL", sa.Text())
"""A member that only rows of the past have, or that the caller may not read."""

_MOST_KEPT = 40
_ROWS: dict[tuple[int, int], Rows] = {}
"""The uses that statements have had, by listing and number: adapting expressions is most of what a new text costs."""


class Builder:
    """Builds the statements of one plan for one set of forms (by slot)."""

    def __init__(self, graph: Graph, forms: Mapping[int, Form], past: bool = False) -> None:
        self._graph = graph
        self._forms = forms
        self._past = past
        """Whether rows that have a past are read as of the bound `as_of`."""
        self._uses = 0

    def by_ids(self, selection: Selection) -> Statement:
        """`id` and `document` of the visible rows whose ids are bound as `ids`."""
        rows = self._rows(selection.typename)
        shown = document(json_row(self._members(selection, rows))).label("document")
        found = sa.select(rows.table.c.id, shown).select_from(rows.source)
        return Statement(found.where(one_of(rows.table.c.id, "ids"), *rows.visible))

    def by_id(self, selection: Selection) -> Statement:
        """The document of the visible row whose id is bound as `id`."""
        rows = self._rows(selection.typename)
        chosen = rows.table.c.id == bind("id", rows.table.c.id)
        shown = document(json_row(self._members(selection, rows)))
        return Statement(sa.select(shown).select_from(rows.source).where(chosen, *rows.visible))

    def page(self, connection: Connection) -> Statement:
        """The document of a root connection; in the order of changes also the state of that order."""
        query = sa.select(document(self._connection(connection, None)).label("document"))
        if self._forms[connection.slot].changed:
            order = self._graph.types[connection.many.target].listing.changes.order
            query = query.add_columns(order.end.label("end"), order.waiting.label("waiting"))
        return Statement(query)

    def _rows(self, typename: str, form: Form | None = None) -> Rows:
        self._uses += 1
        kind = self._graph.types[typename]
        listing = kind.past if self._past and kind.past is not None else kind.listing
        if form is not None:
            listing = form.listing_of(listing)
        rows = _ROWS.get((id(listing), self._uses))
        if rows is None:
            rows = Rows(listing, self._uses)
            if self._uses <= _MOST_KEPT:
                _ROWS[id(listing), self._uses] = rows
        return rows

    def _members(self, selection: Selection, rows: Rows) -> Members:
        members = {selection.label(item): self._member(item, rows) for item in selection.items}
        if selection.tail is not None:
            members[IDENTIFIER] = rows.table.c.id
        if not selection.wide:
            return members
        listed = list(members.items())
        return {f"~{at}": json_row(dict(listed[at : at + WIDEST])) for at in range(0, len(listed), WIDEST)}

    def _member(self, item: Item, rows: Rows) -> ColumnElement[Any]:
        if isinstance(item, Constant):
            return sa.literal_column(f"'{item.value}'", sa.Text())
        if isinstance(item, Withheld):
            return _NOTHING
        if isinstance(item, Single):
            return self._single(item, rows)
        if isinstance(item, Connection):
            return self._connection(item, rows)
        if isinstance(item, Nested) and item.edge is not None:
            if not self._past:
                return rows.declared(item.edge.expression)  # type: ignore[no-any-return]
            if item.edge.past is None:
                message = f"{item.edge.field} exists for the present only. Leave it out, or query without asOf"
                raise Invalid.parameter("asOf", "present_only", message)
            return rows.declared(item.edge.past)  # type: ignore[no-any-return]
        assert isinstance(item, Leaf | Nested)  # noqa: S101 - the only other kinds
        return rows.declared(rows.listing.members.get(item.member, _NOTHING))  # type: ignore[no-any-return]

    def _single(self, item: Single, source: Rows) -> ColumnElement[Any]:
        rows = self._rows(item.edge.target)
        chosen = rows.table.c.id == source.table.c[item.edge.column]
        found = sa.select(json_row(self._members(item.shape, rows))).select_from(rows.source)
        found = found.where(chosen, *rows.visible).correlate(source.table)
        return sa.type_coerce(found.scalar_subquery(), JsonDocument())

    def _connection(self, item: Connection, source: Rows | None) -> ColumnElement[Any]:
        """The connection as a document: final where the plan is plain, else `{"rows": [...], "total": n}` for
        answer.py.
        """
        form = self._forms[item.slot]
        rows = self._rows(item.many.target, form)
        where = [*rows.visible, *self._conditions(form, rows)]
        if isinstance(rows.listing, ChangeListing):
            where.append(rows.over(rows.listing.changed(f"p{item.slot}")))
        if source is not None:
            where.append(rows.table.c[item.many.column] == source.table.c.id)
        keys = rows.keys(form)
        order = [key.desc() if descending is not form.backward else key.asc() for key, descending in keys]
        found = sa.select(self._shown(item, rows, keys)).select_from(rows.source).where(*where)
        found = found.where(*self._slice(form, keys, item.slot)).order_by(*order)
        bound: Any = bind(f"n{item.slot}", sa.BigInteger())
        found = found.limit(bound if form.rows is None else sa.literal_column(str(form.rows), sa.BigInteger()))
        listed = json_list(_within(found, source))
        if item.plain:
            return json_row({item.parts[0].key: listed})
        members: Members = {"rows": listed}
        if item.wants_total:
            counted = sa.select(sa.func.count()).select_from(rows.source).where(*where)
            members["total"] = _within(counted, source).scalar_subquery()
        return json_row(members)

    def _shown(self, item: Connection, rows: Rows, keys: list[tuple[ColumnElement[Any], bool]]) -> ColumnElement[Any]:
        """The document of one row of a page."""
        if len(item.nodes) == 1:
            members = self._members(item.nodes[0], rows)
        else:
            members = {str(index): json_row(self._members(node, rows)) for index, node in enumerate(item.nodes)}
        if item.plain:
            part = item.parts[0]
            return json_row(members) if part.what == "nodes" else json_row({part.inner[0].key: json_row(members)})
        if item.wants_cursor or not members:
            members[CURSOR] = json_row({str(index): key for index, (key, _) in enumerate(keys)})
        return json_row(members)

    def _conditions(self, form: Form, rows: Rows) -> list[ColumnElement[bool]]:
        condition = clause(form.filter, rows.listing.filters)
        return [] if condition is None else [rows.over(condition)]

    def _slice(self, form: Form, keys: list[tuple[ColumnElement[Any], bool]], slot: int) -> list[ColumnElement[bool]]:
        out = []
        if form.after:
            out.append(beyond(keys, f"a{slot}_", after=True))
        if form.before:
            out.append(beyond(keys, f"b{slot}_", after=False))
        return out


def _within(query: sa.Select[Any], source: Rows | None) -> sa.Select[Any]:
    return query if source is None else query.correlate(source.table)
