"""A nested field whose scope is missing is null, with one error at its path; the rest of the answer stands."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_nullable_type

from service.framework.graph.edges import Many
from service.graphql.graph import GRAPH

ACCOUNTS = "accounts:read"
OTHERS = [edge for edge in GRAPH.edges.values() if GRAPH.permissions[edge.target] != GRAPH.permissions[edge.source]]
OF_ACCOUNTS = [edge for edge in OTHERS if edge.source == "Account"]


def refusals(answer: dict[str, Any]) -> list[tuple[list[Any], str, str]]:
    """Return path, scope and classification of each error."""
    for error in answer["errors"]:
        assert error["extensions"]["code"] == "insufficient_scope", error
        assert error["extensions"]["request_id"] == "req-1"
    return [
        (error["path"], error["extensions"]["required_scope"], error["extensions"]["classification"])
        for error in answer["errors"]
    ]


def leaf(schema: Any, name: str) -> str:
    """Return the field of a type that selects the least."""
    return "__typename" if isinstance(schema.type_map[name], GraphQLObjectType) else ""


@pytest.mark.parametrize("edge", GRAPH.edges.values(), ids=lambda edge: f"{edge.source}.{edge.field}")
def test_every_edge_may_be_null(schema, edge):
    assert is_nullable_type(schema.type_map[edge.source].fields[edge.field].type)


def test_there_are_edges_to_what_takes_another_scope():
    assert len(OF_ACCOUNTS) >= 3 and len(OTHERS) > len(OF_ACCOUNTS)


@pytest.mark.parametrize("edge", OF_ACCOUNTS, ids=lambda edge: edge.field)
async def test_every_edge_of_an_account_is_null_without_its_scope(ask, schema, accounts, edge):
    target = get_named_type(schema.type_map["Account"].fields[edge.field].type).name
    query = f"{{ accounts(first: 2) {{ nodes {{ name x: {edge.field} {{ {leaf(schema, target)} }} }} }} }}"
    answer = await ask(query, scopes=[ACCOUNTS])
    assert answer["data"]["accounts"]["nodes"] == [{"name": "Alpha", "x": None}, {"name": "Bravo", "x": None}]
    scope = GRAPH.permissions[edge.target].value
    assert refusals(answer) == [(["accounts", "nodes", 0, "x"], scope, "FORBIDDEN")]
    assert ask.statements == 1
    assert "errors" not in await ask(query, scopes=[ACCOUNTS, scope])


async def test_the_path_is_that_of_the_first_row_that_shows_the_field(ask, accounts):
    query = """{ accounts(first: 2, orderBy: [{field: name, direction: desc}]) { edges { node { name
        parent { name plans { nodes { title } } } stakeholders { totalCount } } } }
        top: accounts { nodes { name children { nodes { plans { totalCount } } } } } }"""
    answer = await ask(query, scopes=[ACCOUNTS])
    assert answer["data"]["accounts"]["edges"] == [
        {"node": {"name": "Echo", "parent": None, "stakeholders": None}},
        {"node": {"name": "Delta", "parent": None, "stakeholders": None}},
    ]
    alpha = answer["data"]["top"]["nodes"][0]
    assert alpha == {"name": "Alpha", "children": {"nodes": [{"plans": None}, {"plans": None}]}}
    assert refusals(answer) == [
        (["accounts", "edges", 0, "node", "stakeholders"], "stakeholders:read", "FORBIDDEN"),
        (["top", "nodes", 0, "children", "nodes", 0, "plans"], "plans:read", "FORBIDDEN"),
    ]
    assert ask.statements == 2


async def test_without_rows_there_is_no_field_and_no_error(ask):
    answer = await ask("{ accounts { nodes { stakeholders { nodes { id } } } } }", scopes=[ACCOUNTS])
    assert answer == {"data": {"accounts": {"nodes": []}}}


async def test_one_record_nodes_and_payloads_leave_out_alike(ask, accounts):
    query = """query($id: ID!) { account(id: $id) { name plans { nodes { id } } owner { name } }
        node(id: $id) { ... on Account { name plans { nodes { id } } } } nodes(ids: [$id]) { ... on Account { plans { totalCount } } } }"""
    answer = await ask(query, {"id": accounts["Alpha"]}, scopes=[ACCOUNTS])
    assert answer["data"] == {
        "account": {"name": "Alpha", "plans": None, "owner": None},
        "node": {"name": "Alpha", "plans": None},
        "nodes": [{"plans": None}],
    }
    assert [path for path, *_ in refusals(answer)] == [
        ["account", "plans"], ["account", "owner"], ["node", "plans"], ["nodes", 0, "plans"],
    ]  # fmt: skip
    update = """mutation($id: ID!) { updateAccount(id: $id, input: {industry: "Bicycles"}) {
        outcome account { industry plans { totalCount } } } }"""
    answer = await ask(update, {"id": accounts["Alpha"]}, scopes=[ACCOUNTS, "accounts:write"])
    assert answer["data"]["updateAccount"] == {"outcome": "updated", "account": {"industry": "Bicycles", "plans": None}}
    assert refusals(answer) == [(["updateAccount", "account", "plans"], "plans:read", "FORBIDDEN")]


async def test_what_a_payload_may_leave_out_is_null_when_it_may_not_be_read(ask, accounts):
    change = """mutation($id: ID!) { moveStage(accountId: $id, input: {to: early_kam, reason: "Met them"}) {
        outcome account { stage } } }"""
    answer = await ask(change, {"id": accounts["Alpha"]}, scopes=["stages:write"])
    assert answer["data"]["moveStage"]["account"] is None, answer
    assert refusals(answer) == [(["moveStage", "account"], ACCOUNTS, "FORBIDDEN")]
    assert (await ask.data("{ accounts(first: 1) { nodes { stage } } }"))["accounts"]["nodes"] == [
        {"stage": "early_kam"}
    ]


async def test_the_same_document_serves_keys_with_and_without_the_scope(ask, accounts):
    query = "{ accounts(first: 1) { nodes { stakeholders { totalCount } } } }"
    for _ in range(2):
        assert (await ask(query, scopes=[ACCOUNTS]))["data"]["accounts"]["nodes"] == [{"stakeholders": None}]
        assert (await ask.data(query))["accounts"]["nodes"] == [{"stakeholders": {"totalCount": 0}}]


def test_pages_are_edges_of_this_kind_too():
    assert any(isinstance(edge, Many) for edge in OF_ACCOUNTS)


@pytest.mark.parametrize("scopes", [["people:read"], ["jobs:read"], ["portfolio:read", "stages:read"]])
async def test_node_and_nodes_are_null_for_what_the_key_may_not_read(ask, accounts, scopes):
    """The answer does not tell whether a record exists."""
    there, missing = accounts["Alpha"], "01900000-0000-7000-8000-000000000000"
    query = "query($ids: [ID!]!, $id: ID!) { node(id: $id) { id __typename } nodes(ids: $ids) { id } }"
    answers = [await ask(query, {"id": each, "ids": [each]}, scopes=scopes) for each in (there, missing)]
    assert answers == [{"data": {"node": None, "nodes": [None]}}] * 2
    shown = await ask(query, {"id": there, "ids": [there, missing]}, scopes=[ACCOUNTS])
    assert shown["data"] == {"node": {"id": there, "__typename": "Account"}, "nodes": [{"id": there}, None]}
