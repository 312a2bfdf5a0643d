"""The webhook destination: client certificates, shared tokens, the deadline."""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.delivery.destinations.base import Delivery
from service.delivery.destinations.webhook import WebhookDestination
from service.delivery.probe import HttpxPoster
from service.delivery.send.tokens import NoToken, Tokens
from service.delivery.send.transport import Client
from service.framework.outbound.egress import Egress
from service.framework.outbound.signing_keys import fresh, pack
from service.platform.ids import new_id
from service.platform.secrets import Secrets
from tests.delivery.certificates import issue
from tests.delivery.outgoing import going_out, http_client
from tests.delivery.receivers import Received, Receiver, answering, listening

SEALING = Secrets("a key of 32 characters for tests")
NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def delivery(url: str, transport: dict[str, Any] | None = None, secrets: dict[str, Any] | None = None) -> Delivery:
    """A first attempt at a URL."""
    return Delivery(
        id=new_id(),
        attempt_id=new_id(),
        number=1,
        probes=0,
        trigger="scheduled",
        event_id=new_id(),
        event_type="account.created",
        endpoint_id=new_id(),
        order_key="a",
        blocks=False,
        is_ordered=True,
        timeout=None,
        url=url,
        sealed_secrets=SEALING.seal(pack(fresh("v1", NOW))),
        body=b'{"data":{}}',
        created_at=NOW,
        transport=orjson.dumps(transport or {}).decode(),
        transport_sealed=SEALING.seal(orjson.dumps(secrets)) if secrets else None,
    )


def sending(way: Egress, **options: Any) -> WebhookDestination:
    return WebhookDestination(way, http_client(), SEALING.open, lambda: NOW, **options)


async def test_an_endpoints_certificate_is_shown_to_its_receiver(tmp_path: Path) -> None:
    authority = issue("Authority")
    server = issue("receiver.test", authority).server(tmp_path)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=authority.chain.decode())
    callers: list[str] = []

    async def behave(writer: asyncio.StreamWriter, request: Received) -> None:
        callers.append(writer.get_extra_info("peercert")["subject"][0][0][1])
        await answering()(writer, request)

    client = issue("kam", authority, client=True)
    secrets = {"certificate": {"chain": client.chain.decode(), "key": client.secret().decode()}}
    async with (
        listening(behave, tls=server) as receiver,
        going_out(
            names={"receiver.test": ["127.0.0.1"]},
            trust=lambda: ssl.create_default_context(cadata=authority.chain.decode()),
        ) as way,
    ):
        url = receiver.url("receiver.test", scheme="https")
        with_it, without = await sending(way).send([delivery(url, secrets=secrets), delivery(url)])
    assert with_it.kind == "ok" and callers == ["kam"]
    assert without.kind != "ok"


async def test_a_test_call_over_httpx_sends_the_request_of_a_delivery() -> None:
    transport = {"headers": {"x-own": "1"}, "format": "cloudevents-binary", "auth": {"kind": "bearer"}}
    event = b'{"id":"e","type":"account.created","timestamp":"2026-11-22T01:00:00Z","data":{}}'
    async with listening() as receiver, going_out() as way, http_client() as http:
        one = delivery(receiver.url(path="/a/../b?c=%20"), transport, {"auth": {"token": "t"}})
        one.body = event
        for poster in (way, HttpxPoster(http)):
            [outcome] = await WebhookDestination(poster, http, SEALING.open, lambda: NOW).send([one])
            assert (outcome.kind, outcome.status) == ("ok", 200)
    first, second = receiver.requests
    assert (first.line, first.headers, first.body) == (second.line, second.headers, second.body)
    assert first.headers["authorization"] == "Bearer t" and first.headers["ce-type"] == "alt.kam.account.created"


@pytest.mark.parametrize("over_httpx", [False, True])
async def test_outcomes_are_the_same_over_httpx(over_httpx: bool) -> None:
    encoded = answering(302, b"moved", location="http://[", content_encoding="gzip")
    async with listening(encoded) as receiver, going_out(names={}) as way, http_client(names={}) as http:
        destination = WebhookDestination(HttpxPoster(http) if over_httpx else way, http, SEALING.open, lambda: NOW)
        [moved] = await destination.send([delivery(receiver.url())])
        urls = ("https://no-such-name.test/", "https://10.0.0.1/", "https://receiver\\.test/", "http://127.0.0.1:1/")
        kinds = [(await destination.send([delivery(url)]))[0].kind for url in urls]
    assert (moved.kind, moved.status, moved.body) == ("http", 302, "moved")
    assert moved.headers == {"content-length": "5", "location": "http://[", "content-encoding": "gzip"}
    assert kinds == ["dns", "blocked", "blocked", "blocked"]


async def test_sealed_secrets_that_do_not_open_send_nothing() -> None:
    async with listening() as receiver, going_out() as way:
        sealed = Secrets("another key").seal(b'{"auth":{"token":"t"}}')
        one = delivery(receiver.url(), {"auth": {"kind": "bearer"}})
        broken = Delivery(**{name: getattr(one, name) for name in one.__slots__} | {"transport_sealed": sealed})
        [outcome] = await sending(way).send([broken])
    assert (outcome.kind, outcome.signing_key_ids, receiver.requests) == ("unknown", None, [])


def client_of(receiver: Receiver) -> Client:
    return Client(receiver.url(path="/token"), "kam", "sesame", None, None, True)


async def granting(writer: asyncio.StreamWriter, request: Received) -> None:
    await asyncio.sleep(0.05)
    await answering(200, b'{"access_token":"t","expires_in":"3600"}')(writer, request)


async def test_however_many_wait_a_token_is_fetched_once() -> None:
    async with listening(granting) as receiver, http_client() as http:
        tokens = Tokens(http, time.monotonic)
        assert await asyncio.gather(*(tokens.token(client_of(receiver), 5) for _ in range(50))) == ["t"] * 50
    assert len(receiver.requests) == 1


async def test_those_who_waited_for_a_token_in_vain_do_not_each_ask_again() -> None:
    async def refusing(writer: asyncio.StreamWriter, request: Received) -> None:
        await asyncio.sleep(0.05)
        await answering(400, b'{"error":"invalid_client"}')(writer, request)

    async with listening(refusing) as receiver, http_client() as http:
        tokens = Tokens(http, time.monotonic)
        found = await asyncio.gather(*(tokens.token(client_of(receiver), 5) for _ in range(20)), return_exceptions=True)
        assert {str(error) for error in found} == {"The token endpoint answered 400: invalid_client"}
        assert len(receiver.requests) == 1
        with pytest.raises(NoToken):
            await tokens.token(client_of(receiver), 5)  # a later call does
        assert len(receiver.requests) == 2


async def test_a_token_is_fetched_again_before_it_expires() -> None:
    now = 0.0
    async with listening(granting) as receiver, http_client() as http:
        tokens = Tokens(http, lambda: now)
        for at, asked in ((0, 1), (3_569, 1), (3_571, 2), (3_572, 2)):
            now = float(at)
            await tokens.token(client_of(receiver), 5)
            assert len(receiver.requests) == asked, at


async def test_token_and_delivery_together_stay_within_the_deadline() -> None:
    async def hanging(writer: asyncio.StreamWriter, _: Received) -> None:
        await asyncio.sleep(30)

    auth = {
        "kind": "oauth2_client_credentials", "client_id": "kam", "scope": None, "audience": None,
        "client_authentication": "form",
    }  # fmt: skip
    async with (
        listening(granting) as server,
        listening(hanging) as receiver,
        listening(hanging) as dead,
        going_out(deadline=30) as way,
    ):
        destination = sending(way, deadline=0.5)
        for token_url, kind in ((server.url(), "timeout"), (dead.url(), "auth")):
            one = delivery(receiver.url(), {"auth": {**auth, "token_url": token_url}}, {"auth": {"client_secret": "s"}})
            began = time.perf_counter()
            [outcome] = await destination.send([one])
            assert outcome.kind == kind and time.perf_counter() - began < 1.5
