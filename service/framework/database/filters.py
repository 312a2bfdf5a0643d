"""The filter grammar that REST and GraphQL share: a tree of `and`, `or`, `not` and `{field: {operator: value}}`.

A part declares its filterable fields as data (name, column, kind); from that come the request model of the nested
grammar, the flat query
parameters (`quadrant=star,strategic`, `attractiveness_gte=6`) and the SQL. Fields and operators that were not
declared do not exist: they are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, StringConstraints, create_model
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Uuid, bind
from service.framework.database.dialects import like_pattern, one_of
from service.platform.errors import FieldError, Invalid
from service.platform.types import DayText, Figure, Flag, Id, InstantText, Money, Search, Shape, Whole

MAX_CONDITIONS = 50
MAX_DEPTH = 8

_COMPARISONS = ("gt", "gte", "lt", "lte")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "text": ("eq", "in", "contains", "is_null"),
    "enum": ("eq", "in", "is_null"),
    "id": ("eq", "in", "is_null"),
    "number": ("eq", *_COMPARISONS, "is_null"),
    "integer": ("eq", *_COMPARISONS, "is_null"),
    "money": ("eq", *_COMPARISONS, "is_null"),
    "day": ("eq", *_COMPARISONS, "is_null"),
    "instant": ("eq", *_COMPARISONS, "is_null"),
}


@dataclass(frozen=True)
class Filterable:
    """A field that lists can be filtered by. `values` are an enum's; `condition` replaces the column comparison (bind
    name -> clause).
    """

    column: ColumnElement[Any]
    kind: str
    values: tuple[str, ...] = ()
    condition: Callable[[str], ColumnElement[bool]] | None = None


def enum_field(column: Any, values: type[StrEnum]) -> Filterable:
    """A field with a closed vocabulary."""
    return Filterable(column, "enum", tuple(value.value for value in values))


def _value_type(item: Filterable) -> Any:
    if item.kind == "enum":
        return Annotated[str, StringConstraints(pattern=f"^({'|'.join(item.values)})$")]
    scalars: dict[str, Any] = {
        "text": Search,
        "id": Id,
        "number": Figure,
        "integer": Whole,
        "money": Money,
        "day": DayText,
        "instant": InstantText,
    }
    return scalars[item.kind]


def filter_model(name: str, fields: Mapping[str, Filterable]) -> type[Shape]:
    """The request model of the nested grammar over these fields; the same model makes GraphQL's input type."""
    members: dict[str, Any] = {}
    stem = name.removesuffix("Filter")
    for key, item in fields.items():
        kind = _value_type(item)
        operators: dict[str, Any] = {}
        for operator in _operators(item):
            if operator == "in":
                operators["in_"] = (
                    Annotated[list[kind], Field(max_length=200)] | None,  # type: ignore[valid-type]
                    Field(None, alias="in", description="One of these values"),
                )
            elif operator == "is_null":
                operators["is_null"] = (Flag | None, Field(None, description="Whether there is no value"))
            elif operator == "contains":
                operators["contains"] = (
                    Search | None,
                    Field(None, description="The text occurs in the value, whatever its case"),
                )
            else:
                operators[operator] = (kind | None, Field(None, description=_MEANING[operator]))
        condition = create_model(
            f"{stem}{_camel(key)}Condition",
            __base__=Shape,
            __doc__=f"Conditions on {key}; all of them hold.",
            **operators,
        )
        members[key] = (condition | None, Field(None, description=f"Conditions on {key}"))
    own: dict[str, Any] = {
        "and_": (
            Annotated[list[name], Field(max_length=MAX_CONDITIONS)] | None,  # type: ignore[valid-type]
            Field(None, alias="and", description="All of these hold"),
        ),
        "or_": (
            Annotated[list[name], Field(max_length=MAX_CONDITIONS)] | None,  # type: ignore[valid-type]
            Field(None, alias="or", description="At least one of these holds"),
        ),
        "not_": (
            f"{name} | None",
            Field(None, alias="not", description="This does not hold"),
        ),
    }
    model = create_model(
        name,
        __base__=Shape,
        __doc__=f"A filter: fields beside each other all hold; `and`, `or`, `not` nest up to {MAX_DEPTH} deep.",
        **own,
        **members,
    )
    return model


_MEANING = {
    "eq": "Equal to",
    "gt": "Greater than",
    "gte": "Greater than or equal to",
    "lt": "Less than",
    "lte": "Less than or equal to",
}


def _operators(item: Filterable) -> tuple[str, ...]:
    return ("eq",) if item.condition is not None else OPERATORS[item.kind]


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


Shaped = tuple[Any, ...]


@dataclass
class Condition:
    """A filter ready for SQL: its shape (hashable, without values) and the values to bind."""

    shape: Shaped = ()
    binds: dict[str, Any] = field(default_factory=dict)


def read_filter(
    tree: Mapping[str, Any] | None, fields: Mapping[str, Filterable], pointer: str = "/filter",
    binds: dict[str, Any] | None = None,
) -> Condition:  # fmt: skip
    """Turn a filter tree (plain dicts, validated values) into shape and binds; refuses unknown names, too many
    conditions, too deep trees. Filters that stand in one statement share `binds`, and the limit of conditions.
    """
    condition = Condition(binds={} if binds is None else binds)
    if tree:
        condition.shape = _read(tree, fields, condition.binds, pointer, 0)
    return condition


def _read(
    tree: Mapping[str, Any], fields: Mapping[str, Filterable], binds: dict[str, Any], pointer: str, depth: int
) -> Shaped:
    if depth > MAX_DEPTH:
        raise _refused(pointer, "filter_too_deep", f"Filters nest at most {MAX_DEPTH} deep")
    parts: list[Any] = []
    for key, value in tree.items():
        here = f"{pointer}/{key}"
        if value is None:
            continue
        if key in ("and", "or"):
            inner = tuple(_read(item, fields, binds, f"{here}/{index}", depth + 1) for index, item in enumerate(value))
            parts.append((key, inner))
        elif key == "not":
            parts.append(("not", _read(value, fields, binds, here, depth + 1)))
        elif key in fields:
            parts.extend(_conditions(key, value, fields[key], binds, here))
        else:
            raise _refused(here, "unknown_filter", f"There is no filter {key}")
        if len(binds) > MAX_CONDITIONS:
            raise _refused(pointer, "filter_too_large", f"A filter has at most {MAX_CONDITIONS} conditions")
    return ("and", tuple(parts))


def _conditions(
    key: str, value: Mapping[str, Any], item: Filterable, binds: dict[str, Any], pointer: str
) -> list[Shaped]:
    out: list[Shaped] = []
    for operator, operand in value.items():
        if operand is None:
            continue
        if operator not in _operators(item):
            raise _refused(f"{pointer}/{operator}", "unknown_operator", f"{key} has no operator {operator}")
        if operator == "is_null":
            out.append((key, "is_null", bool(operand)))
            continue
        bind = f"f{len(binds)}"
        binds[bind] = like_pattern(operand) if operator == "contains" else operand
        out.append((key, operator, bind))
    return out


def _refused(pointer: str, code: str, message: str) -> Invalid:
    return Invalid([FieldError(pointer=pointer, code=code, message=message)])


def clause(shape: Shaped, fields: Mapping[str, Filterable]) -> ColumnElement[bool] | None:
    """The SQL of a shape; None where it holds for every row."""
    if not shape:
        return None
    kind = shape[0]
    if kind in ("and", "or"):
        parts = [part for part in (clause(inner, fields) for inner in shape[1]) if part is not None]
        if not parts:
            return sa.false() if kind == "or" and shape[1] == () else None
        return sa.and_(*parts) if kind == "and" else sa.or_(*parts)
    if kind == "not":
        inner = clause(shape[1], fields)
        return sa.false() if inner is None else sa.func.coalesce(sa.not_(inner), sa.true())
    return _comparison(fields[kind], shape[1], shape[2])


_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {"eq": eq, "gt": gt, "gte": ge, "lt": lt, "lte": le}


def _comparison(item: Filterable, operator: str, value: Any) -> ColumnElement[bool]:
    column = item.column
    if item.condition is not None:
        return item.condition(value)
    if operator == "is_null":
        return column.is_(None) if value else column.is_not(None)
    if operator == "in":
        return one_of(column, value)
    bound: Any = bind(value, sa.Text() if operator == "contains" else column)
    if operator == "contains":
        return sa.func.lower(column).like(sa.func.lower(bound), escape="\\")
    found: ColumnElement[bool] = _COMPARED[operator](column, bound)
    return found


def flat_parameters(fields: Mapping[str, Filterable]) -> dict[str, Any]:
    """The flat query parameters of these fields, as pydantic field definitions: `name=a,b` and `name_gte=...`."""
    out: dict[str, Any] = {}
    for key, item in fields.items():
        if item.kind in ("enum", "id"):
            one = (
                "|".join(item.values) if item.kind == "enum" else "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
            )
            listed = Annotated[str, StringConstraints(max_length=4000, pattern=f"^(?:{one})(?:,(?:{one}))*$")]
            out[key] = (listed | None, Field(None, description=f"{key} is one of these, comma-separated"))
        elif item.kind == "text":
            out[key] = (Search | None, Field(None, description=f"{key} equals this"))
        else:
            kind = _value_type(item)
            for operator, parameter in _bounds(key, item).items():
                out[parameter] = (kind | None, Field(None, description=f"{key}: {_MEANING[operator].lower()} this"))
    return out


def _bounds(key: str, item: Filterable) -> dict[str, str]:
    """Return the parameters of a range by operator: `created_after` for `created_at`, `revenue_gte` for `revenue`."""
    if item.kind not in ("instant", "day"):
        return {"gte": f"{key}_gte", "lte": f"{key}_lte"}
    stem = key.removesuffix("_at").removesuffix("_on")
    return {"gt": f"{stem}_after", "lt": f"{stem}_before"}


def flat_tree(values: Mapping[str, Any], fields: Mapping[str, Filterable]) -> dict[str, Any]:
    """The filter tree of flat query parameters that were given."""
    tree: dict[str, Any] = {}
    for key, item in fields.items():
        if item.kind in ("enum", "id"):
            if values.get(key) is not None:
                listed = str(values[key]).split(",")
                if isinstance(item.column.type, Uuid):
                    listed = [part.lower() for part in listed]
                tree[key] = {"in": listed} if len(listed) > 1 else {"eq": listed[0]}  # `=` lets an index give the order
        elif item.kind == "text":
            if values.get(key) is not None:
                tree[key] = {"eq": values[key]}
        else:
            names = _bounds(key, item)
            found = {operator: values[name] for operator, name in names.items() if values.get(name) is not None}
            if found:
                tree[key] = found
    return tree
