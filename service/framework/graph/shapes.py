"""Strawberry types made of the pydantic models that REST uses, so that both APIs have the same members by construction.

Members are read from the models' JSON Schema: what the OpenAPI document says of a member is what its GraphQL type is
made of, descriptions included. Enum values keep REST's spelling, so that a front-end sees one vocabulary. Strawberry is
imported where it is used, so that the service listens before it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, EnumType, StrEnum
from inspect import Parameter, Signature
from keyword import iskeyword
from types import UnionType
from typing import Annotated, Any, NewType, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter

from service.framework.graph.calls import ID
from service.framework.graph.names import camel
from service.platform.types import Money, SignedMoney

DateTime = NewType("DateTime", str)
Date = NewType("Date", str)
Decimal = NewType("Decimal", str)
BigInt = NewType("BigInt", int)
JSON = NewType("JSON", object)

SCALARS: Mapping[Any, tuple[str, str]] = {
    DateTime: ("DateTime", "An RFC 3339 instant with an offset; answers are in UTC with `Z`."),
    Date: ("Date", "A calendar day as YYYY-MM-DD."),
    Decimal: ("Decimal", "An exact amount as a decimal string, for example 1250000.00."),
    BigInt: ("BigInt", "A whole number of up to 53 bits."),
    JSON: ("JSON", "Any JSON value."),
}

_MONEY = {TypeAdapter(kind).json_schema()["pattern"] for kind in (Money, SignedMoney)}
_ALTERNATIVES = re.compile(r"\^\(([A-Za-z_][A-Za-z0-9_]*(?:\|[A-Za-z_][A-Za-z0-9_]*)*)\)\$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument to declare. `kind` is its Python type."""

    name: str
    kind: Any
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field to declare: its Python type, its arguments, and the resolver that has none for what SQL answers."""

    name: str
    kind: Any
    description: str = ""
    arguments: tuple[Argument, ...] = ()
    resolver: Callable[..., Any] | None = None
    decorator: str = "field"


class Author:
    """Writes Strawberry types and remembers them by name. A type is a bare class until its fields are known, so types
    may refer to each other in any order.
    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.written: set[str] = set()
        self._vocabularies: dict[frozenset[str], Any] = {}
        self.models: dict[tuple[str, bool], Any] = {}
        """Types by the name of their model and whether they are read."""

    def declare(self, name: str, *bases: type) -> Any:
        """Return the class of a type, bare if its fields are not written yet."""
        if name not in self.names:
            self.names[name] = type(name, bases, {"__module__": __name__, "__doc__": None})
        return self.names[name]

    def output(self, name: str, model: type[BaseModel], extra: Iterable[Field] = ()) -> Any:
        """Write the object type of a read model, with fields of its own besides (edges)."""
        return self._model(name, model, "serialization", extra)

    def input(self, name: str, model: type[BaseModel]) -> Any:
        """Write the input type of a request model; members of a merge patch are optional, and absent is not null."""
        return self._model(name, model, "validation", ())

    def object(self, name: str, fields: Iterable[Field], description: str, *, kind: str = "type") -> Any:
        """Write an object type (or `input`, or `interface`) of the given fields."""
        import strawberry  # noqa: PLC0415 - heavy, and needed only where the schema is built

        made = self.declare(name)
        self.written.add(name)
        made.__annotations__ = {}
        for item in fields:
            attribute = f"{item.name}_" if iskeyword(item.name) else item.name
            options: dict[str, Any] = {"name": item.name, "description": item.description or None}
            if kind == "input" and type(None) in get_args(item.kind):
                options["default"] = strawberry.UNSET
            if item.resolver is not None:
                options["resolver"] = _signed(item.resolver, item)
            setattr(made, attribute, getattr(strawberry, item.decorator)(**options))
            made.__annotations__[attribute] = item.kind
        decorate: Any = {"type": strawberry.type, "input": strawberry.input, "interface": strawberry.interface}[kind]
        return decorate(made, name=name, description=description or None)

    def vocabulary(self, name: str, values: Iterable[str], description: str = "") -> Any:
        """Return the enum with this name. Its members are texts, so statements bind them as they are."""
        import strawberry  # noqa: PLC0415

        if name not in self.names:
            listed = tuple(values)
            made = StrEnum(name, {value: value for value in listed})  # type: ignore[misc]
            self.names[name] = strawberry.enum(made, name=name, description=description or None)
            self._vocabularies.setdefault(frozenset(listed), self.names[name])
        return self.names[name]

    def listed(self, name: str, values: Iterable[str]) -> Any:
        """Return the enum of values that a model only lists: one that has a name of its own already, else a new one."""
        words = tuple(values)
        return self._vocabularies.get(frozenset(words)) or self.vocabulary(name, words)

    def shown(self, kind: Any) -> Any:
        """Return a Python type with Strawberry types in the place of models, enums and ids."""
        import strawberry  # noqa: PLC0415

        if kind is ID:
            return strawberry.ID
        if get_origin(kind) in (UnionType, Union):
            return optional(self.shown(get_args(kind)[0]))
        if get_origin(kind) is list:
            return many(self.shown(get_args(kind)[0]))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found = self.models.get((kind.__name__, True))
            return found or self.output(kind.__name__.removesuffix("Read"), kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self.vocabulary(kind.__name__, [word.value for word in kind])
        return kind

    def _model(self, name: str, model: type[BaseModel], mode: Any, extra: Iterable[Field]) -> Any:
        reading = mode == "serialization"
        if name in self.written:
            return self.names[name]
        schema = model.model_json_schema(mode=mode)
        definitions = _Definitions(self, schema.get("$defs", {}), reading)
        root = definitions.resolve(schema)
        self.models[model.__name__, reading] = self.declare(name)
        fields = [*definitions.fields(root), *extra]
        return self.object(name, fields, root.get("description", ""), kind="type" if reading else "input")


def _signed(resolver: Callable[..., Any], item: Field) -> Callable[..., Any]:
    """Return a resolver whose signature names the arguments and the type of a field: Strawberry reads them there."""
    import strawberry  # noqa: PLC0415

    def resolve(root: Any, info: Any, **arguments: Any) -> Any:
        return resolver(info, arguments)

    parameters = [
        Parameter("root", Parameter.POSITIONAL_OR_KEYWORD),
        Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info),
    ]
    for each in item.arguments:
        described = strawberry.argument(name=each.name, description=each.description or None)
        omissible = type(None) in get_args(each.kind)
        parameters.append(
            Parameter(
                f"{each.name}_" if iskeyword(each.name) else each.name,
                Parameter.KEYWORD_ONLY,
                annotation=Annotated[each.kind, described],
                default=strawberry.UNSET if omissible else Parameter.empty,
            )
        )
    resolve.__name__ = item.name
    resolve.__signature__ = Signature(parameters, return_annotation=item.kind)  # type: ignore[attr-defined]
    resolve.__annotations__ = {each.name: each.annotation for each in parameters[1:]} | {"return": item.kind}
    return resolve


class _Definitions:
    """The definitions of one JSON Schema document, turned into types when they are met."""

    def __init__(self, author: Author, definitions: Mapping[str, Any], reading: bool) -> None:
        self.author = author
        self.definitions = definitions
        self.reading = reading
        self._owner = ""

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind a reference."""
        if "$ref" in schema:
            return self.definitions[schema["$ref"].rpartition("/")[2]]  # type: ignore[no-any-return]
        return schema

    def fields(self, schema: Mapping[str, Any]) -> list[Field]:
        """The fields of an object schema."""
        required = set(schema.get("required", ()))
        self._owner = self._bare(schema.get("title", ""))
        out = []
        for name, member in schema["properties"].items():
            owner = self._owner
            kind, nullable = self.kind(member, name)
            self._owner = owner
            may_be_null = nullable or (not self.reading and name not in required)
            out.append(Field(camel(name), optional(kind) if may_be_null else kind, member.get("description", "")))
        return out

    def kind(self, schema: Mapping[str, Any], name: str) -> tuple[Any, bool]:
        """Return the type of a member and whether it may be null."""
        if "anyOf" in schema:
            outer = {key: value for key, value in schema.items() if key != "anyOf"} if "type" in schema else None
            options = [option for option in schema["anyOf"] if option.get("type") != "null"]
            nullable = len(options) < len(schema["anyOf"])
            kind = self.kind(outer or options[0], name)[0] if len(options) == 1 else JSON
            return kind, nullable
        if "$ref" in schema:
            return self._reference(schema["$ref"].rpartition("/")[2]), False
        if schema.get("type") == "array":
            inner, nullable = self.kind(schema.get("items", {}), name)
            return list[inner | None if nullable else inner], False  # type: ignore[misc]
        return self._scalar(schema, name), False

    def _reference(self, key: str) -> Any:
        written = self.author.models.get((key, self.reading))
        if written is not None:
            return written
        schema = self.definitions[key]
        if "enum" in schema:
            if not all(_NAME.fullmatch(str(value)) for value in schema["enum"]):
                return str
            if not isinstance(self.author.names.get(key), EnumType | None):
                return type(None)  # an object has this name: the contract shows such a vocabulary as Void
            return self.author.vocabulary(key, schema["enum"], schema.get("description", ""))
        if "properties" not in schema:
            return self._scalar(schema, key) if "type" in schema else JSON
        name = self._name(key, schema)
        known = name in self.author.names
        made = self.author.models[key, self.reading] = self.author.declare(name)
        if not known:
            kind = "type" if self.reading else "input"
            self.author.object(name, self.fields(schema), schema.get("description", ""), kind=kind)
        return made

    @staticmethod
    def _bare(name: str) -> str:
        return name.removesuffix("Read").removesuffix("Shape")

    def _name(self, key: str, schema: Mapping[str, Any]) -> str:
        """Conditions of filters are named for what they compare, so that all filters share them."""
        if self.reading:
            return self._bare(key)
        if not key.endswith("Condition"):
            return key.removesuffix("Create").removesuffix("Shape").removesuffix("Input") + "Input"
        operators = schema["properties"]
        compared = self.kind(operators["eq"], key)[0]
        words = {"str": "Text", "float": "Number", "ID": "Id", "DateTime": "Instant", "Decimal": "Money"}
        word = words.get(compared.__name__, compared.__name__)
        return f"{word}Condition" if "is_null" in operators else f"{word}EqualityCondition"

    def _scalar(self, schema: Mapping[str, Any], name: str) -> Any:
        kind = schema.get("type")
        if kind == "string":
            return self._text(schema, name)
        if kind == "integer":
            return BigInt if schema.get("format") == "int64" else int
        return {"number": float, "boolean": bool}.get(str(kind), JSON)

    def _text(self, schema: Mapping[str, Any], name: str) -> Any:
        if "enum" in schema or "const" in schema:
            values = schema.get("enum") or [schema["const"]]
            return self.author.listed(self._owner + _title(name), values)
        formats = {"uuid": self.author.shown(ID), "date-time": DateTime, "date": Date}
        if schema.get("format") in formats:
            return formats[schema["format"]]
        pattern = schema.get("pattern", "")
        if pattern in _MONEY:
            return Decimal
        alternatives = _ALTERNATIVES.fullmatch(pattern)
        if alternatives:
            return self.author.listed(self._owner + _title(name), alternatives[1].split("|"))
        return str


def optional(kind: Any) -> Any:
    """Return the type of a value that may be null."""
    return kind | None


def many(kind: Any) -> Any:
    """Return the type of a list."""
    return list.__class_getitem__(kind)


def _title(name: str) -> str:
    word = camel(name)
    return word[:1].upper() + word[1:]
