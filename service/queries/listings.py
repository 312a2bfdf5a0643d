"""The listing of a plain record, derived from its table and its read model: document, filters, sorts."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Day, Exact, Instant, Money, Uuid
from service.framework.database.filters import Filterable, enum_field
from service.framework.database.listing import Listing
from service.models.shapes import LISTED_ONLY
from service.queries.accounts.refs import referenced, refs_of
from service.queries.changes import SYNC_NOTE, followed

LONGEST_FILTER = 254
"""Texts that may be longer are prose: no list filters by them."""
_KINDS: tuple[tuple[type[Any], str], ...] = (
    (Uuid, "id"),
    (Day, "day"),
    (Instant, "instant"),
    (Money, "money"),
    (Exact, "number"),
    (sa.Integer, "integer"),
)
_NAMES = ("name", "title")
_UNSORTED = ("id", "text", "enum")
_EARLIEST = {Day: "0001-01-01", Instant: "0001-01-01T00:00:00.000000Z"}


def listing_of(
    table: sa.Table,
    read: type[BaseModel],
    kind: str,
    *,
    without: Collection[str] = (),
    computed: Mapping[str, ColumnElement[Any]] | None = None,
    **more: Any,
) -> Listing:
    """Return the listing of a plain record of this `kind`, the word that its references and events use.

    Its document has the members of the read model: columns of the same name, `refs`, and those that are `computed`.
    Lists filter by every id, date, number, amount, value of a vocabulary and short text, and by `external_id`; they
    sort by name or title and by every date, number and amount. Members named in `without` do neither.
    """
    members = {**table.c, "refs": refs_of(table), **(computed or {})}
    shown = {name: info for name, info in read.model_fields.items() if name not in LISTED_ONLY}
    members = {name: members[name] for name in shown}
    fields = {
        name: filterable
        for name, info in shown.items()
        if name in table.c and name not in without
        for filterable in [_filterable(table.c[name], info.metadata, _plain_type(read, name))]
        if filterable is not None
    }
    sorts = {
        name: _never_null(table.c[name])
        for name, filterable in fields.items()
        if name in _NAMES or filterable.kind not in _UNSORTED
    }
    fields["updated_at"] = replace(fields["updated_at"], note=SYNC_NOTE)
    fields["external_id"] = Filterable(table.c.id, "text", condition=lambda bind: referenced(table, kind, bind))
    listing = Listing(name=str(table.name), table=table, members=members, filters=fields, sorts=sorts, **more)
    return followed(listing, kind)


def _plain_type(read: type[BaseModel], name: str) -> tuple[Any, list[Any]]:
    """Return a member's type without null, and the constraints that stand beside it."""
    hint, marks = get_type_hints(read, include_extras=True)[name], []
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            marks += found
        elif get_origin(hint) in (Union, UnionType):
            hint = next(option for option in get_args(hint) if option is not type(None))
        else:
            return hint, marks


def _filterable(column: sa.Column[Any], metadata: list[Any], plain: tuple[Any, list[Any]]) -> Filterable | None:
    """Return how lists filter by a column; None for ids of the record itself, versions, flags, prose and JSON."""
    hint, marks = plain
    if column.primary_key or column.name == "version":
        return None
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return enum_field(column, hint) if isinstance(column.type, sa.Text) else None
    for kind, word in _KINDS:
        if isinstance(column.type, kind):
            return Filterable(column, word)
    longest = [most for most in (getattr(mark, "max_length", None) for mark in (*metadata, *marks)) if most]
    short = isinstance(column.type, sa.Text) and hint is str and longest and min(longest) <= LONGEST_FILTER
    return Filterable(column, "text") if short else None


def _never_null(column: sa.Column[Any]) -> ColumnElement[Any]:
    """Return a column as a sort key: null sorts below every value."""
    if not column.nullable:
        return column
    lowest: Any = sa.literal_column(f"'{_EARLIEST.get(type(column.type), '')}'")
    if isinstance(column.type, Exact):
        lowest = sa.literal(Decimal(1 - 10 ** (column.type.precision - column.type.scale)), column.type)
    elif isinstance(column.type, sa.Integer):
        lowest = sa.literal_column(str(-(2**31)))
    return sa.type_coerce(sa.func.coalesce(column, lowest), column.type)
