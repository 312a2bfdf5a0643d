"""Every type of event has an example that is exactly what its schema says, and whose parts fit each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest

from service.events.catalogue import catalogue
from service.events.examples import AT, example, examples
from service.events.feed.subscriptions import required_scopes
from service.events.schemas import schema, strict
from service.platform.clock import SetClock
from tests.api.subscribing import subscribe, verified
from tests.delivery.receivers import Receiver, listening


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_an_example_fits_its_schema_to_the_member(name: str) -> None:
    made = example(name)
    jsonschema_rs.validator_for(strict(schema(catalogue()[name]))).validate(made)
    assert (made["type"], made["timestamp"]) == (name, AT) and made == examples()[name]
    data = made["data"]
    for member in data.get("changed", []):
        if (
            member in (data.get("previous") or {})
            and name.startswith("account.")
            and name != "account.target_stage_changed"
        ):
            assert data["previous"][member] != data["current"][member], (name, member)


def test_examples_read_like_the_method() -> None:
    moved = example("account.quadrant_changed")["data"]
    assert (moved["previous"]["quadrant"], moved["current"]["quadrant"]) == ("star", "strategic")
    assert moved["changed"] == ["quadrant", "relative_strength"] and moved["account"]["name"] == "Aurelia Robotics"
    stage = example("account.stage_changed")["data"]
    assert (stage["previous"]["stage"], stage["current"]["cranfield_name"]) == ("pre_kam", "Exploratory KAM")
    plan = example("plan.approved")["data"]
    assert (plan["previous"], plan["current"], plan["plan"]["state"]) == (
        {"state": "submitted"},
        {"state": "approved"},
        "approved",
    )
    assert plan["plan"]["account_id"] == plan["account"]["id"]


async def test_a_type_is_read_with_its_schema_and_example(client: httpx.AsyncClient) -> None:
    for name in ("account.quadrant_changed", "webhook.test"):
        shown: dict[str, Any] = (await client.get(f"/v1/event-types/{name}")).json()
        assert shown["required_scopes"] == required_scopes(name) == [shown["required_scope"]] and shown[
            "example"
        ] == example(name)
        jsonschema_rs.validator_for(shown["event_schema"]).validate(shown["example"])
    assert (await client.get("/v1/event-types/account.exploded")).status_code == 404
    query = '{ eventType(type: "plan.closed") { type requiredScope example eventSchema version } }'
    data = (await client.post("/graphql", json={"query": query})).json()["data"]["eventType"]
    assert (data["requiredScope"], data["example"]) == ("plans:read", example("plan.closed"))


async def test_an_example_is_sent_like_a_real_event_and_is_none(client: httpx.AsyncClient, clock: SetClock) -> None:
    clock.set(datetime.now(UTC))
    receiver: Receiver
    async with listening() as receiver:
        endpoint = await subscribe(client, receiver, "plan.*")
        path = f"/v1/webhook-endpoints/{endpoint['id']}/send-example"
        answer = await client.post(path, json={"event_type": "account.stage_changed"})
        assert answer.status_code == 200 and answer.json()["ok"]
        event = verified(receiver.requests[0], endpoint["secret"])
        assert event["type"] == "account.stage_changed" and event["cause"]["kind"] == "example"
        assert event["id"] == answer.json()["event_id"] and event["data"] == example("account.stage_changed")["data"]
        assert (await client.get("/v1/events")).json()["items"] == []
        refused = await client.post(path, json={"event_type": "account.exploded"})
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/event_type"
        query = """mutation($id: ID!) { sendWebhookExample(id: $id, input: {eventType: "plan.closed"}) { call { ok eventType } } }"""
        data = (await client.post("/graphql", json={"query": query, "variables": {"id": endpoint["id"]}})).json()[
            "data"
        ]
        assert data["sendWebhookExample"]["call"] == {"ok": True, "eventType": "plan.closed"}
        assert orjson.loads(receiver.requests[1].body)["type"] == "plan.closed"
