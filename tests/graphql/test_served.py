"""The graph as clients meet it: behind the edge, like every request."""

from __future__ import annotations

import pytest

from service.operations.classification.scoring_models import ensure_default_model


@pytest.fixture(autouse=True)
async def _started(services):
    await ensure_default_model(services)


async def test_it_is_served_with_request_ids_limits_and_the_callers_scopes(make_client):
    client = await make_client("accounts:read")
    answer = await client.post(
        "/graphql", json={"query": "{ me { scopes } accounts { nodes { id } } people { nodes { id } } }"}
    )
    body = answer.json()
    assert answer.status_code == 200
    assert body["data"] == {"me": {"scopes": ["accounts:read"]}, "accounts": {"nodes": []}, "people": None}
    assert body["errors"][0]["extensions"]["code"] == "insufficient_scope"
    assert body["errors"][0]["extensions"]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer kam_wrong"}, {"Authorization": "Basic eDp5"}])
async def test_without_a_key_nobody_asks(make_client, headers):
    client = await make_client()
    answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_browser_gets_graphiql_without_a_key(make_client):
    client = await make_client()
    answer = await client.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "graphiql" in answer.text.lower()


async def test_a_body_that_is_too_large_is_refused(client):
    answer = await client.post("/graphql", json={"query": "{ __typename }", "variables": {"x": "x" * 1_100_000}})
    assert answer.status_code == 413


async def test_what_rest_writes_graphql_reads_and_the_other_way_round(client):
    made = (await client.post("/v1/accounts", json={"name": "A"})).json()
    query = "query($id: ID!) { account(id: $id) { name version } }"
    read = await client.post("/graphql", json={"query": query, "variables": {"id": made["id"]}})
    assert read.json() == {"data": {"account": {"name": "A", "version": 1}}}
    change = 'mutation($id: ID!) { updateAccount(id: $id, input: {name: "B"}, ifVersion: 1) { account { version } } }'
    await client.post("/graphql", json={"query": change, "variables": {"id": made["id"]}})
    again = await client.get(f"/v1/accounts/{made['id']}")
    assert (again.json()["name"], again.headers["etag"]) == ("B", '"v2"')


async def test_a_retry_with_the_same_idempotency_key_writes_once(client):
    body = {"query": 'mutation { createAccount(input: {name: "A"}) { account { id } } }'}
    headers = {"Idempotency-Key": "one"}
    first = await client.post("/graphql", json=body, headers=headers)
    assert (await client.post("/graphql", json=body, headers=headers)).json() == first.json()
    assert len((await client.get("/v1/accounts")).json()["items"]) == 1
