"""What PostgreSQL and SQLite say differently, said once: JSON documents built by the database, lists of values, sort
keys.

Every read leaves the database as one JSON document per row, already in the format of the API, so that REST passes
bytes through, GraphQL parses
once, and both databases give the same text for the same value. SQLAlchemy Core compiles these constructs; no other
module asks which database it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from service.framework.database.columns import Day, Exact, Instant, Json, Money, bind
from service.platform.clock import instant_text


class JsonDocument(sa.types.TypeEngine[str]):
    """The type of an expression that already is a JSON document, as text."""

    __visit_name__ = "TEXT"


class json_row(FunctionElement[str]):
    """One JSON object with the given members, in order: `json_row({"id": accounts.c.id, ...})`."""

    type = JsonDocument()
    inherit_cache = False

    def __init__(self, members: Mapping[str, ColumnElement[Any]]) -> None:
        self.names = tuple(members)
        super().__init__(*members.values())


class _json_agg(FunctionElement[str]):
    type = JsonDocument()
    inherit_cache = False


class _document_text(FunctionElement[str]):
    type = sa.Text()
    inherit_cache = False


class moment(FunctionElement[datetime]):
    """The instant at which a row is written: the bound `now` or, where the bound `live` is true, PostgreSQL's clock if
    it is later, because the statement may have waited for a lock since `now` was read. On SQLite it is `now`.
    """

    type = Instant()
    inherit_cache = False

    def __init__(self, now: str, live: str) -> None:
        super().__init__(bind(now, Instant()), bind(live, sa.Boolean()))


class written_at(FunctionElement[datetime]):
    """The instant `at` that a changed row is returned with on PostgreSQL; on SQLite the row's `updated_at`, which is
    the same there.
    """

    type = Instant()
    inherit_cache = False


class instant_shown(FunctionElement[str]):
    """An instant as text, as every answer shows it."""

    type = sa.Text()
    inherit_cache = False


class sort_value(FunctionElement[Any]):
    """A sort key of a row as a cursor takes it: decimals leave PostgreSQL as text, because the driver's decimals cost
    more than the rest of a row.
    """

    inherit_cache = False

    def __init__(self, key: ColumnElement[Any]) -> None:
        super().__init__(key)
        self.type = key.type


class exact_text(FunctionElement[str]):
    """An `Exact` column inside a document, as text: a JSON number would be read as a float."""

    type = sa.Text()
    inherit_cache = False


class one_of(FunctionElement[bool]):
    """`column` equals one of the values of a bound list: `= ANY($1)` on PostgreSQL, `json_each` on SQLite; one plan
    for any length.
    """

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], bind: str) -> None:
        self.bind = bind
        super().__init__(column)


def json_list(rows: sa.Select[Any]) -> ColumnElement[str]:
    """A JSON array of the single JSON column that `rows` selects, in its order; `[]` when there is none. Correlate
    `rows` yourself.
    """
    inner = rows.subquery()
    return _as_document(sa.select(_json_agg(next(iter(inner.c)))).scalar_subquery())


def _as_document(scalar: Any) -> ColumnElement[str]:
    return sa.type_coerce(scalar, JsonDocument())


def as_json(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text expression that holds JSON, as a JSON value inside a document."""
    return sa.type_coerce(sa.cast(text, sa.JSON().with_variant(sa.Text(), "sqlite")), JsonDocument())


def document(row: ColumnElement[str]) -> ColumnElement[str]:
    """A JSON expression as text, to be the last step of a SELECT or a RETURNING."""
    return _document_text(row)


def json_rows(name: str, columns: Mapping[str, Any], dialect: str) -> sa.FromClause:
    """The rows of a bound JSON list of objects called `name`, with columns of the given types: a batch of values in one
    statement. `jsonb_to_recordset` on PostgreSQL, `json_each` on SQLite.
    """
    bound = bind(name, Json())
    if dialect == "postgresql":
        rows = sa.func.jsonb_to_recordset(bound)
        listed = [sa.column(column, kind) for column, kind in columns.items()]
        return rows.table_valued(*listed).render_derived(name=f"{name}_row", with_types=True)
    each = sa.func.json_each(bound).table_valued("value", name=f"{name}_each")
    return sa.select(
        *(
            sa.type_coerce(sa.func.json_extract(each.c.value, sa.literal_column(f"'$.{column}'")), kind).label(column)
            for column, kind in columns.items()
        )
    ).subquery(f"{name}_row")


def leaf(expression: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """The expression as it appears inside a JSON object on that database, by its type."""
    kind = expression.type
    if dialect == "postgresql":
        if isinstance(kind, Instant):
            shown = sa.func.to_char(
                sa.func.timezone(sa.literal_column("'UTC'"), expression), sa.literal_column(_INSTANT_FORMAT)
            )
            return shown
        if isinstance(kind, Money):
            return sa.cast(expression, sa.Text)
        if isinstance(kind, Exact):
            return sa.func.trim_scale(expression)
        return expression
    if isinstance(kind, Money):
        sign = sa.case((expression < 0, sa.literal_column("'-'")), else_=sa.literal_column("''"))
        units = sa.func.printf(
            sa.literal_column("'%d.%02d'"),
            sa.func.abs(expression).op("/")(sa.literal_column("100")),
            sa.func.abs(expression) % sa.literal_column("100"),
        )
        return sa.case((expression.is_not(None), sign.op("||")(units)))
    if isinstance(kind, Exact):
        return sa.type_coerce(expression, sa.Float).op("/")(sa.literal_column(f"1e{kind.scale}"))
    if isinstance(kind, sa.Boolean):
        return sa.func.json(
            sa.case(
                (expression.is_(sa.true()), sa.literal_column("'true'")),
                (expression.is_(sa.false()), sa.literal_column("'false'")),
            )
        )
    if isinstance(kind, Json | JsonDocument):
        return sa.func.json(expression)
    return expression


def json_value(value: Any, kind: Any) -> Any:
    """The value of a column of that type as `leaf` shows it in documents, ready for orjson."""
    if value is None:
        return None
    if isinstance(kind, Exact):
        number = (value if isinstance(value, Decimal) else Decimal(str(value))) + 0  # there is no negative zero in SQL
        number = number.quantize(Decimal(1).scaleb(-kind.scale))
        if isinstance(kind, Money):
            return f"{number:f}"
        return int(number) if number == number.to_integral_value() else float(number)
    if isinstance(kind, Instant) and isinstance(value, datetime):
        return instant_text(value)
    if isinstance(kind, Day) and isinstance(value, date):
        return value.isoformat()
    return value


_INSTANT_FORMAT = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''


@compiles(json_row, "postgresql")
def _pg_row(element: json_row, compiler: Any, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    columns = ", ".join(
        f'{compiler.process(leaf(expression, "postgresql"), **kw)} AS "{name}"'
        for name, expression in zip(element.names, element.clauses, strict=True)
    )
    return f"(SELECT row_to_json(jr) FROM (SELECT {columns}) jr)"


@compiles(json_row, "sqlite")
def _lite_row(element: json_row, compiler: Any, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    parts = ", ".join(
        f"'{name}', {compiler.process(leaf(expression, 'sqlite'), **kw)}"
        for name, expression in zip(element.names, element.clauses, strict=True)
    )
    return f"json_object({parts})"


@compiles(_json_agg, "postgresql")
def _pg_agg(element: _json_agg, compiler: Any, **kw: Any) -> str:
    return f"coalesce(json_agg({compiler.process(element.clauses, **kw)}), '[]'::json)"


@compiles(_json_agg, "sqlite")
def _lite_agg(element: _json_agg, compiler: Any, **kw: Any) -> str:
    return f"json_group_array(json({compiler.process(element.clauses, **kw)}))"


@compiles(_document_text, "postgresql")
def _pg_text(element: _document_text, compiler: Any, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    return f"{compiler.process(element.clauses, **kw)}::text"


@compiles(_document_text, "sqlite")
def _lite_text(element: _document_text, compiler: Any, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    return str(compiler.process(element.clauses, **kw))


@compiles(sort_value, "postgresql")
def _pg_sort_value(element: sort_value, compiler: Any, **kw: Any) -> str:
    key = next(iter(element.clauses))
    return str(compiler.process(sa.cast(key, sa.Text) if isinstance(key.type, Exact) else key, **kw))


@compiles(sort_value, "sqlite")
def _lite_sort_value(element: sort_value, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(next(iter(element.clauses)), **kw))


@compiles(exact_text, "postgresql")
def _pg_exact_text(element: exact_text, compiler: Any, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})::text"


@compiles(exact_text, "sqlite")
def _lite_exact_text(element: exact_text, compiler: Any, **kw: Any) -> str:
    column: Any = next(iter(element.clauses))
    return f"({compiler.process(column, **kw)} || 'e-{column.type.scale}')"


@compiles(one_of, "postgresql")
def _pg_one_of(element: one_of, compiler: Any, **kw: Any) -> str:
    column = next(iter(element.clauses))
    values = bind(element.bind, postgresql.ARRAY(column.type))
    return f"{compiler.process(column, **kw)} = ANY ({compiler.process(values, **kw)})"


@compiles(one_of, "sqlite")
def _lite_one_of(element: one_of, compiler: Any, **kw: Any) -> str:
    column = next(iter(element.clauses))
    values = bind(element.bind, Json())
    return f"{compiler.process(column, **kw)} IN (SELECT value FROM json_each({compiler.process(values, **kw)}))"


@compiles(moment, "postgresql")
def _moment_on_postgresql(element: moment, compiler: Any, **more: Any) -> str:
    now, live = (compiler.process(each, **more) for each in element.clauses)
    return f"greatest({now}, CASE WHEN {live} THEN clock_timestamp() END)"


@compiles(moment, "sqlite")
def _moment_on_sqlite(element: moment, compiler: Any, **more: Any) -> str:
    return str(compiler.process(next(iter(element.clauses)), **more))


@compiles(written_at, "postgresql")
def _written_at_on_postgresql(element: written_at, compiler: Any, **more: Any) -> str:
    return f"{next(iter(element.clauses)).table.name}.at"


@compiles(written_at, "sqlite")
def _written_at_on_sqlite(element: written_at, compiler: Any, **more: Any) -> str:
    return str(compiler.process(next(iter(element.clauses)), **more))


@compiles(instant_shown)
def _instant_shown(element: instant_shown, compiler: Any, **more: Any) -> str:
    instant = next(iter(element.clauses))
    return str(compiler.process(leaf(instant, compiler.dialect.name), **more))
