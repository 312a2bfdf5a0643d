"""`Egress`: addresses that are never connected to, and the bounds on a hostile receiver."""

from __future__ import annotations

import asyncio
import gzip
from ipaddress import IPv4Address, ip_address

import pytest

from service.framework.outbound.addresses import AddressPolicy
from service.framework.outbound.connections import Connections, Origin
from tests.delivery.outgoing import failure, going_out
from tests.delivery.receivers import Received, answering, listening
from tests.framework.outbound.spellings import SPECIAL, hosts_of_4, hosts_of_6

SPELLINGS = [
    "http://127.0.0.1:{p}/", "http://localhost:{p}/", "http://[::1]:{p}/", "http://[::ffff:127.0.0.1]:{p}/",
    "http://2130706433:{p}/", "http://0x7f.1:{p}/", "http://0177.0.0.1:{p}/", "http://127.1:{p}/", "http://0:{p}/",
    "http://①②⑦.0.0.1:{p}/", "http://[64:ff9b::7f00:1]:{p}/", "http://[2002:7f00:1::]:{p}/", "http://0.0.0.0:{p}/",
    "http://user@127.0.0.1:{p}/", "http://[fe80::1%25lo]:{p}/", "http://169.254.169.254:{p}/", "http://inside.test:{p}/",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("networks", [[], ["10.9.9.0/24"]])
async def test_no_spelling_of_an_inner_address_is_connected_to(scheme: str, networks: list[str]) -> None:
    async with listening() as receiver, going_out(AddressPolicy.of(networks)) as way:
        for spelling in SPELLINGS:
            url = spelling.format(p=receiver.port).replace("http:", scheme + ":", 1)
            kind = await failure(way, url)
            assert kind == ("dns" if "inside.test" in url and (scheme == "https" or networks) else "blocked"), url
        assert receiver.connections == 0


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"]
)
@pytest.mark.parametrize("beside", [[], ["93.184.216.34"]])
async def test_a_name_with_any_inner_address_is_not_connected_to(address: str, beside: list[str]) -> None:
    async with listening() as receiver, going_out(AddressPolicy(), names={"evil.test": [*beside, address]}) as way:
        assert await failure(way, receiver.url("evil.test", scheme="https")) == "blocked"
        assert receiver.connections == 0


async def test_a_name_that_comes_to_lead_to_any_special_address_is_not_connected_to() -> None:
    for address in SPECIAL:
        answers = iter([["127.0.0.1"], [address], ["127.0.0.1", address], [address, "127.0.0.1"], ["127.0.0.1"]])
        policy = AddressPolicy.of(["127.0.0.1/32"])
        if address == "127.0.0.1":
            continue
        async with (
            listening(answering(connection="close")) as receiver,
            going_out(policy, names=lambda host, answers=answers: next(answers)) as way,  # type: ignore[misc]
        ):
            url = receiver.url("rebind.test")
            assert (await way.post(url, b"{}", {})).status == 200
            for _ in range(3):
                assert await failure(way, url) == "blocked", address
            assert (await way.post(url, b"{}", {})).status == 200
            assert receiver.connections == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "::1"])
async def test_no_spelling_is_connected_to_at_an_attempt(host: str) -> None:
    address = ip_address(host)
    async with listening() as receiver, going_out(AddressPolicy(), names={}) as way:
        for spelled in hosts_of_4(address) if isinstance(address, IPv4Address) else hosts_of_6(address):
            assert await failure(way, f"https://{spelled}:{receiver.port}/") == "blocked", spelled
        assert receiver.connections == 0


async def test_http_to_a_name_needs_every_address_inside_the_allowed_networks() -> None:
    names = {"half.test": ["127.0.0.1", "93.184.216.34"], "inside.test": ["127.0.0.1"]}
    async with listening() as receiver, going_out(names=names) as way:
        assert await failure(way, receiver.url("half.test")) == "blocked"
        assert receiver.connections == 0
        assert (await way.post(receiver.url("inside.test"), b"{}", {})).status == 200


async def test_a_name_that_changes_its_address_between_attempts_is_blocked_at_the_next_attempt() -> None:
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    policy = AddressPolicy.of(["127.0.0.2/32"])
    async with (
        listening(answering(connection="close"), host="127.0.0.2") as outer,
        listening(host="127.0.0.1", port=outer.port) as inner,
        going_out(policy, names=rebinding) as way,
    ):
        assert (await way.post(outer.url("rebind.test"), b"{}", {})).status == 200
        assert asked == ["rebind.test"]  # resolved once: no second answer can differ
        assert await failure(way, outer.url("rebind.test")) == "blocked"
        assert (outer.connections, inner.connections) == (1, 0)


async def test_the_socket_itself_is_refused_when_the_resolver_was_fooled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fooled(self: Connections, origin: Origin) -> list[str]:
        return ["127.0.0.1", "::1"]

    monkeypatch.setattr(Connections, "_addresses", fooled)
    async with listening() as receiver, going_out(AddressPolicy(), names={"a.test": ["127.0.0.1", "::1"]}) as way:
        assert await failure(way, receiver.url("a.test", scheme="https")) == "blocked"
        await asyncio.sleep(0.05)  # a connection would be counted by now
        assert receiver.connections == 0


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening() as target, listening() as receiver, going_out() as way:
        receiver.behave = answering(302, location=target.url())
        answer = await way.post(receiver.url(), b"{}", {})
        assert (answer.status, answer.headers["location"]) == (302, target.url())
        assert target.connections == 0


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as receiver, going_out() as way:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert (await way.post(receiver.url(), b"{}", {})).status == 200
        assert (proxy.connections, receiver.connections) == (0, 1)


async def test_a_compressed_answer_is_kept_as_it_came() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with listening(answering(200, bomb, content_encoding="gzip")) as receiver, going_out() as way:
        assert (await way.post(receiver.url(), b"{}", {})).body == bomb[:16_384]
        assert receiver.requests[0].headers["accept-encoding"] == "identity"


async def test_a_reset_a_closed_port_and_an_unknown_name_have_their_kinds() -> None:
    async def reset(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.transport.abort()

    async with going_out() as way:
        async with listening(reset) as receiver:
            assert await failure(way, receiver.url()) == "connect"
        assert await failure(way, receiver.url()) == "connect"
        assert await failure(way, "https://no-such-name.invalid/") == "dns"


async def test_a_connection_is_kept_and_the_bytes_and_headers_arrive_as_given() -> None:
    body = '{"name":"Bäckerei", "n": 1.50}'.encode()
    async with listening() as receiver, going_out() as way:
        for _ in range(3):
            await way.post(
                receiver.url(path="/a?b=c%20d"), body, {"content-type": "application/json", "webhook-id": "1"}
            )
        assert receiver.connections == 1
        request = receiver.requests[-1]
        assert (request.line, request.body) == ("POST /a?b=c%20d HTTP/1.1", body)
        assert request.headers["content-length"] == str(len(body))
        assert request.headers["content-type"] == "application/json"
        assert "cookie" not in request.headers


async def test_headers_that_are_no_text_are_made_text() -> None:
    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Odd: caf\xe9\r\nx-odd: 2\r\ncontent-length: 0\r\n\r\n")

    async with listening(behave) as receiver, going_out() as way:
        answer = await way.post(receiver.url(), b"{}", {})
        assert answer.headers["x-odd"] == "caf\ufffd, 2"
