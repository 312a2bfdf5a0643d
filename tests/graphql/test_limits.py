"""Limits: each way of asking for too much is refused by name, before anything runs."""

from __future__ import annotations

import asyncio

import pytest
from graphql import get_introspection_query

from service.framework.graph.limits import Limits

NESTED = "{ accounts(first: 50) { nodes { children(first: 50) { nodes { children(first: 50) { nodes { id } } } } } } }"


@pytest.mark.parametrize(
    "query",
    [
        "{" + " ".join(f"a{i}: __typename" for i in range(80)) + "}",
        "{ accounts { nodes { " + "id " * 9 + "} } }",
        "{ me { name " + "@include(if: true) " * 80 + "} }",
        "{ accounts { nodes { " + "parent { " * 20 + "id" + " }" * 20 + " } } }",
        "{ me { " + "name " * 5000 + "} }",
        "{" + "[" * 5000,
        "{ a" + "{ a" * 3000,
        "{" + " ".join("x" * 2500 for _ in range(60)) + "}",
        NESTED,
        "{" + " ".join(f"a{i}: accounts {{ nodes {{ id }} }}" for i in range(40)) + "}",
    ],
    ids=["aliases", "repeats", "directives", "depth", "tokens", "brackets", "braces", "text", "cost", "roots"],
)
async def test_too_much_is_refused(ask, query):
    answer = await ask(query)
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes <= {"query_too_complex", "graphql_syntax"}, answer
    assert ask.statements == 0


async def test_depth_counts_what_fragments_hide_and_shared_fragments_cost_nothing(ask_within):
    ask = ask_within(Limits(depth=4))
    deep = "{ accounts { nodes { ...A } } } fragment A on Account { parent { ...B } } fragment B on Account { parent { id } }"
    assert await ask.code(deep) == "query_too_complex"
    doubled = (
        "{ accounts { nodes { ...F0 ...F0 } } } "
        + " ".join(f"fragment F{i} on Account {{ ...F{i + 1} ...F{i + 1} }}" for i in range(25))
        + " fragment F25 on Account { id }"
    )
    assert "data" in await ask(doubled)


async def test_cost_follows_the_pages_that_variables_ask_for(ask_within, accounts):
    ask = ask_within(Limits(cost=60))
    query = "query($n: Int) { accounts(first: 5) { nodes { children(first: $n) { nodes { id } } } } }"
    await ask.data(query, {"n": 10})
    answer = await ask(query, {"n": 20})
    assert answer["errors"][0]["extensions"]["code"] == "query_too_complex"
    assert answer["errors"][0]["extensions"]["limit"] == 60


async def test_what_a_screen_asks_is_far_below_the_limits(ask, accounts):
    query = "{ accounts(first: 50) { nodes { name owner { name } stakeholders { nodes { name } } objectives { nodes { title actions { nodes { title owner { name } } } } } } } }"
    answer = await ask.data(query)
    assert len(answer["accounts"]["nodes"]) == len(accounts)


async def test_the_introspection_of_tools_is_allowed(ask, schema):
    data = await ask.data(get_introspection_query(descriptions=True, input_value_deprecation=True))
    assert len(data["__schema"]["types"]) > 50


async def test_many_fields_of_introspection_are_still_a_limited_document(ask):
    query = "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"
    answer = await ask(query)
    assert answer["errors"][0]["extensions"]["code"] in ("query_too_complex", "graphql_invalid")


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("{" + " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(2)) + "}", 1),
        ("{ ...A ...B } fragment A on Query { __schema { types { name } } } fragment B on Query { __schema { description } }", 1),
        ("{" + "...{ me { id name } }" * 61 + "}", 60),
        ("query A { me { ...A } } fragment A on Caller { id } query B { me {" + "...A " * 60 + "} }", 4),
        ("{ accounts { nodes { ...F0 } } } " + " ".join(
            f"fragment F{i} on Account {{ a: parent {{ ...F{i + 1} }} b: parent {{ ...F{i + 1} }} }}" for i in range(13)
        ) + " fragment F13 on Account { id }", 5000),
        ("{ __schema {" + " ".join(f"a{i}: types {{ fields {{ args {{ type {{ ofType {{ name }} }} }} }} }}" for i in range(30)) + "} }", 30000),
    ],
    ids=["schemas", "schemas in fragments", "inline fragments", "repeats", "expanded", "objects of the schema"],
)  # fmt: skip
async def test_too_much_work_is_refused_with_its_limit(ask, query, limit):
    answer = await ask(query)
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["limit"]) == ("query_too_complex", limit), answer
    assert ask.statements == 0


async def test_introspection_takes_from_the_budget_of_its_document(ask_within, accounts):
    query = "{ __schema { types { name } } accounts(first: 5) { nodes { id } } }"
    assert "errors" not in await ask_within(Limits(cost=2000))(query)
    assert await ask_within(Limits(cost=100)).code(query) == "query_too_complex"


async def test_answers_about_the_schema_are_kept_up_to_a_size(ask, monkeypatch):
    from service.framework.graph import introspection

    whole = get_introspection_query(descriptions=True)
    kept = ask.engine.introspection
    first = await ask.data(whole)
    assert await ask.data(whole.replace("\n", " \n")) == first
    assert len(kept._kept) == 1
    monkeypatch.setattr(introspection, "MOST_BYTES", kept._bytes + 10_000)
    for name in ("Account", "Person", "Plan", "Objective", "Action", "Stakeholder") * 2:
        await ask.data(f'{{ __type(name: "{name}") {{ name description fields {{ name description }} }} }}')
        assert 0 < kept._bytes <= introspection.MOST_BYTES
    assert kept._bytes == sum(introspection._size(*each) for each in kept._kept.items())


async def test_introspection_does_not_hold_the_loop(ask):
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await ask.data(get_introspection_query(descriptions=True, input_value_deprecation=True))
    counting.cancel()
    assert turns > 20
