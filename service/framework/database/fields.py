"""Fields declared once: the table, the create, the patch and the read model follow from one line each.

A field is `name: Name | None = Field(description="...")`. Its type gives the column's type and says whether the column
takes null; a column without a description is stored and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import sqlalchemy as sa
from pydantic import MISSING, BaseModel, create_model
from pydantic import Field as Member
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Day, Instant, Json, Uuid
from service.framework.database.columns import Money as MoneyColumn
from service.platform.types import Id, Money, Shape

AnyShape = TypeVar("AnyShape", bound=Shape)

WRITE_ONLY = "write only"
"""Marks a type of secrets in `Annotated`: no read model takes over a field of such a type."""

_COLUMNS: tuple[tuple[type, Any], ...] = (
    (bool, sa.Boolean),
    (int, sa.BigInteger),
    (str, sa.Text),
    (datetime, Instant),
    (date, Day),
    (list, Json),
    (dict, Json),
    (BaseModel, Json),
)
"""The column type of each Python type; a subclass stands before its base."""


class Fields(SQLModel):
    """The base of every table and of the fields that a table shares with its create and read models.

    Refuses unknown members, and keeps enum values as text.
    """

    # built at first use: tables are never instantiated, and building all of them slows the start
    model_config = {"extra": "forbid", "use_enum_values": True, "defer_build": True}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Give each field without a `sa_type` the column type of its Python type."""
        super().__pydantic_init_subclass__(**kwargs)
        for info in cls.model_fields.values():
            stored = [note for note in info.metadata if hasattr(note, "sa_type")]
            if not stored:
                info.metadata += Field(sa_type=_column_type(info)).metadata
            elif stored[0].sa_type is PydanticUndefined and stored[0].sa_column is PydanticUndefined:
                stored[0].sa_type = _column_type(info)


def table_of(model: type[SQLModel], *, unchecked: Iterable[str] = ()) -> sa.Table:
    """Return the table of a model, with a CHECK for each column whose type is a vocabulary (a `StrEnum`).

    The columns named in `unchecked` get none. Not an enum type of PostgreSQL: a migration cannot remove a value of it.
    Raises TypeError for a decimal without a `sa_type`, since SQLite would store it as a float.
    """
    table = SQLModel.metadata.tables[str(model.__tablename__)]
    for column in table.c:
        if type(column.type) is sa.Numeric:
            raise TypeError(f"{column} needs a sa_type: how many digits are stored?")
    for name, info in model.model_fields.items():
        kind = _described(info)[0]
        if isinstance(kind, type) and issubclass(kind, StrEnum) and name not in unchecked:
            table.append_constraint(check_in(name, kind, nullable=bool(table.c[name].nullable)))
    return table


def check_in(column: str, values: Iterable[str], *, nullable: bool = False) -> sa.CheckConstraint:
    """Return a CHECK that keeps a text column inside a vocabulary."""
    listed = ", ".join(f"'{value}'" for value in values)
    condition = f"{column} IN ({listed})"
    return sa.CheckConstraint(f"{column} IS NULL OR {condition}" if nullable else condition, name=f"known_{column}")


def read_of(*parts: type[BaseModel], order: str = "", omit: str = "") -> Callable[[type[AnyShape]], type[AnyShape]]:
    """Return a class decorator that puts the described fields of `parts` before the members of a read model.

    Each field keeps its type and description and becomes required. A field without a description or of a type that is
    `WRITE_ONLY` is left out, as is one that the class or its base already has. `order` lists the members that come
    first, and `omit` those that are not read, both separated by spaces. The class's own members may have a default, an
    alias and examples.

        @read_of(OfAccount, PlanCreate, Plan)
        class PlanRead(ReadBase):
            \"\"\"A plan of an account.\"\"\"

            progress: Count = Member(description="Objectives achieved, in percent")
    """

    def derive(shape: type[AnyShape]) -> type[AnyShape]:
        own = get_type_hints(shape, include_extras=True)
        left_out = {name for base in shape.__bases__ if issubclass(base, BaseModel) for name in base.model_fields}
        added = {name: info for name, info in shape.model_fields.items() if name not in left_out}
        left_out |= {*added, *omit.split()}
        members: dict[str, Any] = {}
        for part in parts:
            for name, info in part.model_fields.items():
                if info.description and name not in left_out and WRITE_ONLY not in _described(info)[1]:
                    members.setdefault(name, (_hints(part)[name], Member(description=info.description)))
        for name, info in added.items():
            known = {"default": info.default, "alias": info.alias, "examples": info.examples}
            members[name] = (own[name], Member(**known, description=info.description))
        first = {name: members[name] for name in order.split()}
        return create_model(
            shape.__name__,
            __base__=shape.__bases__,
            __module__=shape.__module__,
            __doc__=shape.__doc__,
            **{**first, **members},
        )

    return derive


def patch_of(
    model: type[BaseModel], name: str, exclude: Iterable[str] = (), later: Mapping[str, type[BaseModel]] | None = None
) -> type[Shape]:
    """Return the RFC 7396 merge-patch model `name` of a create model, without the members in `exclude`. `later` names
    members that a record gets after its creation, each with the table that declares it.

    Every member may be absent (`MISSING`). Null is taken only where the create model takes null; a member with another
    default refuses it, because no state without a value exists.
    """
    sources = {field: model for field in model.model_fields if field not in set(exclude)} | dict(later or {})
    fields: dict[str, Any] = {}
    for field, source in sources.items():
        info = source.model_fields[field]
        known: Any = {"examples": info.examples, "json_schema_extra": info.json_schema_extra}
        fields[field] = (
            Union[_hints(source)[field], MISSING],  # noqa: UP007 - built at run time
            Member(default=MISSING, description=info.description, **known),
        )
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__.removesuffix("Create")).lower()
    subject = f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
    return create_model(
        name,
        __base__=Shape,
        __module__=model.__module__,
        __doc__=f"What to change of {subject}: members left out stay as they are, null clears.",
        **fields,
    )


@cache
def _hints(model: type[BaseModel]) -> dict[str, Any]:
    """Return the types of a model's fields with their constraints."""
    return get_type_hints(model, include_extras=True)


def _described(info: FieldInfo) -> tuple[Any, list[Any]]:
    """Return the Python type of a field, without null, and what its type says beside it."""
    kind, notes = info.annotation, info.metadata
    choices = [choice for choice in get_args(kind) if choice is not NoneType]
    if NoneType in get_args(kind) and len(choices) == 1:
        kind = choices[0]
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
    return get_origin(kind) or kind, notes


def _column_type(info: FieldInfo) -> Any:
    """Return the column type of a field's Python type; undefined when the type does not say how it is stored."""
    kind, notes = _described(info)
    if get_args(Id)[1] in notes:
        return Uuid
    if get_args(Money)[2] in notes:
        return MoneyColumn
    known = (column for base, column in _COLUMNS if isinstance(kind, type) and issubclass(kind, base))
    return next(known, PydanticUndefined)
