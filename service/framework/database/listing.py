"""Lists: one declaration per kind of record says its document, filters and sorts; every list, connection and lookup is
made from it.

A listing is the one scoped builder of the house: what a caller may not see is cut here (`visible`), for REST,
GraphQL, documents and exports alike, in
every filter, sort, count and page. Statements are compiled once per shape of question and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Day, Exact, Instant, bind
from service.framework.database.database import Page, Reader, Resource, Row
from service.framework.database.dialects import document, json_row, one_of, sort_value
from service.framework.database.filters import Condition, Filterable, clause
from service.framework.database.pagination import Cursors
from service.framework.database.statements import Statement
from service.platform.clock import instant_text
from service.platform.errors import FieldError, Invalid
from service.platform.kept import Kept

COUNT_CEILING = 10_000
_KEPT_STATEMENTS = 1000
_USUAL_LIMITS = frozenset((10, 20, 25, 50, 100, 200))
"""Written into the statement: PostgreSQL plans one with a bound limit anew at every run, which costs as much as reading
twenty rows. Others are bound, so that statements stay few.
"""


@dataclass(frozen=True)
class Sort:
    """One sort key: a declared name and its direction."""

    name: str
    descending: bool = False


@dataclass(frozen=True)
class PageRequest:
    """What a caller asks of a list. `last` pages (GraphQL) go backwards from `before`."""

    limit: int = 50
    after: str | None = None
    before: str | None = None
    backwards: bool = False
    sort: tuple[Sort, ...] = ()
    condition: Condition = field(default_factory=Condition)
    count: str | None = None
    instants: tuple[tuple[str, datetime], ...] = ()
    """Instants that a listing of the past looks back to, by the name they are bound as."""
    changed_after: int | None = None
    """The position after which records are listed in the order of their changes, instead of the list as it is now."""
    include_deleted: bool = False


@dataclass
class Listing:
    """A kind of record as it is read.

    `members` is the JSON document; `sorts` maps names to never-null expressions (null sorts below every value);
    `visible` is the scope that every
    read of this kind has; `parents` are columns that nested lists and edges go by.
    """

    name: str
    table: sa.Table
    members: Mapping[str, ColumnElement[Any]]
    filters: Mapping[str, Filterable] = field(default_factory=dict)
    sorts: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    default_sort: tuple[Sort, ...] = ()
    visible: Callable[[], ColumnElement[bool]] | None = None
    source: Any = None
    changes: Any = field(default=None, repr=False)
    """The same records in the order of their changes (a `ChangeListing`), where that order is kept."""
    with_deleted: Listing | None = field(default=None, repr=False)
    """The same list with deleted records, which show when they were deleted."""
    _kept: Kept[Any, Statement] = field(default_factory=lambda: Kept(_KEPT_STATEMENTS), repr=False)

    # -- single records

    def by_id(self, *, lock: bool = False, gone: bool = False) -> Statement:
        """SELECT version and document by `:id`; with `lock` the row is locked; with `gone` deleted rows are found
        too.
        """
        return self._statement(("by_id", lock, gone), lambda: self._by_id(lock, gone))

    def _by_id(self, lock: bool, gone: bool) -> sa.Select[Any]:
        query = self._select(self._version(), self.document()).where(self.table.c.id == bind("id", self.table.c.id))
        scope = None if gone else self.scope()
        if scope is not None:
            query = query.where(scope)
        return query.with_for_update(of=self.table) if lock else query

    async def find(
        self, reader: Reader, identifier: str, *, lock: bool = False, gone: bool = False, **binds: Any
    ) -> Resource | None:
        """One record by id, or None; `binds` are what the listing's own expressions take."""
        return as_resource(await reader.one(self.by_id(lock=lock, gone=gone), id=identifier, **binds))

    def by_ids(self, *, lock: bool = False, gone: bool = False) -> Statement:
        """SELECT id, version and document of many `:ids`; with `lock` the rows are locked, in the order of ids. With
        `gone` deleted rows are found too, and each row has `deleted_at`.
        """

        def build() -> sa.Select[Any]:
            query = self._select(self.table.c.id, self._version(), self.document())
            query = query.where(one_of(self.table.c.id, "ids"))
            query = query.add_columns(self.table.c.deleted_at) if gone else query
            scope = None if gone else self.scope()
            query = query if scope is None else query.where(scope)
            return query.order_by(self.table.c.id).with_for_update(of=self.table) if lock else query

        return self._statement(("by_ids", lock, gone), build)

    @cached_property
    def own_columns(self) -> frozenset[str]:
        """The members that show a column of their own name, which no other member is computed from."""
        own = {name for name, shown in self.members.items() if shown is self.table.c.get(name)}
        used = {
            element.name
            for name, shown in self.members.items()
            if name not in own
            for element in visitors.iterate(shown)
            if isinstance(element, sa.Column) and element.table is self.table
        }
        return frozenset(own - used)

    def document(self) -> ColumnElement[str]:
        """The JSON document of a row, as text."""
        return document(json_row(self.members)).label("document")

    # -- pages

    async def page(
        self, reader: Reader, request: PageRequest, cursors: Cursors, *, where: Mapping[str, Any] | None = None
    ) -> Page:
        """One page, by keyset: stable at any depth. `where` holds fixed equalities (for example the account of a
        nested list).
        """
        where = where or {}
        sort = request.sort or self.default_sort
        keys = self.keys(sort)
        name = self.cursor_name(sort, request.instants)
        binds: dict[str, Any] = {**request.condition.binds, **dict(request.instants)}
        for column, value in where.items():
            binds[f"w_{column}"] = value
        for parameter, cursor in (("after", request.after), ("before", request.before)):
            if cursor is not None:
                binds.update(self._cursor_binds(name, keys, cursor, parameter, cursors))
        shape = (
            "page",
            sort,
            request.after is not None,
            request.before is not None,
            request.backwards,
            tuple(where),
            request.condition.shape,
            request.limit if request.limit in _USUAL_LIMITS else None,
        )
        statement = self._statement(shape, lambda: self._page(keys, request, tuple(where)))
        rows, as_row = await reader.raw(statement, limit=request.limit + 1, **binds)
        more = len(rows) > request.limit
        rows = rows[: request.limit]
        if request.backwards:
            rows.reverse()
        page = Page([row[0] for row in rows], has_more=more)
        if more and rows:
            page.next_cursor = self._cursor(name, keys, as_row(rows[0 if request.backwards else -1]), cursors)
        if request.count is not None:
            page.count = await self.count(reader, request, where)
        return page

    async def count(self, reader: Reader, request: PageRequest, where: Mapping[str, Any] | None = None) -> int:
        """How many records there are: exact, or for `estimated` exact up to 10,000 and 10,000 where there are more."""
        where = where or {}
        estimated = request.count == "estimated"

        def build() -> sa.Select[Any]:
            query = self._restricted(
                sa.select(sa.literal_column("1")).select_from(self._source()), request, tuple(where)
            )
            if estimated:
                query = query.limit(COUNT_CEILING)
            return sa.select(sa.func.count()).select_from(query.subquery())

        binds: dict[str, Any] = {**request.condition.binds, **dict(request.instants)}
        binds |= {f"w_{column}": value for column, value in where.items()}
        statement = self._statement(("count", estimated, tuple(where), request.condition.shape), build)
        return int(await reader.value(statement, **binds))

    def cursor_name(self, sort: Sequence[Sort], instants: Sequence[tuple[str, datetime]] = ()) -> str:
        """What a cursor of this list is bound to: the kind of record, the sort, and the instants looked back to."""
        when = "".join(f"@{instant_text(at)}" for _, at in instants)
        return f"{self.name}{when}?{','.join(('-' if key.descending else '') + key.name for key in sort)}"

    def _page(
        self, keys: list[tuple[ColumnElement[Any], bool]], request: PageRequest, where: tuple[str, ...]
    ) -> sa.Select[Any]:
        flip = request.backwards
        columns = [sort_value(expression).label(f"k{index}") for index, (expression, _) in enumerate(keys)]
        query = self._restricted(self._select(self.document(), *columns), request, where)
        if request.after is not None:
            query = query.where(beyond(keys, "after", after=True))
        if request.before is not None:
            query = query.where(beyond(keys, "before", after=False))
        order = [expression.desc() if descending != flip else expression.asc() for expression, descending in keys]
        limit: Any = bind("limit", sa.BigInteger)
        if request.limit in _USUAL_LIMITS:
            limit = sa.literal_column(str(request.limit + 1), sa.BigInteger)
        return query.order_by(*order).limit(limit)

    def _restricted(self, query: sa.Select[Any], request: PageRequest, where: tuple[str, ...]) -> sa.Select[Any]:
        scope = self.scope()
        if scope is not None:
            query = query.where(scope)
        for column in where:
            query = query.where(self.table.c[column] == bind(f"w_{column}", self.table.c[column]))
        condition = clause(request.condition.shape, self.filters)
        return query if condition is None else query.where(condition)

    def keys(self, sort: Sequence[Sort]) -> list[tuple[ColumnElement[Any], bool]]:
        """The sort keys as expressions, and whether each descends; the id decides between equals."""
        keys = [(self.sorts[key.name], key.descending) for key in sort]
        return [*keys, (self.table.c.id, keys[-1][1] if keys else False)]

    def _cursor(self, name: str, keys: Sequence[Any], row: Row, cursors: Cursors) -> str:
        return cursors.encode(name, [row[f"k{index}"] for index in range(len(keys))])

    def _cursor_binds(
        self, name: str, keys: list[tuple[ColumnElement[Any], bool]], cursor: str, parameter: str, cursors: Cursors
    ) -> dict[str, Any]:
        values = cursors.decode(name, cursor, parameter)
        return {
            f"{parameter}{index}": typed_value(value, expression.type)
            for index, ((expression, _), value) in enumerate(zip(keys, values, strict=True))
        }

    # -- the scoped base

    def scoped(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Put the scope that every read of this kind has on another statement over the table."""
        scope = self.scope()
        return query if scope is None else query.where(scope)

    def _select(self, *columns: Any) -> sa.Select[Any]:
        return sa.select(*columns).select_from(self._source())

    def _source(self) -> Any:
        return self.table if self.source is None else self.source

    def scope(self) -> ColumnElement[bool] | None:
        """What every read of this kind is restricted to, if it is."""
        if self.visible is not None:
            return self.visible()
        return self.table.c.deleted_at.is_(None) if "deleted_at" in self.table.c else None

    def _version(self) -> ColumnElement[Any]:
        return (
            self.table.c.version.label("version")
            if "version" in self.table.c
            else sa.literal_column("1", sa.BigInteger).label("version")
        )

    def _statement(self, shape: Any, build: Callable[[], Any]) -> Statement:
        return self._kept.made(shape, lambda: Statement(build()))


def as_resource(row: Row | None) -> Resource | None:
    """A row of version and document as a resource."""
    return None if row is None else Resource(row["version"], row["document"].encode())


def beyond(keys: list[tuple[ColumnElement[Any], bool]], prefix: str, *, after: bool) -> ColumnElement[bool]:
    """The rows on the far side of a cursor: one row comparison where all keys go one way, else spelled out."""
    binds: list[ColumnElement[Any]] = [
        bind(f"{prefix}{index}", expression) for index, (expression, _) in enumerate(keys)
    ]
    if len({descending for _, descending in keys}) == 1:
        left, right = sa.tuple_(*[expression for expression, _ in keys]), sa.tuple_(*binds)
        return left < right if keys[0][1] == after else left > right
    options = []
    for index, (expression, descending) in enumerate(keys):
        same = [keys[before][0] == binds[before] for before in range(index)]
        options.append(sa.and_(*same, expression < binds[index] if descending == after else expression > binds[index]))
    return sa.or_(*options)


def typed_value(value: Any, kind: Any) -> Any:
    """A value of a cursor as the Python value that a bind of this type takes."""
    if value is None:
        return None
    if isinstance(kind, Exact):
        return Decimal(value)
    if isinstance(kind, Instant):
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    if isinstance(kind, sa.Integer):
        return int(value)  # text in a cursor of the graph
    if isinstance(kind, Day):
        return date.fromisoformat(value)
    return value


def read_sort(text: str | None, listing: Listing) -> tuple[Sort, ...]:
    """`-revenue,name` as sort keys; raises Invalid for names the list can't be sorted by, or named twice."""
    if not text:
        return listing.default_sort
    keys = tuple(Sort(part.removeprefix("-"), part.startswith("-")) for part in text.split(","))
    for key in keys:
        if key.name not in listing.sorts:
            raise Invalid(
                [
                    FieldError(
                        "unknown_sort",
                        f"Sort by {', '.join(sorted(listing.sorts))}; a leading - reverses",
                        parameter="sort",
                    )
                ]
            )
    if len({key.name for key in keys}) != len(keys):
        raise Invalid([FieldError("duplicate_sort", "Name each sort key once", parameter="sort")])
    return keys
