"""The filter grammar that REST and GraphQL share: a tree of `and`, `or`, `not` and `{field: {operator: value}}`.

A part declares its filterable fields as data (name, column, kind); from that come the request model of the nested
grammar, the flat query
parameters (`quadrant=star,strategic`, `attractiveness_gte=6`) and the SQL. Fields and operators that were not
declared do not exist: they are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from keyword import iskeyword
from operator import eq, ge, gt, le, lt
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, create_model
from pydantic_core import PydanticCustomError
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Uuid, bind
from service.framework.database.dialects import one_of
from service.framework.database.folding import contains, contains_binds
from service.platform.errors import FieldError, Invalid
from service.platform.patterns import any_of, list_of, words_of
from service.platform.types import DayText, Figure, Flag, Id, InstantText, Money, Search, Shape, Whole

MAX_CONDITIONS = 50
MAX_SEARCHES = 10
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
    note: str = ""
    """What the flat parameters of a range say besides."""


def enum_field(column: Any, values: type[StrEnum]) -> Filterable:
    """A field with a closed vocabulary."""
    return Filterable(column, "enum", tuple(value.value for value in values))


def _value_type(item: Filterable) -> Any:
    if item.kind == "enum":
        return Annotated[str, StringConstraints(pattern=any_of(item.values))]
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
        kind: Any = Annotated[_value_type(item), _NOT_NULL]
        kinds = {"in": Annotated[list[kind], Field(max_length=200), _NOT_NULL], "is_null": Annotated[Flag, _NOT_NULL],
                 "contains": Annotated[Search, _NOT_NULL]}  # fmt: skip
        condition: Any = create_model(
            f"{stem}{_camel(key)}Condition",
            __base__=_FilterShape,
            __doc__=f"Conditions on {key}; all of them hold, and there is at least one.",
            **dict(_member(operator, kinds.get(operator, kind), _MEANING[operator]) for operator in _operators(item)),
        )
        members[key] = _member(key, Annotated[condition, _NOT_NULL], f"Conditions on {key}")[1]
    branch: Any = Annotated[name, _NOT_NULL]
    branches = Annotated[list[branch], Field(max_length=MAX_CONDITIONS), _NOT_NULL]
    own = (
        _member("and", branches, "All of these hold"),
        _member("or", branches, "At least one of these holds"),
        _member("not", branch, "This does not hold"),
    )
    return create_model(
        name,
        __base__=_FilterShape,
        __doc__=f"A filter: fields beside each other all hold; `and`, `or`, `not` nest up to {MAX_DEPTH} deep. It has "
        f"at most {MAX_CONDITIONS} conditions, counting each operator and each `and`, `or` and `not`; {MAX_SEARCHES} "
        "of them may be `contains`. An empty filter always holds.",
        **dict(own),
        **members,
    )


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError(
            "null_operand", "A filter takes no null. Leave it out, or find missing values by is_null"
        )
    return value


_NOT_NULL = BeforeValidator(_refuse_null)


def _member(name: str, kind: Any, description: str) -> tuple[str, Any]:
    """Return a member that may be left out and is never null, with its name in Python."""
    alias = name if iskeyword(name) else None
    return (f"{name}_" if alias else name), (kind, Field(None, alias=alias, description=description))


def _without_defaults(schema: dict[str, Any]) -> None:
    for member in schema["properties"].values():
        member.pop("default", None)


class _FilterShape(Shape):
    """The base of filters and conditions, whose members may be left out and have no default."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


_MEANING = {
    "eq": "Equal to",
    "in": "One of these values",
    "contains": "The text occurs in the value, whatever its case: `strasse` finds `Straße`",
    "gt": "Greater than",
    "gte": "Greater than or equal to",
    "lt": "Less than",
    "lte": "Less than or equal to",
    "is_null": "Whether there is no value",
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


class FilterReader:
    """Reads the filters of one statement: they share the values to bind and the limits of conditions."""

    def __init__(self) -> None:
        self.binds: dict[str, Any] = {}
        self._conditions = self._searches = 0

    def read(self, tree: Mapping[str, Any], fields: Mapping[str, Filterable], pointer: str) -> Shaped:
        """Return the shape of a filter tree (plain dicts, validated values) and bind its values.

        Raises Invalid for unknown names, conditions without an operator, too many conditions and too deep trees.
        """
        return self._tree(tree, fields, pointer, 0) if tree else ()

    def _tree(self, tree: Mapping[str, Any], fields: Mapping[str, Filterable], pointer: str, depth: int) -> Shaped:
        if depth > MAX_DEPTH:
            raise _refused(pointer, "filter_too_deep", f"Filters nest at most {MAX_DEPTH} deep")
        parts: list[Any] = []
        for key, value in tree.items():
            here = f"{pointer}/{key}"
            if key in ("and", "or"):
                self._count(here)
                inner = (self._tree(item, fields, f"{here}/{index}", depth + 1) for index, item in enumerate(value))
                parts.append((key, tuple(inner)))
            elif key == "not":
                self._count(here)
                parts.append(("not", self._tree(value, fields, here, depth + 1)))
            elif key in fields:
                parts.extend(self._operators(key, value, fields[key], here))
            else:
                raise _refused(here, "unknown_filter", f"There is no filter {key}")
        return ("and", tuple(parts))

    def _operators(self, key: str, value: Mapping[str, Any], item: Filterable, pointer: str) -> Iterator[Shaped]:
        known = _operators(item)
        if not value:
            raise _refused(pointer, "empty_condition", f"Give at least one operator of {key}: {', '.join(known)}")
        for operator, operand in value.items():
            if operator not in known:
                raise _refused(f"{pointer}/{operator}", "unknown_operator", f"{key} has no operator {operator}")
            self._count(f"{pointer}/{operator}", operator == "contains")
            if operator == "is_null":
                yield (key, "is_null", bool(operand))
                continue
            bind = f"f{len(self.binds)}"
            given = contains_binds(bind, operand) if operator == "contains" else {bind: operand}
            self.binds |= given
            yield (key, "contains_either" if len(given) == 3 else operator, bind)

    def _count(self, pointer: str, search: bool = False) -> None:
        """Count a condition; raises Invalid beyond the limits."""
        self._conditions += 1
        self._searches += search
        if self._conditions > MAX_CONDITIONS:
            message = f"A filter has at most {MAX_CONDITIONS} conditions; each operator, `and`, `or` and `not` is one"
            raise _refused(pointer, "filter_too_large", message)
        if self._searches > MAX_SEARCHES:
            raise _refused(pointer, "filter_too_large", f"A filter has at most {MAX_SEARCHES} `contains`")


def read_filter(
    tree: Mapping[str, Any] | None, fields: Mapping[str, Filterable], pointer: str = "/filter"
) -> Condition:
    """Return the condition of a filter tree that is the only one of its statement; raises Invalid as `FilterReader`."""
    reader = FilterReader()
    return Condition(reader.read(tree or {}, fields, pointer), reader.binds)


def _refused(pointer: str, code: str, message: str) -> Invalid:
    return Invalid([FieldError(pointer=pointer, code=code, message=message)])


def clause(shape: Shaped, fields: Mapping[str, Filterable]) -> ColumnElement[bool] | None:
    """Return the SQL of a shape; None where it holds for every row."""
    if not shape:
        return None
    kind = shape[0]
    if kind == "and":
        parts = [part for part in (clause(inner, fields) for inner in shape[1]) if part is not None]
        return sa.and_(*parts) if parts else None
    if kind == "or":
        branches = [part for part in (clause(inner, fields) for inner in shape[1]) if part is not None]
        return sa.or_(sa.false(), *branches) if len(branches) == len(shape[1]) else None
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
    if operator in ("contains", "contains_either"):
        return contains(column, value, either=operator == "contains_either")
    found: ColumnElement[bool] = _COMPARED[operator](column, bind(value, column))
    return found


_ONE_ID = "(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"


def flat_parameters(fields: Mapping[str, Filterable]) -> dict[str, Any]:
    """The flat query parameters of these fields, as pydantic field definitions: `name=a,b` and `name_gte=...`."""
    out: dict[str, Any] = {}
    for key, item in fields.items():
        if item.kind in ("enum", "id"):
            pattern = words_of(item.values) if item.kind == "enum" else list_of(_ONE_ID, "a UUID")
            listed = Annotated[str, StringConstraints(max_length=4000, pattern=pattern)]
            out[key] = (listed | None, Field(None, description=f"{key} is one of these, comma-separated"))
        elif item.kind == "text":
            out[key] = (Search | None, Field(None, description=f"{key} equals this"))
        else:
            kind = _value_type(item)
            for operator, parameter in _bounds(key, item).items():
                meaning = f"{key}: {_MEANING[operator].lower()} this"
                out[parameter] = (
                    kind | None,
                    Field(None, description=f"{meaning}. {item.note}" if item.note else meaning),
                )
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
