"""Turning endpoints on and off through HTTP: held deliveries, the owner, and the consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from service.events.feed.sequencer import sequence
from service.platform.clock import SetClock, instant_text
from service.records.context import Services
from service.records.webhooks.subscriptions import OWNER_GONE
from tests.api.records import NOBODY, make_account
from tests.api.subscribing import Sender, deliveries, subscribe
from tests.delivery.receivers import Receiver, answering


def names(receiver: Receiver) -> list[str]:
    return [orjson.loads(request.body)["data"]["account"]["name"] for request in receiver.requests]


@pytest.mark.parametrize(
    ("held", "arrived"),
    [("resume", ["Before", "Meanwhile"]), ("drop", ["Before"]), ("replay", ["Before", "Before", "Meanwhile"])],
)
async def test_what_was_held_goes_out_is_dropped_or_goes_out_with_what_was_sent_before(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, held: str, arrived: list[str]
) -> None:
    endpoint = await subscribe(client, receiver, "account.*")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    since = instant_text(clock.now())
    await make_account(client, name="Before")
    await sender.send()
    off = await client.post(f"{path}/disable", json={"reason": "Maintenance"})
    assert off.status_code == 200
    assert (off.json()["enabled"], off.json()["disabled_reason"]) == (False, "Maintenance")
    again = await client.post(f"{path}/disable", json={"reason": "Other"})
    assert (again.json()["disabled_reason"], again.json()["version"]) == ("Maintenance", off.json()["version"])
    await make_account(client, name="Meanwhile")
    assert await sender.send() == 0
    assert [each["state"] for each in await deliveries(client, endpoint)] == ["held", "succeeded"]
    body = {"held": held} | ({"since": since} if held == "replay" else {})
    stale = await client.post(f"{path}/enable", json=body, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412
    on = await client.post(f"{path}/enable", json=body)
    assert on.status_code == 200 and on.json()["enabled"] and on.json()["disabled_reason"] is None
    await sender.send()
    assert names(receiver) == arrived
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == len(set(arrived))
    states = sorted(each["state"] for each in await deliveries(client, endpoint))
    assert states == sorted(["succeeded"] * len(arrived) + ["canceled"] * (held == "drop"))
    await make_account(client, name="After")
    await sender.send()
    assert names(receiver) == [*arrived, "After"]


async def test_what_contradicts_itself_and_who_is_not_there_is_refused(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}/enable"
    for body in ({"held": "replay"}, {"held": "drop", "since": "2026-01-01T00:00:00Z"}):
        refused = await client.post(path, json=body)
        assert refused.status_code == 422 and refused.json()["errors"][0]["code"] == "since_with_replay"
    for verb in ("enable", "disable"):
        assert (await client.post(f"/v1/webhook-endpoints/{NOBODY}/{verb}", json={})).status_code == 404


async def test_an_endpoint_without_an_owner_becomes_that_of_who_enables_it(
    client: httpx.AsyncClient, make_client: Callable[..., Any], receiver: Receiver, sender: Sender
) -> None:
    owner = await make_client("webhooks:write", "accounts:read")
    endpoint = await subscribe(owner, receiver, "account.*")
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert (await client.delete(f"/v1/api-keys/{endpoint['created_by']}")).status_code == 204
    assert (await client.get(path)).json()["disabled_reason"] == OWNER_GONE
    on = (await client.post(f"{path}/enable", json={})).json()
    assert on["enabled"] and on["created_by"] not in (None, endpoint["created_by"])
    await make_account(client, name="After")
    await sender.send()
    assert names(receiver) == ["After"]


async def test_enabling_asks_the_receiver_for_its_consent_again(
    client: httpx.AsyncClient, receiver: Receiver, services: Services
) -> None:
    services.settings.public_url = "https://kam.example.com/api"
    sender = Sender(services)
    receiver.behave = answering(200, b"", webhook_allowed_origin="*", webhook_allowed_rate="*")
    endpoint = await subscribe(client, receiver, handshake=True)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert await sender.worker.handshakes.once() == 1 and await sender.worker.handshakes.once() == 0
    await client.post(f"{path}/disable", json={})
    assert (await client.post(f"{path}/enable", json={})).json()["consent"]["state"] == "given"
    assert await sender.worker.handshakes.once() == 1
    assert [request.line.split()[0] for request in receiver.requests] == ["OPTIONS", "OPTIONS"]


async def blocked(client: httpx.AsyncClient, receiver: Receiver, sender: Sender) -> dict[str, Any]:
    """An endpoint with a delivery that blocks its line, and one behind it."""
    endpoint = await subscribe(client, receiver, "account.*", on_exhausted="block")
    account = await make_account(client, name="First")
    receiver.behave = answering(500, b"", webhook_delivery="abort-message")
    await sender.send()
    await client.patch(f"/v1/accounts/{account['id']}", json={"name": "Second"})
    await sequence(sender.services.database, sender.services.clock)
    assert [each["state"] for each in await deliveries(client, endpoint)] == ["pending", "blocked"]
    receiver.behave = answering(204, b"")
    assert await sender.send() == 0
    receiver.requests.clear()
    return endpoint


async def test_a_blocked_delivery_is_freed_by_a_retry(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await blocked(client, receiver, sender)
    _, first = await deliveries(client, endpoint)
    assert (await client.post(f"/v1/webhook-deliveries/{first['id']}/retry")).status_code == 202
    await sender.send()
    assert names(receiver) == ["First", "Second"]


async def test_a_blocked_delivery_that_is_canceled_lets_the_next_go(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await blocked(client, receiver, sender)
    _, first = await deliveries(client, endpoint)
    assert (await client.post(f"/v1/webhook-deliveries/{first['id']}/cancel")).status_code == 200
    await sender.send()
    assert names(receiver) == ["Second"]
