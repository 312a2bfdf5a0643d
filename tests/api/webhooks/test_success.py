"""Success by the answer: deliveries that a receiver refuses inside a 200 end at once."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from service.records.context import Services
from tests.api.records import make_account, told_types
from tests.api.subscribing import Sender, attempts, deliveries, subscribe
from tests.delivery.receivers import Receiver, answering

SALESFORCE = {"items": "", "item": [{"path": "/success", "is": True}]}


@pytest.mark.parametrize(
    ("success", "status", "answer", "state", "outcome"),
    [
        (None, 200, b'[{"success": false}]', "succeeded", "ok"),
        (SALESFORCE, 200, b'[{"success": true}]', "succeeded", "ok"),
        (SALESFORCE, 200, b'[{"success": false}]', "dead", "refused"),
        (SALESFORCE, 400, b"{}", "dead", "refused"),
        ({"statuses": [201]}, 200, b"{}", "dead", "refused"),
        (SALESFORCE, 503, b"[]", "pending", "http"),
        (SALESFORCE, 423, b"[]", "pending", "http"),
        (None, 400, b"{}", "pending", "http"),
    ],
)
async def test_the_answer_decides(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services,
    success: Any, status: int, answer: bytes, state: str, outcome: str,
) -> None:  # fmt: skip
    receiver.behave = answering(status, answer)
    endpoint = await subscribe(client, receiver, "account.created", success=success, on_exhausted="block")
    assert endpoint["success"] == success
    await make_account(client)
    await sender.send()
    [delivery] = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["last_error_class"]) == (state, None if outcome == "ok" else outcome)
    [attempt] = await attempts(client, delivery)
    assert (attempt["outcome"], attempt["status"], attempt["response_body"]) == (outcome, status, answer.decode())
    stats = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/stats")).json()
    assert stats["windows"][0]["by_outcome"] == [{"outcome": outcome, "attempts": 1}]
    assert ("delivery.exhausted" in await told_types(services)) == (state == "dead")
    read = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert read["breaker"]["state"] == "closed"


@pytest.mark.parametrize(
    ("success", "pointer", "code"),
    [
        ({}, "/success", "missing"),
        ({"items": ""}, "/success/item", "missing"),
        ({"item": [{"path": "/ok", "is": True}]}, "/success/items", "missing"),
        ({"body": [{"path": "/ok"}]}, "/success/body/0", "missing"),
        ({"body": []}, "/success/body", "too_short"),
        ({"body": [{"path": "ok", "is": True}]}, "/success/body/0/path", "string_pattern_mismatch"),
        ({"statuses": [404]}, "/success/statuses/0", "less_than_equal"),
        ({"code": "/x"}, "/success/code", "extra_forbidden"),
    ],
)
async def test_what_says_nothing_is_refused(
    client: httpx.AsyncClient, receiver: Receiver, success: Any, pointer: str, code: str
) -> None:
    body = {"url": receiver.url(), "event_types": ["*"], "success": success}
    answer = await client.post("/v1/webhook-endpoints", json=body)
    assert answer.status_code == 422, answer.text
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]


async def test_it_is_changed_as_a_whole_and_the_same_in_graphql(client: httpx.AsyncClient, receiver: Receiver) -> None:
    document = """
        mutation ($input: CreateWebhookEndpointInput!) {
          createWebhookEndpoint(input: $input) {
            webhookEndpoint { id success { statuses items item { path is in lt } } }
          }
        }
    """
    success: dict[str, Any] = {
        "statuses": [200],
        "items": "/results",
        "item": [{"path": "/code", "in": [0, "0", None], "lt": 5}],
    }
    variables = {"input": {"url": receiver.url(), "eventTypes": ["*"], "success": success}}
    answer = (await client.post("/graphql", json={"query": document, "variables": variables})).json()
    made = answer["data"]["createWebhookEndpoint"]["webhookEndpoint"]
    assert made["success"] == {**success, "item": [{**success["item"][0], "is": None}]}
    path = f"/v1/webhook-endpoints/{made['id']}"
    read = await client.get(path)
    assert read.json()["success"] == success
    changed = await client.patch(path, json={"success": SALESFORCE})
    assert (changed.json()["success"], changed.json()["version"]) == (SALESFORCE, 2)
    cleared = await client.patch(
        path, content=orjson.dumps({"success": None}), headers={"Content-Type": "application/json"}
    )
    assert (cleared.json()["success"], cleared.json()["version"]) == (None, 3)
