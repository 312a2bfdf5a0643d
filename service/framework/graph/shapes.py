"""Strawberry types made of the pydantic models that REST uses, so that both APIs have the same members by construction.

The way leads over JSON Schema: what the OpenAPI document says of a member is what its GraphQL type is made of,
descriptions included. Enum values keep REST's spelling, so that a front-end sees one vocabulary. Strawberry is imported
where it is used: it writes the schema, it does not serve requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from keyword import iskeyword
from typing import Any, NewType, Optional

from pydantic import BaseModel, TypeAdapter

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
class Field:
    """One field to declare: its Python annotation as text over the author's names, and the arguments it takes."""

    name: str
    kind: str
    description: str = ""
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument to declare."""

    name: str
    kind: str
    description: str = ""


class Author:
    """Writes Strawberry types and remembers them by name, so that types may refer to each other in any order."""

    def __init__(self) -> None:
        import strawberry  # noqa: PLC0415 - heavy, and needed only where the schema is written

        self.names: dict[str, Any] = {
            "Optional": Optional, "ID": strawberry.ID, **{name: kind for kind, (name, _) in SCALARS.items()}
        }  # fmt: skip
        self._vocabularies: dict[frozenset[str], str] = {}
        self.models: dict[tuple[str, bool], str] = {}
        """Names of the types written of a model, by its name and whether they are read."""

    def output(
        self, name: str, model: type[BaseModel], extra: Iterable[Field] = (), interfaces: Iterable[str] = ()
    ) -> None:
        """The object type of a read model, with fields of its own besides (edges)."""
        self._model(name, model, "serialization", extra, interfaces)

    def input(self, name: str, model: type[BaseModel]) -> None:
        """The input type of a request model; members of a merge patch are optional, and absent is not null."""
        self._model(name, model, "validation", (), ())

    def object(
        self,
        name: str,
        fields: Iterable[Field],
        description: str,
        *,
        kind: str = "type",
        interfaces: Iterable[str] = (),
    ) -> None:
        """An object type (or `input`, or `interface`) of the given fields."""
        import strawberry  # noqa: PLC0415
        from strawberry.annotation import StrawberryAnnotation  # noqa: PLC0415
        from strawberry.types.arguments import StrawberryArgument  # noqa: PLC0415
        from strawberry.types.field import StrawberryField  # noqa: PLC0415

        members: dict[str, Any] = {"__module__": __name__, "__annotations__": {}, "__doc__": None}
        for item in fields:
            attribute = f"{item.name}_" if iskeyword(item.name) else item.name
            made = StrawberryField(
                python_name=attribute,
                graphql_name=item.name,
                description=item.description or None,
                **({"default": strawberry.UNSET} if kind == "input" and item.kind.startswith("Optional") else {}),
            )
            made.arguments = [
                StrawberryArgument(
                    a.name,
                    a.name,
                    StrawberryAnnotation(a.kind, namespace=self.names),
                    description=a.description or None,
                )
                for a in item.arguments
            ]
            members[attribute] = made
            members["__annotations__"][attribute] = StrawberryAnnotation(item.kind, namespace=self.names)
        bases = tuple(self.names[interface] for interface in interfaces)
        decorate = {"type": strawberry.type, "input": strawberry.input, "interface": strawberry.interface}[kind]
        self.names[name] = decorate(type(name, bases, members), name=name, description=description or None)  # type: ignore[operator]

    def vocabulary(self, name: str, values: Iterable[str], description: str = "") -> str:
        """The enum with this name."""
        import strawberry  # noqa: PLC0415

        if name not in self.names:
            listed = tuple(values)
            made = Enum(name, {value: value for value in listed})  # type: ignore[misc]
            self.names[name] = strawberry.enum(made, name=name, description=description or None)
            self._vocabularies.setdefault(frozenset(listed), name)
        return name

    def listed(self, name: str, values: Iterable[str]) -> str:
        """The enum of values that a model only lists: one that has a name of its own already, else a new one."""
        told = tuple(values)
        return self._vocabularies.get(frozenset(told)) or self.vocabulary(name, told)

    def _model(
        self, name: str, model: type[BaseModel], mode: Any, extra: Iterable[Field], interfaces: Iterable[str]
    ) -> None:
        schema = model.model_json_schema(mode=mode)
        reading = mode == "serialization"
        definitions = _Definitions(self, schema.get("$defs", {}), reading)
        root = definitions.resolve(schema)
        self.models[model.__name__, reading] = name
        fields = [*definitions.fields(root), *extra]
        self.object(
            name, fields, root.get("description", ""), kind="type" if reading else "input", interfaces=interfaces
        )


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
            optional = nullable or (not self.reading and name not in required)
            out.append(Field(camel(name), f"Optional[{kind}]" if optional else kind, member.get("description", "")))
        return out

    def kind(self, schema: Mapping[str, Any], name: str) -> tuple[str, bool]:
        """The annotation of a member and whether it may be null."""
        if "anyOf" in schema:
            outer = {key: value for key, value in schema.items() if key != "anyOf"} if "type" in schema else None
            told = [option for option in schema["anyOf"] if option.get("type") != "null"]
            nullable = len(told) < len(schema["anyOf"])
            kind = self.kind(outer or told[0], name)[0] if len(told) == 1 else "JSON"
            return kind, nullable
        if "$ref" in schema:
            return self._reference(schema["$ref"].rpartition("/")[2]), False
        if schema.get("type") == "array":
            inner, nullable = self.kind(schema.get("items", {}), name)
            return (f"list[Optional[{inner}]]" if nullable else f"list[{inner}]"), False
        return self._scalar(schema, name), False

    def _reference(self, key: str) -> str:
        written = self.author.models.get((key, self.reading))
        if written is not None:
            return written
        schema = self.definitions[key]
        if "enum" in schema:
            if not all(_NAME.fullmatch(str(value)) for value in schema["enum"]):
                return "str"
            return self.author.vocabulary(key, schema["enum"], schema.get("description", ""))
        if "properties" not in schema:
            return self._scalar(schema, key) if "type" in schema else "JSON"
        name = self._name(key, schema)
        self.author.models[key, self.reading] = name
        if name not in self.author.names:
            self.author.names[name] = None
            kind = "type" if self.reading else "input"
            self.author.object(name, self.fields(schema), schema.get("description", ""), kind=kind)
        return name

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
        word = {"str": "Text", "float": "Number", "ID": "Id", "DateTime": "Instant", "Decimal": "Money"}.get(
            compared, compared
        )
        return f"{word}Condition" if "is_null" in operators else f"{word}EqualityCondition"

    def _scalar(self, schema: Mapping[str, Any], name: str) -> str:
        kind = schema.get("type")
        if kind == "string":
            return self._text(schema, name)
        if kind == "integer":
            return "BigInt" if schema.get("format") == "int64" else "int"
        if kind == "number":
            return "float"
        if kind == "boolean":
            return "bool"
        return "JSON"

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if "enum" in schema or "const" in schema:
            values = schema.get("enum") or [schema["const"]]
            return self.author.listed(self._owner + _title(name), values)
        formats = {"uuid": "ID", "date-time": "DateTime", "date": "Date"}
        if schema.get("format") in formats:
            return formats[schema["format"]]
        pattern = schema.get("pattern", "")
        if pattern in _MONEY:
            return "Decimal"
        alternatives = _ALTERNATIVES.fullmatch(pattern)
        if alternatives:
            return self.author.listed(self._owner + _title(name), alternatives[1].split("|"))
        return "str"


def _title(name: str) -> str:
    word = camel(name)
    return word[:1].upper() + word[1:]
