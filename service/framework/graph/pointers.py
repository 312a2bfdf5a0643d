"""Pointers of errors, which name members of REST's body, as pointers into the arguments of a field."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type

from service.framework.graph.names import camel, snake
from service.platform.errors import KamError


def point_into_arguments(error: KamError, types: Mapping[str, Any]) -> None:
    """Rewrite the pointers of an error: `/service_level` becomes `/input/serviceLevel`.

    `types` are the GraphQL arguments of the field by name; without any, nothing is known and nothing is changed. Keys
    of free JSON, such as attributes, stay as they are.
    """
    if types:
        error.errors = tuple(
            each if each.pointer is None else replace(each, pointer=_pointer(each.pointer, types))
            for each in error.errors
        )


def _pointer(pointer: str, types: Mapping[str, Any]) -> str:
    parts = pointer.split("/")[1:]
    body = types.get("input")
    argument = camel(parts[0]) if parts else ""
    if argument in types and (body is None or argument not in _members(body.type)):
        return "/".join(["", argument, *_spelled(parts[1:], types[argument].type)])
    return pointer if body is None else "/".join(["", "input", *_spelled(parts, body.type)])


def _members(kind: Any) -> Mapping[str, Any]:
    kind = get_nullable_type(kind)
    return kind.fields if isinstance(kind, GraphQLInputObjectType) else {}


def _spelled(parts: Sequence[str], kind: Any) -> list[str]:
    """Return the parts of a pointer into a value of this type in the spelling of the schema."""
    out = []
    for part in parts:
        kind = get_nullable_type(kind)
        if is_list_type(kind):
            out.append(part)
            kind = kind.of_type
        elif isinstance(kind, GraphQLInputObjectType):
            name = next((each for each in kind.fields if snake(each) == part), camel(part))
            out.append(name)
            kind = kind.fields[name].type if name in kind.fields else None
        else:
            out.append(part)
    return out
