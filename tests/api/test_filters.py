"""Every filter of the contract, in both APIs: null is no operand, conditions have operators, and a filter has limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_required_argument,
)

from service.app import document
from service.framework.graph.names import snake
from tests.api.records import make_account, make_person, pointers

SCHEMA = Path(__file__).parents[2] / "openapi" / "schema.graphql"
BRANCHES = ("and", "or", "not")
SEARCH = "/v1/accounts/search"
LIST = "query($filter: AccountFilter) { accounts(filter: $filter) { nodes { name } } }"

# -- the filters of REST


@cache
def contract() -> dict[str, Any]:
    return document()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    chosen = options[0] if options else schema
    reference = chosen.get("$ref")
    return chosen if reference is None else contract()["components"]["schemas"][reference.rpartition("/")[2]]


def rest_filters() -> Iterator[tuple[str, tuple[str | int, ...], dict[str, Any]]]:
    """Yield the path, the place in the body and the schema of each filter of a body."""
    for path, methods in contract()["paths"].items():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body is not None:
                yield from ((path, *found) for found in filters_in(resolved(body), ()))


def filters_in(schema: dict[str, Any], place: tuple[str | int, ...]) -> Iterator[tuple[Any, dict[str, Any]]]:
    members = schema.get("properties", {})
    if members.keys() >= set(BRANCHES):
        yield place, schema
        return
    for name, member in members.items():
        inner = resolved(member)
        if inner.get("type") == "array":
            yield from filters_in(resolved(inner["items"]), (*place, name, 0))
        else:
            yield from filters_in(inner, (*place, name))


def nulls(schema: dict[str, Any]) -> Iterator[tuple[Any, list[str]]]:
    """Yield filters with nulls for every condition, operator and branch, and the pointers of the nulls."""
    yield dict.fromkeys(schema["properties"]), [f"/{name}" for name in schema["properties"]]
    for name, member in schema["properties"].items():
        if name not in BRANCHES:
            operators = resolved(member)["properties"]
            yield {name: dict.fromkeys(operators)}, [f"/{name}/{operator}" for operator in operators]
            if "in" in operators:
                yield {name: {"in": [None]}}, [f"/{name}/in/0"]
    yield {"or": [None]}, ["/or/0"]
    yield {"and": [{"not": {"or": [{"not": None}]}}]}, ["/and/0/not/or/0/not"]


def placed(place: tuple[str | int, ...], tree: Any) -> dict[str, Any]:
    """Return a body with a filter in its place."""
    inner: Any = tree
    for part in reversed(place):
        inner = [inner] if isinstance(part, int) else {part: inner}
    return inner


async def test_null_is_refused_at_every_filter_of_rest(client: httpx.AsyncClient) -> None:
    checked = set()
    for path, place, schema in rest_filters():
        start = "".join(f"/{part}" for part in place)
        for tree, expected in nulls(schema):
            answer = await client.post(path, json=placed(place, tree))
            assert answer.status_code == 422, (path, tree, answer.text)
            found = {pointer for pointer, code in pointers(answer) if code == "null_operand"}
            assert found == {f"{start}{pointer}" for pointer in expected}, (path, tree, answer.text)
            checked.add((path, start))
    assert {
        ("/v1/accounts/search", "/filter"), ("/v1/portfolio/screenings", "/filter"),
        ("/v1/portfolio/screenings", "/criteria/0/filter"), ("/v1/portfolio/simulations", "/filter"),
    } <= checked  # fmt: skip


async def test_a_condition_without_an_operator_is_refused_at_every_filter_of_rest(client: httpx.AsyncClient) -> None:
    for path, place, schema in rest_filters():
        body = placed(place, {})
        if path.endswith("/screenings"):
            body = {"criteria": [{"name": "Named", "filter": {"name": {"is_null": False}}}], **body}
        for name in schema["properties"].keys() - set(BRANCHES):
            tree: Any = {"not": {name: {}}}
            body = {**body, **placed(place, tree)}
            if place[0] == "criteria":
                body["criteria"][0]["name"] = "Empty"
            answer = await client.post(path, json=body)
            start = "".join(f"/{part}" for part in place)
            assert answer.status_code == 422, (path, name, answer.text)
            assert pointers(answer) == [(f"{start}/not/{name}", "empty_condition")], answer.text


# -- the filters of GraphQL


@cache
def graph() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


def is_filter(kind: Any) -> bool:
    return isinstance(kind, GraphQLInputObjectType) and kind.fields.keys() >= set(BRANCHES)


def graph_filters() -> Iterator[tuple[str, str, GraphQLInputObjectType]]:
    """Yield a query with `$filter`, the type of that, and the input type, for every argument that is a filter."""
    query = graph().query_type
    assert query is not None
    waiting: list[tuple[GraphQLObjectType, str, str]] = [(query, "", "")]
    known = {query.name}
    while waiting:
        parent, before, after = waiting.pop(0)
        for name, field in parent.fields.items():
            target = get_named_type(field.type)
            if not isinstance(target, GraphQLObjectType):
                continue
            inner = "{ nodes { __typename } }" if "nodes" in target.fields else "{ __typename }"
            given = {each: get_named_type(argument.type) for each, argument in field.args.items()}
            required = {each for each, argument in field.args.items() if is_required_argument(argument)}
            for each, kind in given.items():
                if is_filter(kind) and required <= {"from"}:
                    more = ', from: "2026-01-01"' if required else ""
                    text = f"query($filter: {kind.name}) {{{before} {name}({each}: $filter{more}) {inner} {after}}}"
                    yield text, str(kind.name), kind
            if not required and target.name not in known:
                known.add(target.name)
                waiting.append((target, f"{before} {name} {{", f"}} {after}"))


def graph_nulls(kind: GraphQLInputObjectType) -> Iterator[tuple[Any, str]]:
    for name, member in kind.fields.items():
        yield {name: None}, f"/{snake(name)}"
        inner = get_named_type(member.type)
        if name not in BRANCHES and isinstance(inner, GraphQLInputObjectType):
            for operator in inner.fields:
                yield {"not": {name: {operator: None}}}, f"/not/{snake(name)}/{snake(operator)}"


def graph_refusals(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return pointer and code of each refused member; pointers in REST's spelling."""
    found = answer.json()["errors"][0]["extensions"]["errors"]
    return [(snake(each["pointer"]), each["code"]) for each in found]


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


async def test_null_is_refused_at_every_filter_of_graphql(client: httpx.AsyncClient) -> None:
    seen = set()
    for query, name, kind in graph_filters():
        places = list(graph_nulls(kind))
        for tree, pointer in places if name not in seen else places[:3]:
            answer = await ask(client, query, filter=tree)
            assert graph_refusals(answer) == [(f"/filter{pointer}", "null_operand")], (query, tree, answer.text)
        empty = next(each for each in kind.fields if each not in BRANCHES)
        answer = await ask(client, query, filter={"or": [{empty: {}}]})
        assert graph_refusals(answer) == [(f"/filter/or/0/{snake(empty)}", "empty_condition")], (query, answer.text)
        seen.add(name)
    filters = {name for name, kind in graph().type_map.items() if is_filter(kind)}
    assert seen == filters and len(seen) >= 9


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("query($i: ScreenPortfolioInput!) { portfolioScreening(input: $i) { __typename } }", ("criteria", 0, "filter")),
        ("mutation($i: ScreenPortfolioInput!) { screenPortfolio(input: $i) { __typename } }", ("filter",)),
        ("query($i: PortfolioSimulationInput!) { portfolioSimulation(input: $i) { __typename } }", ("filter",)),
    ],
)  # fmt: skip
async def test_null_is_refused_in_filters_of_inputs(client: httpx.AsyncClient, query: str, place: Any) -> None:
    criteria = {"criteria": [{"name": "Named", "filter": {"name": {"isNull": False}}}]} if "Screen" in query else {}
    body = {**criteria, **placed(place, {"ownerId": {"eq": None}})}
    if place[0] == "criteria":
        body["criteria"][0]["name"] = "Empty"
    answer = await ask(client, query, i=body)
    assert "errors" in answer.json()["errors"][0]["extensions"], answer.text
    found = graph_refusals(answer)
    assert [code for _, code in found] == ["null_operand"], answer.text
    assert found[0][0].endswith("".join(f"/{part}" for part in place) + "/owner_id/eq")


# -- what conditions mean


async def names(client: httpx.AsyncClient, tree: Any) -> list[str]:
    """Return the names of the accounts that a filter finds, the same in both APIs."""
    answer = await client.post(SEARCH, json={"filter": tree, "sort": ["name"]})
    assert answer.status_code == 200, answer.text
    found = [item["name"] for item in answer.json()["items"]]
    shown = await ask(client, LIST, filter=renamed(tree))
    assert sorted(node["name"] for node in shown.json()["data"]["accounts"]["nodes"]) == sorted(found), shown.text
    return found


def renamed(tree: Any) -> Any:
    """Return a filter in GraphQL's spelling."""
    if isinstance(tree, dict):
        return {{"owner_id": "ownerId", "is_null": "isNull"}.get(key, key): renamed(part) for key, part in tree.items()}
    return [renamed(part) for part in tree] if isinstance(tree, list) else tree


@pytest.fixture
async def three(client: httpx.AsyncClient) -> list[str]:
    found = ["Granite Works", "Lehmann", "Old granite"]
    for name in found:
        await make_account(client, name=name)
    return found


async def test_accounts_without_an_owner(client: httpx.AsyncClient, three: list[str]) -> None:
    refused = await client.post(SEARCH, json={"filter": {"owner_id": {"eq": None}}})
    assert refused.status_code == 422
    assert pointers(refused) == [("/filter/owner_id/eq", "null_operand")]
    assert await names(client, {"owner_id": {"is_null": True}}) == three
    assert await names(client, {"or": [{}, {"name": {"contains": "granite"}}]}) == three


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, 3),
        ({"and": []}, 3),
        ({"and": [{}, {"name": {"contains": "granite"}}]}, 2),
        ({"or": []}, 0),
        ({"or": [{}]}, 3),
        ({"or": [{"and": [{}]}, {"name": {"eq": "nothing"}}]}, 3),
        ({"not": {}}, 0),
        ({"not": {"or": [{}, {"name": {"contains": "granite"}}]}}, 0),
        ({"or": [{"not": {}}, {"name": {"contains": "granite"}}]}, 2),
    ],
)
async def test_an_empty_filter_always_holds(
    client: httpx.AsyncClient, three: list[str], tree: Any, expected: int
) -> None:
    assert len(await names(client, tree)) == expected


async def test_absent_variables_empty_a_condition_and_null_does_not(
    client: httpx.AsyncClient, three: list[str]
) -> None:
    owner = await make_person(client)
    await make_account(client, name="Owned", owner_id=owner["id"])
    query = """query($owner: ID, $from: Decimal, $name: String) { accounts(filter: {
        ownerId: {eq: $owner}, revenue: {gte: $from}, or: {name: {contains: $name}}
    }) { nodes { name } } }"""
    everything = await ask(client, query)
    assert len(everything.json()["data"]["accounts"]["nodes"]) == 4, everything.text
    owned = await ask(client, query, owner=owner["id"])
    assert [node["name"] for node in owned.json()["data"]["accounts"]["nodes"]] == ["Owned"]
    assert len((await ask(client, query, name="granite")).json()["data"]["accounts"]["nodes"]) == 2
    assert graph_refusals(await ask(client, query, owner=None)) == [("/filter/owner_id/eq", "null_operand")]
    written = "query($id: ID) { accounts(filter: {ownerId: {}, parentId: {eq: $id}}) { nodes { id } } }"
    assert graph_refusals(await ask(client, written)) == [("/filter/owner_id", "empty_condition")]
    screening = """query($owner: ID) { portfolioScreening(input: {
        filter: {ownerId: {eq: $owner}}, criteria: [{name: "Named", filter: {name: {isNull: false}}}]
    }) { total } }"""
    screened = await ask(client, screening)
    assert screened.json()["data"]["portfolioScreening"]["total"] == 4, screened.text


# -- limits


def is_nulls(number: int) -> list[Any]:
    return [{"owner_id": {"is_null": True}}] * number


@pytest.mark.parametrize(
    ("tree", "accepted"),
    [
        ({"and": is_nulls(49)}, True),
        ({"and": is_nulls(50)}, False),
        ({"and": [{"or": is_nulls(1)} for _ in range(24)]}, True),
        ({"and": [{"or": is_nulls(1)} for _ in range(25)]}, False),
        ({"and": [{"or": is_nulls(20)} for _ in range(50)]}, False),
        ({"or": [{"not": {}} for _ in range(50)]}, False),
        ({"or": [{"name": {"contains": f"granite{n}"}} for n in range(10)]}, True),
        ({"or": [{"name": {"contains": f"granite{n}"}} for n in range(11)]}, False),
        ({"not": {"or": [{"name": {"contains": f"x{n}"}} for n in range(11)]}}, False),
    ],
)
async def test_every_condition_and_group_counts(client: httpx.AsyncClient, tree: Any, accepted: bool) -> None:
    answer = await client.post(SEARCH, json={"filter": tree})
    shown = await ask(client, LIST, filter=renamed(tree))
    if accepted:
        assert answer.status_code == 200, answer.text
        assert "errors" not in shown.json(), shown.text
    else:
        assert answer.status_code == 422, answer.text
        assert [code for _, code in pointers(answer)] == ["filter_too_large"]
        assert [code for _, code in graph_refusals(shown)] == ["filter_too_large"]
