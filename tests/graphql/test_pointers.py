"""Pointers of errors name the arguments of the field and their members as the schema spells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type

from service.framework.graph.names import snake
from service.framework.graph.pointers import point_into_arguments
from service.graphql.graph import GRAPH
from service.platform.errors import Invalid

CALLS = [*GRAPH.calls.values(), *GRAPH.mutations.values()]
UPDATE = "mutation($id: ID!, $input: UpdateAccountInput!) { updateAccount(id: $id, input: $input) { outcome } }"


def places(kind: Any, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the pointer to each member of an input in REST's and in GraphQL's spelling; types in themselves once."""
    kind, item = get_nullable_type(kind), ""
    while is_list_type(kind):
        kind, item = get_nullable_type(kind.of_type), f"{item}/0"
    if isinstance(kind, GraphQLInputObjectType) and kind.name not in seen:
        for name, member in kind.fields.items():
            yield f"{item}/{snake(name)}", f"{item}/{name}"
            for rest, graph in places(member.type, (*seen, kind.name)):
                yield f"{item}/{snake(name)}{rest}", f"{item}/{name}{graph}"


def pointed(pointer: str, types: Any) -> str | None:
    """Return the pointer that an error has in GraphQL."""
    error = Invalid.at(pointer, "wrong", "Wrong")
    point_into_arguments(error, types)
    return error.errors[0].pointer


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_member_of_every_input_is_pointed_to_as_it_is_sent(schema, call):
    root = schema.query_type if call.name in GRAPH.calls else schema.mutation_type
    types = root.fields[call.name].args
    if "input" in types:
        for rest, graph in places(types["input"].type):
            assert pointed(rest, types) == f"/input{graph}"
        assert pointed("", types) == "/input"
    for name in types.keys() - {"input"}:
        members = (
            {snake(each) for each in getattr(get_nullable_type(types["input"].type), "fields", ())}
            if "input" in types
            else ()
        )
        if snake(name) not in members:
            assert pointed(f"/{snake(name)}", types) == f"/{name}"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"serviceLevel": 9}, "/input/serviceLevel"),
        ({"ownerId": "00000000-0000-7000-8000-000000000001"}, "/input/ownerId"),
        ({"refs": [{"system": "erp", "externalId": "\u0000"}]}, "/input/refs/0/externalId"),
        ({"attributes": {"some_thing": {"deep_er": {"est": 1}}}}, "/input/attributes/some_thing"),
    ],
)
async def test_errors_of_models_and_of_operations_alike(ask, accounts, given, pointer):
    answer = await ask(UPDATE, {"id": accounts["Alpha"], "input": given})
    assert {each["pointer"] for each in answer["errors"][0]["extensions"]["errors"]} == {pointer}


async def test_filters_are_pointed_into_as_they_are_sent(ask):
    query = "query($f: AccountFilter) { accounts(filter: $f) { nodes { id } } }"
    for tree, pointer in (
        ({"ownerId": {"eq": None}}, "/filter/ownerId/eq"),
        ({"or": [{}, {"createdAt": {"gt": "x"}}]}, "/filter/or/1/createdAt/gt"),
        ({"not": {"ownerId": {}}}, "/filter/not/ownerId"),
    ):
        answer = await ask(query, {"f": tree})
        assert {each["pointer"] for each in answer["errors"][0]["extensions"]["errors"]} == {pointer}
