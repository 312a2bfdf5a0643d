"""Mutations: the operations of REST with their codes, absent members distinguished from null, one after the other."""

from __future__ import annotations

import pytest

from service.platform.idempotency import Idempotency

CREATE = "mutation($input: CreateAccountInput!) { createAccount(input: $input) { account { id name industry tags version } outcome } }"
UPDATE = """mutation($id: ID!, $input: UpdateAccountInput!, $ifVersion: Int) {
  updateAccount(id: $id, input: $input, ifVersion: $ifVersion) { account { name industry tags version } outcome } }"""
MISSING = "01936b3e-0000-7000-8000-000000000000"


async def new(ask, **given):
    return (await ask.data(CREATE, {"input": {"name": "A", "industry": "Robots", "tags": ["x"], **given}}))[
        "createAccount"
    ]["account"]


async def test_absent_stays_and_null_clears(ask):
    made = await new(ask)
    answer = (await ask.data(UPDATE, {"id": made["id"], "input": {"name": "B"}}))["updateAccount"]
    assert answer == {"account": {"name": "B", "industry": "Robots", "tags": ["x"], "version": 2}, "outcome": "updated"}
    answer = (await ask.data(UPDATE, {"id": made["id"], "input": {"industry": None}}))["updateAccount"]
    assert answer["account"] == {"name": "B", "industry": None, "tags": ["x"], "version": 3}
    answer = (await ask.data(UPDATE, {"id": made["id"], "input": {"industry": None}}))["updateAccount"]
    assert (answer["outcome"], answer["account"]["version"]) == ("unchanged", 3)


async def test_absent_and_null_are_told_apart_in_literals_and_in_variables_inside_them(ask):
    made = await new(ask)
    query = "mutation($id: ID!, $name: String) { updateAccount(id: $id, input: {name: $name, industry: null}) { account { name industry } } }"
    answer = await ask.data(query, {"id": made["id"]})
    assert answer["updateAccount"]["account"] == {"name": "A", "industry": None}
    answer = await ask(query, {"id": made["id"], "name": None})
    assert answer["errors"][0]["extensions"]["errors"][0]["pointer"] == "/input/name"


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "A", "ownerId": "x"}, "/ownerId"),
        ({"name": "A", "revenue": "1.234"}, "/revenue"),
        ({"name": "A", "refs": [{"system": "erp", "externalId": ""}]}, "/refs/0/externalId"),
        ({"name": "A", "country": "Germany"}, "/country"),
        ({"name": "A", "ownerId": MISSING}, "/ownerId"),
        ({"name": "A", "attributes": {"deep": {"er": 1}}}, "/attributes/deep"),
    ],
)
async def test_refusals_point_into_the_input_as_the_schema_spells_it(ask, given, pointer):
    answer = await ask(CREATE, {"input": given})
    assert answer["data"] == {"createAccount": None}
    error = answer["errors"][0]
    assert (error["path"], error["extensions"]["code"], error["extensions"]["status"]) == (
        ["createAccount"],
        "invalid_request",
        422,
    )
    assert {each["pointer"] for each in error["extensions"]["errors"]} == {f"/input{pointer}"}


async def test_unknown_members_are_refused_before_anything_runs(ask):
    assert await ask.code(CREATE, {"input": {"name": "A", "colour": "red"}}) == "graphql_invalid"


async def test_a_stale_version_is_refused(ask):
    made = await new(ask)
    assert await ask.code(UPDATE, {"id": made["id"], "input": {"name": "B"}, "ifVersion": 7}) == "stale_version"
    assert (await ask.data(UPDATE, {"id": made["id"], "input": {"name": "B"}, "ifVersion": 1}))["updateAccount"][
        "outcome"
    ] == "updated"


@pytest.mark.parametrize("identifier", [MISSING, "no id"])
async def test_what_is_not_there_is_not_found(ask, identifier):
    assert await ask.code(UPDATE, {"id": identifier, "input": {"name": "B"}}) == "not_found"


async def test_mutations_run_one_after_the_other_and_see_each_other(ask):
    query = """mutation { a: upsertAccount(system: "erp", externalId: "1", input: {name: "A"}) { outcome account { id } }
      b: upsertAccount(system: "erp", externalId: "1", input: {name: "A"}) { outcome account { id } }
      bad: createAccount(input: {name: ""}) { outcome }
      c: upsertAccount(system: "erp", externalId: "1", input: {name: "C"}) { outcome account { name refs { system externalId } } } }"""
    answer = await ask(query)
    data = answer["data"]
    assert [data[key] and data[key]["outcome"] for key in ("a", "b", "bad", "c")] == [
        "created",
        "unchanged",
        None,
        "updated",
    ]
    assert data["a"]["account"] == data["b"]["account"]
    assert data["c"]["account"] == {"name": "C", "refs": [{"system": "erp", "externalId": "1"}]}
    assert [error["path"] for error in answer["errors"]] == [["bad"]]


async def test_a_payload_follows_edges(ask):
    parent = await new(ask)
    query = 'mutation($p: ID!) { createAccount(input: {name: "Child", parentId: $p}) { account { name parent { name children { nodes { name } } } } } }'
    answer = (await ask.data(query, {"p": parent["id"]}))["createAccount"]["account"]
    assert answer == {"name": "Child", "parent": {"name": "A", "children": {"nodes": [{"name": "Child"}]}}}


async def test_deleting_and_restoring(ask):
    made = await new(ask)
    deleted = await ask.data(
        "mutation($id: ID!) { deleteAccount(id: $id) { outcome account { id name } } }", {"id": made["id"]}
    )
    assert deleted["deleteAccount"] == {"outcome": "deleted", "account": {"id": made["id"], "name": "A"}}
    assert await ask.code("query($id: ID!) { account(id: $id) { id } }", {"id": made["id"]}) == "not_found"
    await ask.data("mutation($id: ID!) { restoreAccount(id: $id) { outcome } }", {"id": made["id"]})
    assert (await ask.data("query($id: ID!) { account(id: $id) { name } }", {"id": made["id"]}))["account"] == {
        "name": "A"
    }


async def test_a_batch_has_a_result_per_row(ask):
    query = """mutation($input: BatchUpsertAccountsInput!) { batchUpsertAccounts(input: $input) { result {
      created failed items { index outcome id error { code errors } } } } }"""
    rows = [
        {"system": "erp", "externalId": str(n), "account": {"name": name, "attributes": {"keptAsIs": 1}}}
        for n, name in enumerate(["A", "", "C"])
    ]
    result = (await ask.data(query, {"input": {"items": rows}}))["batchUpsertAccounts"]["result"]
    assert (result["created"], result["failed"]) == (2, 1)
    assert [item["outcome"] for item in result["items"]] == ["created", "failed", "created"]
    assert result["items"][1]["error"]["errors"][0]["pointer"] == "/items/1/account/name"
    read = await ask.data('{ accountByRef(system: "erp", externalId: "2") { name attributes parent { id } } }')
    assert read["accountByRef"] == {"name": "C", "attributes": {"keptAsIs": 1}, "parent": None}


async def test_a_chain_of_work_from_account_to_action(ask):
    account = await new(ask)
    person = (await ask.data('mutation { createPerson(input: {name: "Kim"}) { person { id } } }'))["createPerson"][
        "person"
    ]["id"]
    made = await ask.data(
        'mutation($a: ID!) { createStakeholder(accountId: $a, input: {name: "Sam", roles: [decider], influence: 7.5, stance: -1}) { stakeholder { name roles influence stance account { name } } } '
        'createPlan(accountId: $a, input: {title: "Plan", periodStart: "2026-01-01", periodEnd: "2026-12-31"}) { plan { id state } } }',
        {"a": account["id"]},
    )
    assert made["createStakeholder"]["stakeholder"] == {
        "name": "Sam",
        "roles": ["decider"],
        "influence": 7.5,
        "stance": -1,
        "account": {"name": "A"},
    }
    plan = made["createPlan"]["plan"]["id"]
    made = await ask.data(
        'mutation($p: ID!) { createObjective(planId: $p, input: {title: "Grow", metric: "share", target: 20, dueOn: "2026-12-01"}) { objective { id target dueOn } } }',
        {"p": plan},
    )
    objective = made["createObjective"]["objective"]
    assert (objective["target"], objective["dueOn"]) == (20, "2026-12-01")
    query = 'mutation($o: ID!, $w: ID!) { createAction(objectiveId: $o, input: {title: "Call", ownerId: $w, dueOn: "2026-11-30", expectedResult: "A date"}) { action { owner { name actions { nodes { title } } } objective { plan { account { id } } } } } }'
    action = (await ask.data(query, {"o": objective["id"], "w": person}))["createAction"]["action"]
    assert action == {
        "owner": {"name": "Kim", "actions": {"nodes": [{"title": "Call"}]}},
        "objective": {"plan": {"account": {"id": account["id"]}}},
    }


async def test_writing_needs_the_scope(ask):
    assert await ask.code(CREATE, {"input": {"name": "A"}}, scopes=["accounts:read"]) == "insufficient_scope"


async def test_an_api_key_shows_its_value_once(ask):
    query = 'mutation { createApiKey(input: {name: "k", scopes: ["accounts:read"]}) { key apiKey { id name scopes revoked } } }'
    made = (await ask.data(query))["createApiKey"]
    assert made["key"].startswith("kam_")
    assert made["apiKey"]["scopes"] == ["accounts:read"]
    revoked = await ask.data(
        "mutation($id: ID!) { revokeApiKey(id: $id) { apiKey { revoked } } }", {"id": made["apiKey"]["id"]}
    )
    assert revoked["revokeApiKey"]["apiKey"] == {"revoked": True}


async def test_an_idempotency_key_covers_one_mutation(ask):
    key = Idempotency("k1", "fingerprint")
    first = await ask.data(CREATE, {"input": {"name": "A"}}, key=key)
    assert await ask.data(CREATE, {"input": {"name": "A"}}, key=key) == first
    assert (await ask.data("{ accounts { totalCount } }", key=key))["accounts"]["totalCount"] == 1
    assert await ask.code(CREATE, {"input": {"name": "A"}}, key=Idempotency("k1", "other")) == "idempotency_key_reused"
    two = (
        'mutation { a: createAccount(input: {name: "A"}) { outcome } b: createAccount(input: {name: "B"}) { outcome } }'
    )
    assert await ask.code(two, key=Idempotency("k2", "f")) == "invalid_request"
