"""Connections: keyset pages in both directions, the filter grammar and cursors of REST, totals only when asked."""

from __future__ import annotations

import orjson
import pytest

from service.framework.database.listing import PageRequest, Sort
from service.queries.accounts.accounts import ACCOUNTS

PAGE = """
  query($first: Int, $after: String, $last: Int, $before: String, $orderBy: [AccountOrder!], $filter: AccountFilter) {
    accounts(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy, filter: $filter) {
      edges { cursor node { name } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
"""
NAMES = ["Alpha", "Bravo", "Charlie", "Delta", "Echo"]
BY_REVENUE = [{"field": "revenue", "direction": "desc"}]
MIXED = [{"field": "revenue", "direction": "desc"}, {"field": "name"}]


def names(page):
    return [edge["node"]["name"] for edge in page["edges"]]


async def walk(ask, order, *, size, forward=True):
    """Every name that following the cursors gives, page by page."""
    found, cursor = [], None
    for _ in range(10):
        given = {"first": size, "after": cursor} if forward else {"last": size, "before": cursor}
        page = (await ask.data(PAGE, {**given, "orderBy": order}))["accounts"]
        found.append(names(page))
        info = page["pageInfo"]
        assert info["startCursor"] == page["edges"][0]["cursor"]
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return found
        cursor = info["endCursor" if forward else "startCursor"]
    raise AssertionError("the pages never end")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (None, NAMES),
        (BY_REVENUE, ["Delta", "Charlie", "Bravo", "Alpha", "Echo"]),
        (MIXED, ["Delta", "Charlie", "Bravo", "Alpha", "Echo"]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5])
async def test_pages_forward_and_backward_give_every_row_once_in_order(ask, accounts, order, expected, size):
    forward = await walk(ask, order, size=size)
    assert [name for page in forward for name in page] == expected
    backward = await walk(ask, order, size=size, forward=False)
    assert [name for page in reversed(backward) for name in page] == expected


async def test_page_info_tells_both_directions(ask, accounts):
    first = (await ask.data(PAGE, {"first": 2}))["accounts"]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    second = (await ask.data(PAGE, {"first": 2, "after": first["pageInfo"]["endCursor"]}))["accounts"]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (True, True)
    back = (await ask.data(PAGE, {"last": 1, "before": second["pageInfo"]["startCursor"]}))["accounts"]
    assert names(back) == ["Bravo"]
    assert (back["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, True)


async def test_an_empty_page_has_no_cursors(ask):
    info = (await ask.data(PAGE, {}))["accounts"]["pageInfo"]
    assert info == {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert (await ask.data(PAGE, {"first": 0}))["accounts"]["edges"] == []


async def test_a_cursor_of_rest_goes_on_in_graphql_and_the_other_way_round(ask, accounts, services):
    sort = (Sort("revenue", True),)
    async with services.database.reading() as reader:
        rest = await ACCOUNTS.page(reader, PageRequest(limit=2, sort=sort), services.cursors)
    page = (await ask.data(PAGE, {"first": 2, "after": rest.next_cursor, "orderBy": BY_REVENUE}))["accounts"]
    assert names(page) == ["Bravo", "Alpha"]
    request = PageRequest(limit=5, sort=sort, after=page["pageInfo"]["startCursor"])
    async with services.database.reading() as reader:
        rest = await ACCOUNTS.page(reader, request, services.cursors)
    assert [row["name"] for row in map(orjson.loads, rest.items)] == ["Alpha", "Echo"]


async def test_a_score_survives_in_a_cursor(ask, accounts, services):
    order = [{"field": "attractiveness"}]
    page = (await ask.data(PAGE, {"first": 2, "orderBy": order}))["accounts"]
    rest = (await ask.data(PAGE, {"after": page["pageInfo"]["endCursor"], "orderBy": order}))["accounts"]
    assert sorted(names(page) + names(rest)) == NAMES


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "eyJhIjoxfQ", "=" * 10])
async def test_a_cursor_that_is_none_is_refused_by_code(ask, accounts, cursor):
    assert await ask.code(PAGE, {"after": cursor}) == "cursor_invalid"


async def test_a_cursor_of_another_list_or_order_is_refused(ask, accounts):
    cursor = (await ask.data(PAGE, {"first": 1}))["accounts"]["pageInfo"]["endCursor"]
    assert await ask.code(PAGE, {"after": cursor, "orderBy": BY_REVENUE}) == "cursor_invalid"
    assert await ask.code("query($c: String) { people(after: $c) { nodes { id } } }", {"c": cursor}) == "cursor_invalid"


@pytest.mark.parametrize(
    ("given", "parameter"),
    [({"first": -1}, "first"), ({"first": 201}, "first"), ({"last": 201}, "last"), ({"first": 1, "last": 1}, "last")],
)
async def test_page_sizes_out_of_bounds_are_refused_by_name(ask, given, parameter):
    answer = await ask(PAGE, given)
    assert answer["errors"][0]["extensions"]["code"] == "invalid_request"
    assert answer["errors"][0]["extensions"]["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"name": {"eq": "Alpha"}}, ["Alpha"]),
        ({"name": {"in": ["Echo", "Alpha"]}}, ["Alpha", "Echo"]),
        ({"name": {"contains": "L"}}, ["Alpha", "Charlie", "Delta"]),
        ({"revenue": {"gte": "2.00", "lt": "4"}}, ["Bravo", "Charlie"]),
        ({"revenue": {"isNull": True}}, ["Echo"]),
        ({"not": {"revenue": {"gt": "1"}}}, ["Alpha", "Echo"]),
        (
            {"or": [{"name": {"eq": "Delta"}}, {"and": [{"name": {"contains": "a"}}, {"revenue": {"eq": "1.00"}}]}]},
            ["Alpha", "Delta"],
        ),
        ({"stage": {"in": ["pre_kam"]}, "quadrant": {"isNull": True}}, NAMES),
        ({"or": []}, []),
    ],
)
async def test_filters_are_the_grammar_of_rest(ask, accounts, wanted, expected):
    query = "query($filter: AccountFilter) { accounts(filter: $filter) { totalCount nodes { name } } }"
    data = (await ask.data(query, {"filter": wanted}))["accounts"]
    assert [node["name"] for node in data["nodes"]] == expected
    assert data["totalCount"] == len(expected)
    assert ask.statements == 1


async def test_several_filters_in_one_statement_keep_their_values_apart(ask, accounts):
    query = """
      query($id: ID!) { account(id: $id) {
        b: children(filter: {name: {eq: "Bravo"}}) { nodes { name children(filter: {name: {eq: "Alpha"}}) { nodes { name } } } }
        c: children(filter: {name: {eq: "Charlie"}}, first: 1) { nodes { name } }
        all: children { nodes { name } }
      } }
    """
    data = (await ask.data(query, {"id": accounts["Alpha"]}))["account"]
    assert [[node["name"] for node in data[key]["nodes"]] for key in ("b", "c", "all")] == [
        ["Bravo"],
        ["Charlie"],
        ["Bravo", "Charlie"],
    ]


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"name": {"eq": ""}}, "/name/eq"),
        ({"revenue": {"gt": "much"}}, "/revenue/gt"),
        ({"createdAt": {"gt": "yesterday"}}, "/createdAt/gt"),
        ({"ownerId": {"eq": "x"}}, "/ownerId/eq"),
    ],
)
async def test_filter_values_that_do_not_fit_are_refused_with_a_pointer(ask, wanted, pointer):
    answer = await ask(
        "query($filter: AccountFilter) { accounts(filter: $filter) { nodes { id } } }", {"filter": wanted}
    )
    assert answer["errors"][0]["extensions"]["code"] == "invalid_request"
    assert answer["errors"][0]["extensions"]["errors"][0]["pointer"].endswith(pointer)


async def test_a_sort_key_is_named_once(ask):
    assert await ask.code(PAGE, {"orderBy": BY_REVENUE + BY_REVENUE}) == "invalid_request"


async def test_nested_pages_have_cursors_of_their_own(ask, accounts):
    query = "query($id: ID!, $after: String) { account(id: $id) { children(first: 1, after: $after) { edges { cursor node { name } } nodes { name } pageInfo { hasNextPage endCursor } } } }"
    first = (await ask.data(query, {"id": accounts["Alpha"]}))["account"]["children"]
    assert (first["nodes"], first["pageInfo"]["hasNextPage"]) == ([{"name": "Bravo"}], True)
    after = first["pageInfo"]["endCursor"]
    second = (await ask.data(query, {"id": accounts["Alpha"], "after": after}))["account"]["children"]
    assert (second["nodes"], second["pageInfo"]["hasNextPage"]) == ([{"name": "Charlie"}], False)


async def test_two_selections_of_the_same_rows_come_from_one_read(ask, accounts):
    query = "{ accounts(first: 2) { nodes { name } again: nodes { id } edges { node { stage } } __typename } }"
    data = (await ask.data(query))["accounts"]
    assert data["nodes"] == [{"name": "Alpha"}, {"name": "Bravo"}]
    assert data["again"] == [{"id": accounts["Alpha"]}, {"id": accounts["Bravo"]}]
    assert data["edges"] == [{"node": {"stage": "pre_kam"}}] * 2
    assert ask.statements == 1


async def test_a_total_alone_may_be_asked(ask, accounts):
    assert await ask.data("{ accounts { totalCount } }") == {"accounts": {"totalCount": 5}}
    assert await ask.data("{ accounts(first: 0) { pageInfo { hasNextPage } } }") == {
        "accounts": {"pageInfo": {"hasNextPage": True}}
    }
