"""Variables: the fast path gives the values of graphql-core, or leaves the request to graphql-core."""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, get_variable_values, parse

from service.framework.graph import errors
from service.framework.graph.variables import Variables

VALUES = [
    None,
    "",
    "x",
    "pre_kam",
    0,
    1,
    -1,
    2**31,
    2**31 - 1,
    -(2**31),
    1.0,
    1.5,
    True,
    False,
    [],
    ["x"],
    {},
    {"a": 1},
    "unknown",
]
TYPES = ["ID", "String", "Int", "Boolean", "Float", "Stage", "Date", "JSON", "[ID!]", "AccountFilter"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("required", ["", "!"])
@pytest.mark.parametrize("default", ["", " = null"])
def test_it_agrees_with_graphql_core(schema, kind, required, default):
    if required and default:
        pytest.skip("a required variable has no null default")
    operation = parse(f"query($v: {kind}{required}{default}) {{ __typename }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = Variables(schema, operation)
    for given in [{}, *({"v": value} for value in VALUES)]:
        expected = get_variable_values(schema, operation.variable_definitions or (), given)
        if isinstance(expected, list):
            with pytest.raises(errors.Refused):
                variables.read(given)
        else:
            found = variables.read(given)
            assert found.coerced == expected.coerced, given
            assert {name: source.value for name, source in found.sources.items()} == {
                name: source.value for name, source in expected.sources.items()
            }
