"""Webhooks end to end: an endpoint made through HTTP, a change of an account, a signed delivery at a real receiver."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.delivery.settle.settlement import GONE
from service.events.feed.sequencer import sequence
from service.framework.database.statements import Statement
from service.models.access.api_keys import idempotency_keys
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import SetClock
from service.records.context import Services
from service.worker import Worker
from tests.api.records import NOBODY, make_account, make_person, told
from tests.api.subscribing import Sender, deliveries, subscribe, verified
from tests.delivery.receivers import Receiver, answering, listening

_ALL_ENDPOINTS = Statement(sa.select(webhook_endpoints))
_ALL_KEYS = Statement(sa.select(idempotency_keys))


async def test_a_change_arrives_once_signed_and_can_be_followed(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    account = await make_account(client)
    endpoint = await subscribe(client, receiver, "account.updated")
    assert await sender.send() == 0  # what happened before it existed is not sent
    changed = await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"})
    assert await sender.send() == 1
    [request] = receiver.requests
    event = verified(request, endpoint["secret"])
    assert request.headers["webhook-id"] == event["id"]
    assert event["data"]["account"]["version"] == changed.json()["version"] == 2
    assert event["data"]["changed"] == ["industry"]
    [delivery] = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["event_type"], delivery["attempts"]) == ("succeeded", "account.updated", 1)
    assert delivery["event_id"] == event["id"] and delivery["order_key"] == account["id"]
    assert (await client.get(f"/v1/webhook-deliveries/{delivery['id']}")).json() == delivery
    [attempt] = (await client.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts")).json()["items"]
    assert (attempt["n"], attempt["trigger"], attempt["outcome"], attempt["status"]) == (1, "scheduled", "ok", 200)
    sent = attempt["request"]
    assert (sent["method"], sent["url"]) == ("POST", endpoint["url"])
    assert {name: request.headers[name] for name in sent["headers"]} == sent["headers"]
    assert sent["headers"]["webhook-id"] == event["id"] and "webhook-signature" in sent["headers"]
    assert attempt["response_body"] == "ok" and attempt["response_headers"]["content-length"] == "2"
    assert b'kam_delivery_attempts_total{outcome="ok"} 1' in sender.metrics.render()


async def test_a_worker_sends_within_moments_of_the_commit(
    client: httpx.AsyncClient, receiver: Receiver, services: Services, clock: SetClock
) -> None:
    clock.set(datetime.now(UTC))
    services.settings.delivery_poll_seconds = 30
    await subscribe(client, receiver)
    took = []
    async with Worker(services).running():
        for number in range(3):
            began = time.perf_counter()
            await make_account(client, name=f"Account {number}")
            await receiver.until(number + 1)
            took.append(time.perf_counter() - began)
    assert min(took) < 0.25, took


async def test_a_failure_is_tried_again_on_schedule_and_by_hand(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.behave = answering(500)
    await make_account(client)
    assert await sender.send() == 1
    [delivery] = await deliveries(client, endpoint, state="pending")
    assert (delivery["attempts"], delivery["last_error_class"]) == (1, "http")
    assert await sender.send() == 0
    clock.advance(timedelta(seconds=7))
    assert await sender.send() == 1
    now = await client.post(f"/v1/webhook-deliveries/{delivery['id']}/retry")  # the next would be in five minutes
    assert now.status_code == 202 and now.json()["id"] == delivery["id"]
    receiver.behave = answering(204, b"")
    assert await sender.send() == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    path = f"/v1/webhook-deliveries/{delivery['id']}/attempts"
    attempts = (await client.get(path)).json()["items"]
    assert [(attempt["n"], attempt["status"]) for attempt in attempts] == [(1, 500), (2, 500), (3, 204)]
    page = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "after": page["next_cursor"]})).json()
    assert page["items"] + rest["items"] == attempts and not rest["has_more"]


async def test_what_arrived_can_be_sent_again_under_the_same_id(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    await sender.send()
    [first] = await deliveries(client, endpoint)
    for _ in range(2):
        again = await client.post(f"/v1/webhook-deliveries/{first['id']}/retry")
        assert again.status_code == 202 and again.json()["state"] == "pending" and again.json()["id"] != first["id"]
        assert again.json()["event_id"] == first["event_id"] and "etag" not in again.headers
    assert await sender.send() == 2
    assert len(receiver.requests) == 3 and len({request.body for request in receiver.requests}) == 1
    assert [each["state"] for each in await deliveries(client, endpoint)] == ["succeeded"] * 3
    [attempt] = (await client.get(f"/v1/webhook-deliveries/{again.json()['id']}/attempts")).json()["items"]
    assert attempt["trigger"] == "manual"
    assert (await client.post(f"/v1/webhook-deliveries/{NOBODY}/retry")).status_code == 404


async def test_each_endpoint_gets_the_types_it_asked_for(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    async with listening() as other:
        await subscribe(client, receiver, "account.*")
        await subscribe(client, other, "person.created", "account.created")
        account = await make_account(client)
        await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"})
        await make_person(client)
        assert await sender.send() == 4
        types = [orjson.loads(request.body)["type"] for request in receiver.requests]
        assert types == ["account.created", "account.updated"]
        assert {orjson.loads(request.body)["type"] for request in other.requests} == {
            "account.created",
            "person.created",
        }


async def test_a_test_event_goes_to_its_endpoint_only(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    async with listening() as other:
        endpoint = await subscribe(client, receiver, "plan.*")
        await subscribe(client, other, "*")
        answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
        assert answer.status_code == 202
        assert await sender.send() == 1
        event = verified(receiver.requests[0], endpoint["secret"])
        assert (event["id"], event["type"]) == (answer.json()["event_id"], "webhook.test")
        assert event["data"]["webhook_endpoint"]["id"] == answer.json()["endpoint_id"] == endpoint["id"]
        assert "secret" not in event["data"]["webhook_endpoint"] and other.requests == []
        [delivery] = await deliveries(client, endpoint)
        [attempt] = (await client.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts")).json()["items"]
        assert attempt["trigger"] == "test"
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": False})
        assert (await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")).status_code == 409


async def test_410_turns_the_endpoint_off_tells_others_and_holds_until_it_is_on_again(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services
) -> None:
    async with listening() as operator:
        gone = await subscribe(client, receiver)
        await subscribe(client, operator, "webhook_endpoint.*", "delivery.*")
        receiver.behave = answering(410)
        account = await make_account(client)
        await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"})
        assert await sender.send() == 2  # one call that was refused, one that tells of it
        shown = (await client.get(f"/v1/webhook-endpoints/{gone['id']}")).json()
        assert (shown["enabled"], shown["disabled_reason"], shown["version"]) == (False, GONE, 2)
        [request] = operator.requests
        event = orjson.loads(request.body)
        assert event["type"] == "webhook_endpoint.disabled" and event["data"]["webhook_endpoint"] == shown
        assert event["cause"] == {"kind": "delivery", "origin": gone["id"]}
        assert [each["state"] for each in await deliveries(client, gone)] == ["held", "held"]
        await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Energy"})
        assert await sender.send() == 0
        held = await deliveries(client, gone, state="held")
        assert len(held) == 3  # its own end is not among them
        assert (await client.post(f"/v1/webhook-deliveries/{held[0]['id']}/retry")).status_code == 409

        receiver.behave = answering()
        receiver.requests.clear()
        on = await client.patch(f"/v1/webhook-endpoints/{gone['id']}", json={"enabled": True})
        assert (on.json()["enabled"], on.json()["disabled_reason"]) == (True, None)
        assert await sender.send() == 3
        bodies = [verified(request, gone["secret"]) for request in receiver.requests]
        assert [body["data"]["account"]["version"] for body in bodies] == [1, 2, 3]
    assert [event["type"] for event in await told(services)].count("webhook_endpoint.disabled") == 1


async def test_deliveries_are_held_while_an_endpoint_is_off_and_canceled_when_it_is_deleted(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    await make_account(client, name="Before")
    await sequence(sender.services.database, sender.services.clock)
    off = await client.patch(path, json={"enabled": False}, headers={"If-Match": '"v1"'})
    assert off.json()["enabled"] is False and off.json()["version"] == 2
    assert (await client.patch(path, json={"enabled": False})).json()["version"] == 2
    await make_account(client, name="After")
    assert await sender.send() == 0
    states = [(each["state"], each["finished_at"]) for each in await deliveries(client, endpoint)]
    assert states == [("held", None)] * 2
    first = (await deliveries(client, endpoint))[0]
    assert (await client.delete(path, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/deliveries")).status_code == 404
    assert (await client.get(f"/v1/webhook-deliveries/{first['id']}")).json()["state"] == "canceled"
    assert (await client.post(f"/v1/webhook-deliveries/{first['id']}/retry")).status_code == 409
    await make_account(client, name="Later")
    assert await sender.send() == 0 and receiver.requests == []


async def test_a_delivery_that_is_given_up_is_told_to_others_without_end(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    receiver.behave = answering(503)
    async with listening(answering(500)) as operator:
        dead = await subscribe(client, receiver, "account.*", "delivery.*")
        await subscribe(client, operator, "delivery.exhausted")
        await make_account(client)
        for _ in range(24):
            await sender.send()
            clock.advance(timedelta(hours=30))
    assert len(receiver.requests) <= 10
    [delivery] = await deliveries(client, dead)
    assert delivery["state"] == "dead" and delivery["finished_at"] is not None
    [event] = [event for event in await told(services) if event["type"] == "delivery.exhausted"]
    assert event["data"]["delivery"] == delivery
    assert operator.requests and {orjson.loads(request.body)["id"] for request in operator.requests} == {event["id"]}
    assert b'kam_deliveries_finished_total{state="dead"} 2' in sender.metrics.render()


async def test_a_secret_is_shown_once_and_a_retry_shows_the_same(client: httpx.AsyncClient, receiver: Receiver) -> None:
    send = {
        "json": {"url": receiver.url(), "event_types": ["*"], "description": "CRM"},
        "headers": {"Idempotency-Key": "endpoint-1"},
    }
    first = await client.post("/v1/webhook-endpoints", **send)  # type: ignore[arg-type]
    second = await client.post("/v1/webhook-endpoints", **send)  # type: ignore[arg-type]
    assert first.status_code == second.status_code == 201 and first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    endpoint = first.json()
    assert first.headers["location"] == f"/v1/webhook-endpoints/{endpoint['id']}" and first.headers["etag"] == '"v1"'
    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_") and endpoint.pop("public_key") is None
    assert (await client.get(first.headers["location"])).json() == endpoint
    assert (await client.get("/v1/webhook-endpoints")).json()["items"] == [endpoint]
    changed = await client.patch(first.headers["location"], json={"description": None, "event_types": ["plan.*"]})
    assert changed.json()["description"] is None and changed.json()["event_types"] == ["plan.*"]
    assert "secret" not in changed.json()
    assert secret not in (await client.get(f"{first.headers['location']}/secret")).text


async def test_nothing_at_rest_holds_the_secret(
    client: httpx.AsyncClient, receiver: Receiver, services: Services
) -> None:
    answer = await client.post(
        "/v1/webhook-endpoints",
        json={"url": receiver.url(), "event_types": ["*"]},
        headers={"Idempotency-Key": "endpoint-2"},
    )
    secret = answer.json()["secret"]
    async with services.database.reading() as reader:
        rows = [*await reader.all(_ALL_ENDPOINTS), *await reader.all(_ALL_KEYS)]
    assert len(rows) == 2 and not [value for row in rows for value in row.values() if secret[6:] in str(value)]


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://10.0.0.1/", "https://[::1]/",
        "https://2130706433/", "https://0x7f.1/", "https://user:password@example.com/", "https://user@example.com/",
        "http://8.8.8.8/", "ftp://example.com/", "https://example.com:22/", "//example.com/", "https://", "example.com",
    ],
)  # fmt: skip
async def test_urls_that_may_not_be_called_are_refused(client: httpx.AsyncClient, url: str) -> None:
    answer = await client.post("/v1/webhook-endpoints", json={"url": url, "event_types": ["*"]})
    assert answer.status_code == 422, url
    assert answer.json()["errors"][0]["pointer"] == "/url"


async def test_without_an_allowance_neither_http_nor_this_machine_can_be_called(
    client: httpx.AsyncClient, services: Services, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    services.settings.webhook_allowed_networks = []
    services.settings.public_url = "https://kam.example.com/api"
    urls = (
        receiver.url(), receiver.url(scheme="https"), "https://localhost:8443/", "https://api.localhost/",
        "http://example.com/", "https://kam.example.com/hook",
    )  # fmt: skip
    for url in urls:
        answer = await client.post("/v1/webhook-endpoints", json={"url": url, "event_types": ["*"]})
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/url", url
        patched = await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"url": url})
        assert patched.status_code == (200 if url == endpoint["url"] else 422), url
    assert (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()["url"] == receiver.url()


async def test_event_types_that_do_not_exist_are_refused(client: httpx.AsyncClient) -> None:
    for types, pointer in (
        (["*", "account.exploded"], "/event_types/1"),
        (["nothing.*"], "/event_types/0"),
        (["Account"], "/event_types/0"),
        ([], "/event_types"),
        (None, "/event_types"),
    ):
        answer = await client.post("/v1/webhook-endpoints", json={"url": "https://example.com/", "event_types": types})
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, types


async def test_who_may_do_what_with_webhooks(make_client: Callable[..., Any], receiver: Receiver) -> None:
    reader, writer = await make_client("webhooks:read"), await make_client("webhooks:write")
    endpoint = await subscribe(writer, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    for allowed in (path, f"{path}/deliveries", "/v1/webhook-endpoints"):
        assert (await reader.get(allowed)).status_code == 200
    body = {"url": receiver.url(), "event_types": ["*"]}
    refused = [
        await reader.post("/v1/webhook-endpoints", json=body), await reader.patch(path, json={"enabled": False}),
        await reader.delete(path), await reader.post(f"{path}/test"), await reader.post(f"{path}/secret/rotate"),
        await reader.post(f"/v1/webhook-deliveries/{NOBODY}/retry"),
        await (await make_client("events:read")).get(path),
    ]  # fmt: skip
    assert [answer.status_code for answer in refused] == [403] * 7
    assert (await (await make_client()).get(path)).status_code == 401


async def test_gauges_show_what_waits(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    await make_account(client, name="Other")
    await sequence(sender.services.database, clock)
    clock.advance(timedelta(seconds=40))
    await sender.worker.measure()
    shown = sender.metrics.render()
    assert b"kam_deliveries_pending 2" in shown and b"kam_delivery_oldest_pending_seconds 40" in shown
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": False})
    await sender.worker.measure()
    assert b"kam_deliveries_pending 0" in sender.metrics.render()
    assert b"kam_deliveries_held 2" in sender.metrics.render()
    await sender.worker.sweep()
