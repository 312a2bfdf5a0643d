"""The OPTIONS handshake of CloudEvents' web hooks: nothing is sent without consent, and consent is a matter of headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.delivery.send.handshake import read_consent
from service.platform.clock import SetClock
from service.records.context import Services
from service.worker import Worker
from tests.api.records import NOBODY, make_account
from tests.api.subscribing import Sender, deliveries, subscribe
from tests.delivery.receivers import Received, Receiver, answering, listening


class Consenting:
    """A receiver that answers OPTIONS by `said` and `status`, and takes deliveries."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.said: dict[str, str] = {}
        self.status = 200
        receiver.behave = self.answer

    async def answer(self, writer: asyncio.StreamWriter, request: Received) -> None:
        if request.line.startswith("OPTIONS"):
            await answering(self.status, b"", **self.said)(writer, request)
        else:
            await answering()(writer, request)

    @property
    def asked(self) -> list[Received]:
        return [request for request in self.receiver.requests if request.line.startswith("OPTIONS")]

    @property
    def delivered(self) -> list[Received]:
        return [request for request in self.receiver.requests if request.line.startswith("POST")]


@pytest.fixture
def public(services: Services) -> None:
    """The service knows where clients reach it; before the sender is made."""
    services.settings.public_url = "https://kam.example.com/api"


@pytest.fixture
async def target(receiver: Receiver) -> AsyncIterator[Consenting]:
    yield Consenting(receiver)


async def read(client: httpx.AsyncClient, endpoint: dict[str, Any]) -> dict[str, Any]:
    return dict((await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json())


async def test_deliveries_wait_for_consent_and_carry_the_origin_after_it(
    client: httpx.AsyncClient, public: None, sender: Sender, target: Consenting
) -> None:
    endpoint = await subscribe(client, target.receiver, handshake=True, headers={"x-a": "1"}, rate_per_second=2)
    assert endpoint["consent"]["state"] == "asked" and endpoint["consent"]["asked_at"] is None
    await make_account(client)
    assert await sender.send() == 0 and target.receiver.requests == []

    target.said = {"webhook_allowed_origin": "kam.example.com", "webhook_allowed_rate": "90"}
    target.status = 405  # a status is no answer
    assert await sender.worker.handshakes.once() == 1
    [asked] = target.asked
    assert asked.headers["webhook-request-origin"] == "kam.example.com" and asked.headers["x-a"] == "1"
    assert asked.headers["webhook-request-rate"] == "120" and asked.body == b""
    shown = await read(client, endpoint)
    assert (shown["consent"]["state"], shown["consent"]["rate_per_minute"], shown["version"]) == ("given", 90, 2)
    assert shown["consent"]["answered_at"] is not None and shown["consent"]["detail"] is None
    assert await sender.worker.handshakes.once() == 0

    assert await sender.send() == 1
    assert target.delivered[0].headers["webhook-request-origin"] == "kam.example.com"


async def test_without_consent_nothing_is_sent_until_somebody_asks_again(
    client: httpx.AsyncClient, public: None, sender: Sender, target: Consenting
) -> None:
    endpoint = await subscribe(client, target.receiver, handshake=True)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    await make_account(client)
    assert await sender.worker.handshakes.once() == 1  # answered 200, without the headers
    shown = await read(client, endpoint)
    assert shown["consent"]["state"] == "refused" and "WebHook-Allowed-Origin" in shown["consent"]["detail"]
    assert await sender.send() == 0 and await sender.worker.handshakes.once() == 0
    target.said = {"webhook_allowed_origin": "*"}
    again = await client.post(f"{path}/handshake")
    assert again.status_code == 202 and again.json()["consent"]["state"] == "asked"
    assert await sender.worker.handshakes.once() == 1
    assert (await read(client, endpoint))["consent"]["rate_per_minute"] is None
    assert await sender.send() == 1 and len(target.delivered) == 1
    [delivery] = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("succeeded", 1)


async def test_who_does_not_answer_is_asked_again_ever_more_seldom(
    client: httpx.AsyncClient, public: None, sender: Sender, clock: SetClock
) -> None:
    async with listening() as gone:
        pass
    endpoint = await subscribe(client, gone, handshake=True)
    for tries, wait in enumerate((30, 60, 120, 240), start=1):
        assert await sender.worker.handshakes.once() == 1
        consent = (await read(client, endpoint))["consent"]
        assert (consent["state"], consent["tries"]) == ("asked", tries)
        assert consent["detail"].startswith("The receiver could not be asked: ")
        clock.advance(timedelta(seconds=wait - 1))
        assert await sender.worker.handshakes.once() == 0
        clock.advance(timedelta(seconds=2))


async def test_a_new_url_takes_the_consent_away_other_changes_only_ask_again(
    client: httpx.AsyncClient, public: None, sender: Sender, target: Consenting
) -> None:
    target.said = {"webhook_allowed_origin": "*", "webhook_allowed_rate": "*"}
    endpoint = await subscribe(client, target.receiver, handshake=True)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    await sender.worker.handshakes.once()
    changed = await client.patch(path, json={"description": "CRM"})
    assert changed.json()["consent"]["state"] == "given"
    await make_account(client)
    assert await sender.send() == 1  # what was given stands until the answer comes
    target.said = {}
    assert await sender.worker.handshakes.once() == 1
    assert (await read(client, endpoint))["consent"]["state"] == "refused"
    await make_account(client, name="Other")
    assert await sender.send() == 0

    target.said = {"webhook_allowed_origin": "*"}
    await client.patch(path, json={"enabled": False})
    assert await sender.worker.handshakes.once() == 0
    assert (await client.post(f"{path}/handshake")).status_code == 409
    await client.patch(path, json={"enabled": True})
    assert await sender.worker.handshakes.once() == 1 and await sender.send() == 1

    moved = await client.patch(path, json={"url": target.receiver.url(path="/other")})
    assert moved.json()["consent"]["state"] == "asked"
    await make_account(client, name="Third")
    assert await sender.send() == 0
    await sender.worker.handshakes.once()
    assert await sender.send() == 1 and target.asked[-1].line.startswith("OPTIONS /other")
    off = await client.patch(path, json={"handshake": False})
    assert (off.json()["handshake"], off.json()["consent"]) == (False, None)
    assert (await client.post(f"{path}/handshake")).status_code == 409
    await make_account(client, name="Fourth")
    assert await sender.send() == 1
    assert "webhook-request-origin" not in target.delivered[-1].headers
    assert (await client.post(f"/v1/webhook-endpoints/{NOBODY}/handshake")).status_code == 404


async def test_a_change_while_the_receiver_is_asked_is_not_overwritten(
    client: httpx.AsyncClient, public: None, sender: Sender, target: Consenting
) -> None:
    endpoint = await subscribe(client, target.receiver, handshake=True)

    async def slow(writer: asyncio.StreamWriter, request: Received) -> None:
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"url": target.receiver.url(path="/new")})
        await answering(200, b"", webhook_allowed_origin="*")(writer, request)

    target.receiver.behave = slow
    await sender.worker.handshakes.once()
    assert (await read(client, endpoint))["consent"]["state"] == "asked"  # it was the old url that consented
    target.receiver.behave = target.answer
    assert await sender.worker.handshakes.once() == 1
    assert target.asked[-1].line.startswith("OPTIONS /new")


async def test_nobody_is_called_by_hand_without_consent(
    public: None, client: httpx.AsyncClient, sender: Sender, target: Consenting
) -> None:
    endpoint = await subscribe(client, target.receiver, handshake=True)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert (await client.post(f"{path}/ping")).status_code == 409 and target.receiver.requests == []
    target.said = {"webhook_allowed_origin": "*"}
    await sender.worker.handshakes.once()
    assert (await client.post(f"{path}/ping")).status_code == 200
    assert target.delivered[0].headers["webhook-request-origin"] == "kam.example.com"


async def test_without_a_public_url_there_is_nobody_to_ask_for(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    body = {"url": receiver.url(), "event_types": ["*"], "handshake": True}
    for answer in (
        await client.post("/v1/webhook-endpoints", json=body),
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"handshake": True}),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0] | {"message": ""} == {
            "pointer": "/handshake", "code": "public_url_missing", "message": ""
        }  # fmt: skip


async def test_a_running_worker_asks_and_then_sends(
    client: httpx.AsyncClient, public: None, services: Services, target: Consenting
) -> None:
    services.settings.delivery_poll_seconds = 0.05
    target.said = {"webhook_allowed_origin": "*"}
    await subscribe(client, target.receiver, handshake=True)
    async with Worker(services).running():
        await make_account(client)
        await target.receiver.until(2)
    assert [request.line.split()[0] for request in target.receiver.requests] == ["OPTIONS", "POST"]


@pytest.mark.parametrize(
    ("status", "headers", "asked", "state", "rate"),
    [
        (200, {"webhook-allowed-origin": "*"}, None, "given", None),
        (200, {"webhook-allowed-origin": "*"}, 60, "given", 60),
        (200, {"webhook-allowed-origin": "KAM.example.com", "webhook-allowed-rate": "*"}, 60, "given", None),
        (403, {"webhook-allowed-origin": "a.example, kam.example.com", "webhook-allowed-rate": "5"}, 60, "given", 5),
        (200, {"webhook-allowed-origin": "*", "webhook-allowed-rate": "999999999999"}, None, "given", 1_000_000),
        (200, {"webhook-allowed-origin": "other.example.com"}, None, "refused", None),
        (200, {"webhook-allowed-origin": "evil-kam.example.com"}, None, "refused", None),
        (200, {"webhook-allowed-origin": "*", "webhook-allowed-rate": "0"}, None, "refused", None),
        (200, {"webhook-allowed-origin": "*", "webhook-allowed-rate": "many"}, None, "refused", None),
        (200, {"webhook-allowed-rate": "*"}, None, "refused", None),
        (204, {}, None, "refused", None),
        (404, {}, None, "refused", None),
        (302, {"location": "https://example.com"}, None, "refused", None),
        (429, {}, None, "asked", None),
        (503, {}, None, "asked", None),
    ],
)
def test_consent_is_what_the_headers_say(
    status: int, headers: dict[str, str], asked: int | None, state: str, rate: int | None
) -> None:
    verdict = read_consent(httpx.Response(status, headers=headers), "kam.example.com", asked)
    assert (verdict.state, verdict.rate) == (state, rate)
    assert (verdict.detail is None) == (state == "given")
