"""The main job served by FastAPI alone, through its own TestClient, on both databases: the edge only makes it faster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.access.api_keys import new_key
from service.app import create_app
from service.models.access.api_keys import ApiKeyCreate
from service.operations.access.api_keys import create_api_key
from service.platform.settings import Settings
from service.records.context import system_context
from service.records.services import make_services

UNKNOWN = "0190b6a0-0000-7000-8000-00000000000a"


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """The application without its edge."""
    return create_app(settings, edge=False)


@pytest.fixture
def client(app: FastAPI, settings: Settings) -> Iterator[TestClient]:
    """A client that may do everything."""
    with TestClient(app, headers={"Authorization": f"Bearer {key_of(settings, '*')}"}) as made:
        yield made


def key_of(settings: Settings, *scopes: str) -> str:
    """Return a new key with these scopes."""
    value = new_key()

    async def create() -> None:
        services = make_services(settings)
        await services.database.open()
        await create_api_key(system_context(services), ApiKeyCreate(name="test", scopes=list(scopes)), value)
        await services.database.close()

    asyncio.run(create())
    return value


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem after the checks that every problem must pass."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["request_id"]) == (code, answer.headers["x-request-id"])
    return body


def make(client: TestClient, path: str, **members: Any) -> dict[str, Any]:
    """Create a record, and find it where its Location says."""
    answer = client.post(f"/v1/{path}", json=members)
    assert answer.status_code == 201, answer.text
    assert client.get(answer.headers["location"]).json() == answer.json()
    return dict(answer.json())


def test_no_edge_is_there(app: FastAPI) -> None:
    assert app.user_middleware == []


def test_the_main_job(client: TestClient) -> None:
    account = make(client, "accounts", name="Aurelia Robotics", country="DE")
    path = f"/v1/accounts/{account['id']}"
    scores = [{"factor": factor, "score": 8} for factor in ("spend_available", "growth", "profit_potential")]
    assert client.put(f"{path}/attractiveness", json={"scores": scores}).status_code == 200
    factors = [{"name": "Service", "weight": 100, "ours": 8, "competitors": {"X": 5}}]
    assert client.put(f"{path}/business-strength", json={"factors": factors}).status_code == 200
    assert client.get(f"{path}/classification").json()["quadrant"] == "strategic"
    moved = client.post(f"{path}/stage-transitions", json={"to": "early_kam", "reason": "First order"})
    assert moved.status_code == 201 and client.get(path).json()["stage"] == "early_kam"

    owner = make(client, "people", name="Ines Kaya")
    period = {"period_start": "2027-01-01", "period_end": "2027-12-31"}
    plan = make(client, f"accounts/{account['id']}/plans", title="Grow together", **period)
    target = {"title": "Win the second plant", "metric": "share of wallet", "target": 40, "due_on": "2027-09-30"}
    objective = make(client, f"plans/{plan['id']}/objectives", **target)
    step = {"title": "Visit the plant", "due_on": "2027-03-31", "expected_result": "A list of needs"}
    action = make(client, f"objectives/{objective['id']}/actions", owner_id=owner["id"], **step)

    feed = client.get("/v1/events", params={"limit": 50}).json()
    types = [event["type"] for event in feed["items"]]
    expected = ["account.created", "account.classified", "account.stage_changed", "plan.created", "action.created"]
    assert [each for each in dict.fromkeys(types) if each in expected] == expected
    assert feed["items"][types.index("action.created")]["data"]["action"]["id"] == action["id"]

    query = "query($id: ID!) { account(id: $id) { name quadrant stage } }"
    answer = client.post("/graphql", json={"query": query, "variables": {"id": account["id"]}}).json()
    shown = answer["data"]["account"]
    assert (shown["name"], shown["quadrant"].lower()) == ("Aurelia Robotics", "strategic")


def test_versions_lists_and_retries(client: TestClient) -> None:
    first = client.post("/v1/accounts", json={"name": "A"}, headers={"Idempotency-Key": "k"})
    again = client.post("/v1/accounts", json={"name": "A"}, headers={"Idempotency-Key": "k"})
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    other = client.post("/v1/accounts", json={"name": "B"}, headers={"Idempotency-Key": "k"})
    problem(other, 422, "idempotency_key_reused")
    path, tag = first.headers["location"], first.headers["etag"]
    unchanged = client.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    merge = {"Content-Type": "application/merge-patch+json"}
    changed = client.patch(path, content=b'{"name":"C"}', headers={**merge, "If-Match": tag})
    assert (changed.status_code, changed.json()["name"]) == (200, "C")
    stale = client.patch(path, content=b'{"name":"D"}', headers={**merge, "If-Match": tag})
    assert problem(stale, 412, "stale_version")["current_version"] == 2
    assert stale.headers["etag"] == changed.headers["etag"]
    client.post("/v1/accounts", json={"name": "E"})
    page = client.get("/v1/accounts", params={"limit": 1, "sort": "name"})
    assert [each["name"] for each in page.json()["items"]] == ["C"]
    following = page.headers["link"].partition(">")[0].removeprefix("<")
    assert [each["name"] for each in client.get(following).json()["items"]] == ["E"]
    assert client.delete(path).status_code == 204
    problem(client.get(path), 404, "not_found")


def test_refusals(client: TestClient, settings: Settings) -> None:
    nobody = {"Authorization": "Bearer kam_none"}
    assert problem(client.get("/v1/accounts", headers=nobody), 401, "unauthenticated")
    reader = {"Authorization": f"Bearer {key_of(settings, 'accounts:read')}"}
    refused = client.post("/v1/accounts", json={"name": "A"}, headers=reader)
    assert problem(refused, 403, "insufficient_scope")["required_scope"] == "accounts:write"
    problem(client.get(f"/v1/accounts/{UNKNOWN}"), 404, "not_found")
    problem(client.get("/v1/nothing"), 404, "not_found")
    problem(client.put("/v1/accounts"), 405, "method_not_allowed")
    problem(client.get("/v1/accounts", headers={"Accept": "text/csv"}), 406, "not_acceptable")
    problem(
        client.post("/v1/accounts", content=b"{}", headers={"Content-Type": "text/csv"}), 415, "unsupported_media_type"
    )
    twice = client.post(
        "/v1/accounts", content=b'{"name":"A","name":"B"}', headers={"Content-Type": "application/json"}
    )
    assert problem(twice, 422, "invalid_request")["errors"][0]["pointer"] == "/name"
    unknown = client.get("/v1/accounts?nope=1")
    assert problem(unknown, 422, "invalid_request")["errors"][0]["parameter"] == "nope"
    large = client.post("/v1/accounts", content=b" " * 2_000_000, headers={"Content-Type": "application/json"})
    problem(large, 413, "body_too_large")


def test_a_key_that_asks_too_often_waits(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"rate_limit": 1, "rate_burst": 2}), edge=False)
    with TestClient(app, headers={"Authorization": f"Bearer {key_of(settings, '*')}"}) as client:
        assert client.get("/v1/accounts").headers["ratelimit-policy"] == '"default";q=2;w=2'
        client.get("/v1/accounts")
        assert problem(client.get("/v1/accounts"), 429, "rate_limited")
        assert client.get("/livez").status_code == 200


def test_graphql_over_http_and_websocket(client: TestClient) -> None:
    mutation = {"query": 'mutation { createAccount(input: {name: "A"}) { account { name } } }'}
    first = client.post("/graphql", json=mutation, headers={"Idempotency-Key": "g"})
    again = client.post("/graphql", json=mutation, headers={"Idempotency-Key": "g"})
    assert first.json() == again.json() == {"data": {"createAccount": {"account": {"name": "A"}}}}
    assert again.headers["idempotent-replayed"] == "true"
    refused = client.post("/graphql", json=mutation, headers={"Authorization": "Bearer kam_none"})
    assert refused.json()["errors"][0]["extensions"]["code"] == "unauthenticated"
    wrong = client.post("/graphql", content=b"x=1", headers={"Content-Type": "text/plain"})
    assert (wrong.status_code, wrong.headers["accept-post"]) == (415, "application/json")
    large = client.post("/graphql", content=b" " * 2_000_000, headers={"Content-Type": "application/json"})
    assert large.status_code == 413
    with client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        socket.send_json(
            {"type": "subscribe", "id": "1", "payload": {"query": "{ accounts { edges { node { name } } } }"}}
        )
        assert socket.receive_json()["payload"]["data"]["accounts"]["edges"] == [{"node": {"name": "A"}}]


def test_health_documents_and_docs(client: TestClient) -> None:
    assert client.get("/readyz").json()["checks"] == {"database": "ok"}
    assert client.get("/openapi.json").json()["paths"]["/v1/accounts/{id}"]
    assert client.get("/docs").headers["content-type"] == "text/html; charset=utf-8"
