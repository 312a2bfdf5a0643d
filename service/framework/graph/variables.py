"""Variables: coerced as graphql-core does, with a short way for the plain ones that nearly all requests have.

graphql-core reads the types of the variables for each request; for scalars and enums that is most of the work of a
small query. The short way gives the same values or none at all, and then graphql-core decides and words the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    get_variable_values,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from service.framework.graph import errors

_NONE = VariableValues({}, {})
_ABSENT = object()
_LARGEST = 2**31

_PLAIN: dict[str, Callable[[Any], bool]] = {
    GraphQLID.name: lambda value: type(value) is str,
    GraphQLString.name: lambda value: type(value) is str,
    GraphQLBoolean.name: lambda value: type(value) is bool,
    GraphQLInt.name: lambda value: type(value) is int and -_LARGEST <= value < _LARGEST,
}


class Variables:
    """Reads the variables of one operation."""

    __slots__ = ("_definitions", "_plain", "_schema")

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._plain = self._compile()

    def read(self, given: Mapping[str, Any]) -> VariableValues:
        """The coerced values; raises Refused naming the variables that don't fit."""
        if not self._definitions:
            return _NONE
        found = self._quick(given) if self._plain is not None else None
        if found is None:
            slow = get_variable_values(self._schema, self._definitions, dict(given), max_errors=20)
            if isinstance(slow, list):
                raise errors.invalid(slow)
            found = slow
        return found

    def _quick(self, given: Mapping[str, Any]) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, signature, fits, required in self._plain or ():
            value = given.get(name, _ABSENT)
            if value is _ABSENT and not required:
                sources[name] = VariableValueSource(signature)
            elif (value is None and not required) or (value is not _ABSENT and fits(value)):
                sources[name] = VariableValueSource(signature, value)
                coerced[name] = value
            else:
                return None
        return VariableValues(sources, coerced)

    def _compile(self) -> list[tuple[str, GraphQLVariableSignature, Callable[[Any], bool], bool]] | None:
        out = []
        for definition in self._definitions:
            signature = get_variable_signature(self._schema, definition)
            if isinstance(signature, GraphQLError) or definition.default_value is not None:
                return None
            required = isinstance(signature.type, GraphQLNonNull)
            kind = signature.type.of_type if isinstance(signature.type, GraphQLNonNull) else signature.type
            if isinstance(kind, GraphQLEnumType):
                fits: Callable[[Any], bool] | None = _word(kind)
            else:
                fits = _PLAIN.get(getattr(kind, "name", ""))
            if fits is None:
                return None
            out.append((signature.name, signature, fits, required))
        return out


def _word(kind: GraphQLEnumType) -> Callable[[Any], bool]:
    words = frozenset(kind.values)
    return lambda value: type(value) is str and value in words
