"""SQLModel defines, SQLAlchemy compiles once, the driver executes: a statement in its compiled form, for either driver.

A `Statement` wraps one SQLAlchemy Core expression. For each database it is compiled once to SQL text, the order of
its parameters with their
converters, and the converters of its result columns; executing it costs the driver's work only (a SQLAlchemy session
costs twenty times as much).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from service.framework.database.columns import Exact, Json, Uuid, bind

_POSTGRESQL = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
_SQLITE = SQLiteDialect_pysqlite()
DIALECTS = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}

_UNSET = object()


class Compiled:
    """One statement for one database: text, parameters in order, result converters."""

    __slots__ = ("_binds", "first", "first_column", "keys", "out", "sql")

    def __init__(self, clause: Any, kind: str, first: tuple[Compiled, ...] = ()) -> None:
        self.first = first
        dialect = DIALECTS[kind]
        compiled = clause.compile(dialect=dialect)
        self.sql: str = compiled.string
        processors: dict[str, Callable[[Any], Any]] = compiled._bind_processors
        order = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
        values = compiled.construct_params(_check=False)
        for column in getattr(compiled, "insert_prefetch", ()):  # the defaults of columns that the insert leaves out
            default = column.default
            values[column.key] = default.arg(None) if default.is_callable else default.arg  # an empty list, say
        if kind == "postgresql":  # asyncpg takes a UUID as text or as it is: nothing to convert
            processors = {n: p for n, p in processors.items() if not isinstance(compiled.binds[n].type, Uuid)}
        self._binds = [
            (name, processors.get(name), _UNSET if compiled.binds[name].required else values[name]) for name in order
        ]
        columns = list(getattr(clause, "selected_columns", None) or getattr(clause, "exported_columns", None) or ())
        self.keys = tuple(str(column.key) for column in columns)
        converters = [_converter(column.type, kind) for column in columns]
        self.out = tuple((key, convert) for key, convert in zip(self.keys, converters, strict=True) if convert)
        self.first_column = converters[0] if converters else None

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The driver's arguments for named values; a name without a value and without a default is a programming
        error.
        """
        out = []
        for name, convert, default in self._binds:
            value = values.get(name, default)
            if value is _UNSET:
                raise TypeError(f"no value bound for {name!r} in: {self.sql}")
            out.append(convert(value) if convert is not None else value)
        return out

    def row(self, values: Any) -> dict[str, Any]:
        """A driver's row as a dict of Python values."""
        row = dict(zip(self.keys, values, strict=True))
        for key, convert in self.out:
            row[key] = convert(row[key])
        return row


def _converter(kind: Any, database: str) -> Callable[[Any], Any] | None:
    dialect = DIALECTS[database]
    if database == "postgresql" and isinstance(kind, sa.Numeric | sa.Float | Exact):
        return None
    if isinstance(kind, Json):
        return kind.result_processor(dialect, None)  # type: ignore[no-any-return]
    return kind.dialect_impl(dialect).result_processor(dialect, None)  # type: ignore[no-any-return]


class Statement:
    """A SQLAlchemy Core expression that is compiled at most once per database."""

    __slots__ = ("_compiled", "clause")

    def __init__(self, clause: Any) -> None:
        self.clause = clause
        self._compiled: dict[str, Compiled] = {}

    def on(self, kind: str) -> Compiled:
        """The compiled form for `postgresql` or `sqlite`."""
        compiled = self._compiled.get(kind)
        if compiled is None:
            compiled = self._compiled[kind] = self._compile(kind)
        return compiled

    def _compile(self, kind: str) -> Compiled:
        return Compiled(self.clause, kind)


def inserting(table: sa.Table, *left_out: str) -> Statement:
    """Return the insert of one row of a table, which takes a value for every column but those `left_out`."""
    columns = [column for column in table.c if column.name not in left_out]
    return Statement(sa.insert(table).values({column.name: bind(column.name, column) for column in columns}))


class WriteThenRead(Statement):
    """Change one row of a table and read it as a document.

    PostgreSQL does both in one statement: the change is a CTE with the table's name, so that the read sees the new
    row. SQLite takes two, because its RETURNING computes some expressions wrongly (3.40: `IS NOT NULL` is true for a
    null). `also` is an INSERT that goes with the change.
    """

    __slots__ = ("_also", "_read", "_table", "_write")

    def __init__(self, table: sa.Table, write: Any, read: Any, also: Any = None) -> None:
        super().__init__(read)
        self._table, self._write, self._read, self._also = table, write, read, also

    def _compile(self, kind: str) -> Compiled:
        writes = [self._write] if self._also is None else [self._write, self._also]
        if kind != "postgresql":
            return Compiled(self._read, kind, tuple(Compiled(write, kind) for write in writes))
        read = self._read.add_cte(self._write.returning(*self._table.c).cte(self._table.name))
        return Compiled(read if self._also is None else read.add_cte(self._also.cte("also")), kind)


class ChangeThenInsert(Statement):
    """Change one row of a table and insert a row of another that is selected from the changed row's id, version and
    `updated_at`; it returns what the insert returns, and no row when no row was changed.

    PostgreSQL does both in one statement; there `guard` is a SELECT of one row that is locked first, without which
    nothing is changed, and the changed row also has `at`, an expression that is computed once the row is locked. SQLite
    takes two statements in one transaction, where no other writer is to be kept away.
    """

    __slots__ = ("_at", "_change", "_guard", "_insert", "_table")

    def __init__(self, table: sa.Table, change: Any, insert: Any, at: Any, guard: Any = None) -> None:
        super().__init__(insert)
        self._table, self._change, self._insert, self._at, self._guard = table, change, insert, at, guard

    def _compile(self, kind: str) -> Compiled:
        if kind != "postgresql":
            return Compiled(self._insert, kind, (Compiled(self._change, kind),))
        change, insert = self._change, self._insert
        if self._guard is not None:
            guard = self._guard.with_for_update().cte("guard")
            change = change.where(sa.exists(sa.select(sa.literal_column("1")).select_from(guard)))
        c = self._table.c
        return Compiled(
            insert.add_cte(change.returning(c.id, c.version, c.updated_at, self._at.label("at")).cte(self._table.name)),
            kind,
        )
