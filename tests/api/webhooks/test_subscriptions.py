"""Subscriptions through HTTP: the events that an endpoint gets by type, account, changed fields and its owner's key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock
from service.records.context import Services
from service.records.webhooks.subscriptions import OWNER_GONE
from tests.api.records import make_account, make_person
from tests.api.subscribing import Sender, deliveries, subscribe, verified
from tests.delivery.receivers import Receiver, listening


def types(receiver: Receiver) -> list[str]:
    """The types of what arrived, in order."""
    return [orjson.loads(request.body)["type"] for request in receiver.requests]


async def patch(client: httpx.AsyncClient, account: dict[str, Any], **members: Any) -> None:
    answer = await client.patch(f"/v1/accounts/{account['id']}", json=members)
    assert answer.status_code == 200, answer.text


async def test_a_filter_looks_at_the_account_before_and_after_the_event(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    owners = [(await make_person(client))["id"], (await make_person(client, name="Other"))["id"]]
    account = await make_account(client, country="DE", owner_id=owners[0])
    endpoint = await subscribe(client, receiver, "*", filter={"country": ["DE"], "owner_id": [owners[0]]})
    await patch(client, account, industry="Steel")
    await patch(client, account, owner_id=owners[1])  # it leaves: told, for the last time
    await patch(client, account, industry="Energy")
    await make_account(client, name="Elsewhere", country="FR", owner_id=owners[0])
    await client.post(f"/v1/accounts/{account['id']}/stakeholders", json={"name": "Not the owner's any more"})
    await patch(client, account, owner_id=owners[0])  # and comes back
    await client.post(f"/v1/accounts/{account['id']}/stakeholders", json={"name": "Robin"})
    await sender.send()
    assert types(receiver) == [
        "account.updated", "account.updated", "account.owner_changed", "account.updated", "account.owner_changed",
        "stakeholder.created",
    ]  # fmt: skip
    assert "quadrant" not in verified(receiver.requests[-1], endpoint["secret"])["data"]["account"]


async def test_a_filter_sees_the_quadrant_that_the_event_tells(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services
) -> None:
    await ensure_default_model(services)
    account = await make_account(client)
    async with listening() as watcher:
        await subscribe(client, receiver, "account.quadrant_changed", filter={"quadrant": ["strategic"]})
        await subscribe(client, watcher, "account.quadrant_changed", filter={"quadrant": ["streamline"]})
        models = (await client.get("/v1/scoring-models")).json()["items"]
        for score, ours in ((9, 9), (1, 1)):
            scores = [{"factor": factor["key"], "score": score} for factor in models[0]["factors"]]
            path = f"/v1/accounts/{account['id']}"
            assert (await client.put(f"{path}/attractiveness", json={"scores": scores})).status_code == 200
            factors = [{"name": "Price", "weight": 100, "ours": ours, "competitors": {"Rival": 5}}]
            assert (await client.put(f"{path}/business-strength", json={"factors": factors})).status_code == 200
        await sender.send()
        moves = [
            (event["data"]["previous"]["quadrant"], event["data"]["current"]["quadrant"])
            for event in (orjson.loads(request.body) for request in receiver.requests)
        ]
        assert moves[0] == (None, "strategic") and moves[1][0] == "strategic" and len(moves) == 2
        last = [orjson.loads(request.body)["data"]["current"]["quadrant"] for request in watcher.requests]
        assert last == ["streamline"]


async def test_changed_members_and_channels_narrow_too(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    async with listening() as channel:
        await subscribe(client, receiver, "*.updated", changed=["industry", "name"])
        await subscribe(client, channel, "*", channels=["emea"])
        account = await make_account(client, tags=["key", "channel:emea"])
        await patch(client, account, industry="Steel")
        await patch(client, account, country="DE")
        await patch(client, account, tags=[])
        await patch(client, account, name="Renamed")
        await sender.send()
        assert types(receiver) == ["account.updated"] * 2
        assert types(channel) == ["account.created"] + ["account.updated"] * 3


async def test_a_filter_is_patched_member_by_member(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver, filter={"country": ["DE"], "quadrant": ["star"]})
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    empty = dict.fromkeys(("quadrant", "stage", "status", "scope", "country", "industry", "owner_id", "tags"))
    assert endpoint["filter"] == {**empty, "country": ["DE"], "quadrant": ["star"]}
    assert (endpoint["changed"], endpoint["channels"]) == ([], [])
    changed = (await client.patch(path, json={"filter": {"country": None, "tags": ["x"]}})).json()
    assert changed["filter"] == {**empty, "quadrant": ["star"], "tags": ["x"]} and changed["version"] == 2
    same = (await client.patch(path, json={"filter": {"tags": ["x"]}})).json()
    assert same["version"] == 2
    assert (await client.patch(path, json={"filter": {"tags": None, "quadrant": None}})).json()["filter"] is None
    assert (await client.patch(path, json={"filter": None})).json()["version"] == 3


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"filter": {"quadrant": ["middle"]}}, "/filter/quadrant/0"),
        ({"filter": {"country": []}}, "/filter/country"),
        ({"filter": {"size": ["big"]}}, "/filter/size"),
        ({"changed": ["Not A Member"]}, "/changed/0"),
        ({"channels": [str(number) for number in range(11)]}, "/channels"),
        ({"event_types": ["*.exploded"]}, "/event_types/0"),
        ({"event_types": ["account.**"]}, "/event_types/0"),
    ],
)
async def test_what_no_event_can_be_like_is_refused(
    client: httpx.AsyncClient, members: dict[str, Any], pointer: str
) -> None:
    body = {"url": "https://example.com/", "event_types": ["*"], **members}
    answer = await client.post("/v1/webhook-endpoints", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text


async def test_an_endpoint_gets_what_its_owner_may_read(
    client: httpx.AsyncClient, make_client: Callable[..., Any], receiver: Receiver, sender: Sender
) -> None:
    owner = await make_client("webhooks:write", "accounts:read", "events:read")
    await subscribe(owner, receiver, "*")
    account = await make_account(client)
    body = {"title": "P", "period_start": "2026-01-01", "period_end": "2026-12-31"}
    assert (await client.post(f"/v1/accounts/{account['id']}/plans", json=body)).status_code == 201
    moved = await client.post(
        f"/v1/accounts/{account['id']}/stage-transitions", json={"to": "early_kam", "reason": "Secret"}
    )
    assert moved.status_code == 201
    await sender.send()
    assert types(receiver) == ["account.created"]
    feed = (await owner.get("/v1/events")).json()["items"]  # the feed agrees
    assert [event["type"] for event in feed] == ["account.created"]
    everything = (await client.get("/v1/events")).json()["items"]
    plan = next(event for event in everything if event["type"] == "plan.created")
    assert (await owner.get(f"/v1/events/{plan['id']}")).status_code == 404
    assert (await owner.get("/v1/events?types=plan.*")).status_code == 403
    refused = await owner.post("/v1/webhook-endpoints", json={"url": receiver.url(), "event_types": ["plan.created"]})
    assert refused.status_code == 403 and refused.json()["required_scope"] == "plans:read"


async def test_nobody_reads_with_the_eyes_of_another_owner(
    client: httpx.AsyncClient, make_client: Callable[..., Any], receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver, "plan.*")
    other = await make_client("webhooks:write")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    members: dict[str, Any]
    for members in (
        {"url": receiver.url() + "?elsewhere"},
        {"filter": {"country": ["DE"]}},
        {"description": "mine"},
        {"event_types": ["plan.created"]},
        {"auth": None},
    ):
        answer = await other.patch(path, json=members)
        expected = (200, None) if members == {"auth": None} else (403, "plans:read")  # the last one changes nothing
        assert (answer.status_code, answer.json().get("required_scope")) == expected, answer.text
    able = await make_client("webhooks:write", "plans:read")
    assert (await able.patch(path, json={"url": receiver.url() + "?elsewhere"})).status_code == 200


USES: dict[str, tuple[str, str, Any, str]] = {
    "change": ("PATCH", "", {"description": "mine"},
               "updateWebhookEndpoint(id: $id, input: {description: \"mine\"}) { webhookEndpoint { id } }"),
    "disable": ("POST", "/disable", {"reason": "mine"},
                "disableWebhookEndpoint(id: $id, input: {reason: \"mine\"}) { webhookEndpoint { id } }"),
    "rotate": ("POST", "/secret/rotate", {}, "rotateWebhookSecret(id: $id) { secret }"),
    "read the secret": ("GET", "/secret", None, "query"),
    "delete": ("DELETE", "", None, "deleteWebhookEndpoint(id: $id) { webhookEndpoint { id } }"),
}  # fmt: skip
"""What needs the sight of all types that another key's endpoint takes: its request, and its mutation."""
SIGHT = ["webhooks:write", "webhooks:read", "accounts:read"]


@pytest.mark.parametrize("use", USES)
async def test_another_keys_endpoint_is_used_only_by_who_sees_all_that_it_takes(
    client: httpx.AsyncClient, make_client: Callable[..., Any], receiver: Receiver, services: Services, use: str
) -> None:
    method, below, body, mutation = USES[use]
    blind, able = await make_client(*SIGHT), await make_client(*SIGHT, "plans:read")
    endpoint = await subscribe(client, receiver, "account.updated", "plan.created")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    document = f"mutation ($id: ID!) {{ {mutation} }}"
    if mutation == "query":
        document = "query ($id: ID!) { webhookKeys(id: $id) { keys { id } } }"
    before = (await client.get(path)).json()
    refused = await blind.request(method, path + below, json=body)
    assert (refused.status_code, refused.json()["required_scope"]) == (403, "plans:read")
    asked = await blind.post("/graphql", json={"query": document, "variables": {"id": endpoint["id"]}})
    assert asked.json()["errors"][0]["extensions"]["code"] == "insufficient_scope", asked.text
    assert (await client.get(path)).json() == before
    own = await subscribe(blind, receiver, "account.*", "*")
    assert (await blind.request(method, f"/v1/webhook-endpoints/{own['id']}{below}", json=body)).is_success
    limited = await make_client("webhooks:write", "accounts:read")
    narrow = await subscribe(limited, receiver, "*")  # of which its owner gets events of accounts only
    assert (await blind.request(method, f"/v1/webhook-endpoints/{narrow['id']}{below}", json=body)).is_success
    assert (await able.request(method, path + below, json=body)).is_success


async def test_without_its_owner_an_endpoint_is_turned_off_and_another_key_takes_it(
    client: httpx.AsyncClient,
    make_client: Callable[..., Any],
    receiver: Receiver,
    sender: Sender,
    services: Services,
    clock: SetClock,
) -> None:
    owner = await make_client("webhooks:write", "accounts:read")
    endpoint = await subscribe(owner, receiver, "account.*")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    await make_account(client, name="Before")
    await sender.send()
    assert (await client.delete(f"/v1/api-keys/{endpoint['created_by']}")).status_code == 204
    off = (await client.get(path)).json()
    assert (off["enabled"], off["disabled_reason"]) == (False, OWNER_GONE)
    await make_account(client, name="Meanwhile")
    await sender.send()
    assert len(await deliveries(client, endpoint)) == len(receiver.requests) == 1
    on = (await client.patch(path, json={"enabled": True})).json()
    assert on["enabled"] and on["created_by"] != endpoint["created_by"]
    await make_account(client, name="After")
    await sender.send()
    assert [orjson.loads(request.body)["data"]["account"]["name"] for request in receiver.requests] == [
        "Before",
        "After",
    ]


async def test_an_expired_owner_is_found_by_the_sweep(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services, clock: SetClock
) -> None:
    expires = (clock.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    made = await client.post("/v1/api-keys", json={"name": "k", "scopes": ["*"], "expires_at": expires})
    transport = client._transport
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://kam.test", headers=headers) as owner:
        endpoint = await subscribe(owner, receiver)
    before = services.database.statements
    await sender.worker.sweep()
    clock.advance(timedelta(hours=2))
    await make_account(client)
    assert await sender.send() == 0  # nothing new from the moment it expired
    await sender.worker.sweep()
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, OWNER_GONE)
    events = (await client.get("/v1/events?types=webhook_endpoint.disabled")).json()["items"]
    assert [event["data"]["webhook_endpoint"]["id"] for event in events] == [endpoint["id"]]
    assert services.database.statements > before
