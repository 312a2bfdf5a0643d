"""Reading: a query returns the selected fields and nothing else, with one statement per root field."""

from __future__ import annotations

import pytest

from service.framework.graph.limits import Limits

MISSING = "01936b3e-0000-7000-8000-000000000000"
ONE = "query($id: ID!) { account(id: $id) { %s } }"


async def test_only_what_is_asked_comes_under_the_keys_that_were_given(ask, accounts):
    data = await ask.data(
        "query($id: ID!) { first: account(id: $id) { called: name id stage } }", {"id": accounts["Alpha"]}
    )
    assert data == {"first": {"called": "Alpha", "id": accounts["Alpha"], "stage": "pre_kam"}}
    assert list(data["first"]) == ["called", "id", "stage"]


async def test_edges_are_read_in_the_statement_of_their_root_field(ask, accounts, services):
    query = "{ accounts { nodes { name parent { name children { nodes { name parent { name } } } } } } }"
    data = await ask.data(query)
    assert ask.statements == (1 if services.database.kind == "postgresql" else 2)
    bravo = data["accounts"]["nodes"][1]
    below = [{"name": "Bravo", "parent": {"name": "Alpha"}}, {"name": "Charlie", "parent": {"name": "Alpha"}}]
    assert bravo == {"name": "Bravo", "parent": {"name": "Alpha", "children": {"nodes": below}}}


async def test_the_number_of_statements_does_not_grow_with_the_rows(ask, accounts):
    query = "query($n: Int) { accounts(first: $n) { edges { cursor node { id children(first: 3) { totalCount nodes { id } } } } } }"
    for size in (1, 5):
        await ask.data(query, {"n": size})
        assert ask.statements == 1


async def test_fragments_of_every_kind_are_merged(ask, accounts):
    query = """
      query($id: ID!) { node(id: $id) { __typename ...Named ... on Account { stage refs { system } } ... on Person { email } ... { id } } }
      fragment Named on Account { name children { nodes { id } } ...More }
      fragment More on Account { children { nodes { name } } }
    """
    node = (await ask.data(query, {"id": accounts["Alpha"]}))["node"]
    assert node["__typename"] == "Account"
    assert node["name"] == "Alpha"
    assert node["refs"] == []
    assert node["children"]["nodes"] == [{"id": accounts[name], "name": name} for name in ("Bravo", "Charlie")]


@pytest.mark.parametrize(("include", "skip", "keys"), [(True, True, ["id", "name"]), (False, False, ["id", "stage"])])
async def test_include_and_skip_follow_the_variables(ask, accounts, include, skip, keys):
    query = "query($id: ID!, $with: Boolean!, $without: Boolean = true) { account(id: $id) { id name @include(if: $with) stage @skip(if: $without) } }"
    data = await ask.data(query, {"id": accounts["Alpha"], "with": include, "without": skip})
    assert list(data["account"]) == keys


async def test_keys_longer_than_a_database_name_keep_their_place(ask, accounts):
    long = "a" * 90
    data = await ask.data(ONE % f"id {long}: name stage", {"id": accounts["Alpha"]})
    assert list(data["account"]) == ["id", long, "stage"]
    assert data["account"][long] == "Alpha"


async def test_a_nested_document_is_cut_to_what_is_asked(ask):
    made = await ask.data(
        'mutation { createAccount(input: {name: "A", refs: [{system: "erp", externalId: "1"}], attributes: {someKey: 1}})'
        " { account { id } } }"
    )
    query = "query($id: ID!) { account(id: $id) { attributes refs { id: externalId __typename } fiocca { position } } }"
    data = await ask.data(query, {"id": made["createAccount"]["account"]["id"]})
    assert data["account"] == {
        "attributes": {"someKey": 1},
        "refs": [{"id": "1", "__typename": "Reference"}],
        "fiocca": None,
    }


async def test_node_finds_the_type_and_is_null_for_what_is_not_there(ask, accounts):
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename ... on Account { name } } }"
    ids = [accounts["Bravo"], MISSING, "no id", accounts["Alpha"].upper(), accounts["Bravo"]]
    nodes = (await ask.data(query, {"ids": ids}))["nodes"]
    assert [node and node["name"] for node in nodes] == ["Bravo", None, None, "Alpha", "Bravo"]
    assert await ask.data('{ node(id: "no id") { id } }') == {"node": None}


@pytest.mark.parametrize("identifier", [MISSING, "no id", ""])
async def test_an_unknown_id_is_null_with_the_code_of_rest(ask, identifier):
    answer = await ask(ONE % "id", {"id": identifier})
    assert answer["data"] == {"account": None}
    assert answer["errors"][0]["path"] == ["account"]
    assert answer["errors"][0]["extensions"]["code"] == "not_found"
    assert answer["errors"][0]["extensions"]["status"] == 404


async def test_a_field_that_fails_leaves_the_others(ask, accounts):
    answer = await ask('{ bad: accounts(after: "x") { nodes { id } } good: accounts(first: 1) { nodes { name } } }')
    assert answer["data"] == {"bad": None, "good": {"nodes": [{"name": "Alpha"}]}}
    assert [error["path"] for error in answer["errors"]] == [["bad"]]


async def test_a_deleted_record_is_nowhere(ask, accounts):
    await ask.data("mutation($id: ID!) { deleteAccount(id: $id) { outcome } }", {"id": accounts["Alpha"]})
    query = "query($id: ID!, $child: ID!) { node(id: $id) { id } account(id: $child) { name parent { id } } accounts { totalCount nodes { name } } }"
    data = await ask.data(query, {"id": accounts["Alpha"], "child": accounts["Bravo"]})
    assert data["node"] is None
    assert data["account"] == {"name": "Bravo", "parent": None}
    assert data["accounts"]["totalCount"] == 4
    assert "Alpha" not in {node["name"] for node in data["accounts"]["nodes"]}


async def test_introspection_and_data_may_be_asked_together(ask, accounts):
    data = await ask.data(
        '{ __typename __schema { queryType { name } } t: __type(name: "Stage") { enumValues { name } } accounts(first: 1) { nodes { name } } }'
    )
    assert list(data) == ["__typename", "__schema", "t", "accounts"]
    assert data["__schema"]["queryType"]["name"] == "Query"
    assert {"name": "pre_kam"} in data["t"]["enumValues"]


async def test_a_root_field_needs_the_scope_of_its_type(ask, accounts):
    answer = await ask("{ people { nodes { name } } accounts(first: 1) { nodes { name } } }", scopes=["accounts:read"])
    assert answer["data"] == {"people": None, "accounts": {"nodes": [{"name": "Alpha"}]}}
    assert [error["path"] for error in answer["errors"]] == [["people"]]
    assert answer["errors"][0]["extensions"] == {
        "code": "insufficient_scope", "status": 403, "classification": "FORBIDDEN",
        "required_scope": "people:read", "request_id": "req-1",
    }  # fmt: skip


async def test_what_breaks_inside_is_told_by_the_request_id_only(ask, accounts, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(ask.engine.paging, "ask", broken)
    answer = await ask("{ accounts { nodes { id } } }")
    assert answer["data"] == {"accounts": None}
    assert answer["errors"] == [
        {
            "message": "Internal error",
            "path": ["accounts"],
            "extensions": {
                "code": "internal_error",
                "status": 500,
                "classification": "INTERNAL_SERVER_ERROR",
                "request_id": "req-1",
            },
        }
    ]


async def test_the_operation_is_chosen_by_its_name(ask, accounts):
    query = "query A { accounts(first: 1) { nodes { name } } } query B { __typename }"
    assert await ask.data(query, operation="B") == {"__typename": "Query"}
    assert await ask.code(query) == "graphql_invalid"
    assert await ask.code(query, operation="C") == "graphql_invalid"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "graphql_syntax"),
        ("{ nothing }", "graphql_invalid"),
        ("fragment A on Account { id }", "graphql_invalid"),
        ("query($a: ID!) { account(id: $a) { id } }", "graphql_invalid"),
        ("{accounts(first:1){}}", "graphql_syntax"),
        ("{}", "graphql_syntax"),
        ("{ accounts { nodes { ... on Account {} } } }", "graphql_syntax"),
        ("{ accounts { nodes { ...A } } } fragment A on Account {}", "graphql_syntax"),
    ],
)
async def test_documents_that_do_not_fit_are_refused_with_places(ask, query, code):
    answer = await ask(query)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"] == {
        "code": code, "status": 400, "classification": "BAD_REQUEST", "request_id": "req-1",
    }  # fmt: skip
    assert code != "graphql_syntax" or answer["errors"][0]["locations"][0]["line"] == 1


async def test_me_says_who_asks(ask):
    data = await ask.data("{ me { name scopes permissions expiresAt } }", scopes=["accounts:read"])
    assert data["me"] == {
        "name": "test",
        "scopes": ["accounts:read"],
        "permissions": ["accounts:read"],
        "expiresAt": None,
    }


async def test_a_row_may_have_more_members_than_sqlite_builds_at_once(ask_within, accounts):
    ask = ask_within(Limits(aliases=300))
    many = " ".join(f"a{n}: name" for n in range(58)) + " " + "id stage version status tags currency"
    data = await ask.data(
        ONE % f"{many} parent {{ {many} }} children {{ nodes {{ {many} }} }}", {"id": accounts["Bravo"]}
    )
    assert len(data["account"]) == 66
    assert list(data["account"])[:2] == ["a0", "a1"]
    assert data["account"]["parent"]["a57"] == "Alpha"


async def test_the_deepest_document_that_is_allowed_runs(ask, accounts, services):
    query = "parent { id children(first: 2) { nodes { " * 4 + "id" + " } } }" * 4
    data = await ask.data(ONE % query, {"id": accounts["Bravo"]})
    assert data["account"]["parent"]["id"] == accounts["Alpha"]
    assert ask.statements == (1 if services.database.kind == "postgresql" else 3)


async def test_what_is_read_later_stands_in_its_place_and_costs_a_statement_per_cut(ask, accounts, services):
    """SQLite does not parse deep statements, so they are cut; the answer is the same."""
    level = "children(first: 2) { pageInfo { hasNextPage } totalCount edges { cursor node { id refs { system } parent { name refs { system } } %s name } } }"
    query = level
    for _ in range(2):
        query = query % level
    data = await ask.data(
        "{ accounts(first: 5) { edges { node { id stageDetail { stage } "
        + query % ""
        + " name classification { status } } } } }"
    )
    node = data["accounts"]["edges"][0]["node"]
    assert list(node) == ["id", "stageDetail", "children", "name", "classification"]
    first = node["children"]["edges"][0]["node"]
    assert list(first) == ["id", "refs", "parent", "children", "name"]
    assert (first["name"], first["parent"], node["children"]["totalCount"]) == (
        "Bravo",
        {"name": "Alpha", "refs": []},
        2,
    )
    assert first["children"] == {"pageInfo": {"hasNextPage": False}, "totalCount": 0, "edges": []}
    assert node["classification"] == {"status": "incomplete"}
    assert ask.statements == 1 or services.database.kind == "sqlite"
    before = ask.statements
    await ask.data(
        "{ accounts(first: 1) { edges { node { id stageDetail { stage } "
        + query % ""
        + " name classification { status } } } } }"
    )
    assert ask.statements <= before
