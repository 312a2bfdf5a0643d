"""httpx over the egress policy: addresses that are never connected to, and the bounds on a receiver's answer."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import httpx
import pytest

from service.framework.outbound.addresses import AddressPolicy
from service.framework.outbound.http_client import LONGEST_ANSWER, LONGEST_HEAD, MOST_HEADERS
from service.framework.outbound.httpx_transport import failure_kind
from tests.delivery.certificates import issue
from tests.delivery.outgoing import http_client, http_failure
from tests.delivery.receivers import Received, answering, listening
from tests.framework.outbound.spellings import SPECIAL, hosts_of_4, hosts_of_6, urls_to


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
async def test_no_spelling_of_an_inner_address_is_connected_to(address: str) -> None:
    host = ip_address(address)
    async with listening() as receiver, http_client(AddressPolicy(), names={}) as http:
        for spelled in hosts_of_4(host) if isinstance(host, IPv4Address) else hosts_of_6(host):
            assert await http_failure(http, f"https://{spelled}:{receiver.port}/") == "blocked", spelled
        assert receiver.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_special_address_is_connected_to(scheme: str) -> None:
    async with listening() as receiver, http_client(AddressPolicy.of(["10.9.9.0/24"])) as http:
        for address in SPECIAL:
            host = f"[{address}]" if ":" in address else address
            assert await http_failure(http, f"{scheme}://{host}:{receiver.port}/") == "blocked", address
        assert receiver.connections == 0


async def test_a_name_with_any_special_address_is_not_connected_to() -> None:
    found: list[str] = []
    async with http_client(AddressPolicy(), names=lambda _: found) as http:
        for address in SPECIAL:
            for beside in ([], ["93.184.216.34"]):
                found = [*beside, address]
                assert await http_failure(http, "https://evil.test/") == "blocked", found


async def test_urls_that_parsers_read_differently_are_not_connected_to() -> None:
    asked: list[str] = []

    def names(host: str) -> list[str]:
        asked.append(host)
        return []

    async with listening() as receiver, http_client(AddressPolicy(), names=names) as http:
        for url in urls_to("127.0.0.1"):
            assert await http_failure(http, url) in ("blocked", "dns"), url
        assert receiver.connections == 0
    assert not any("127.0.0.1" in host for host in asked)


async def test_a_name_is_resolved_once_and_only_the_checked_address_is_connected_to() -> None:
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    policy = AddressPolicy.of(["127.0.0.2/32"])
    async with (
        listening(answering(connection="close"), host="127.0.0.2") as outer,
        listening(host="127.0.0.1", port=outer.port) as inner,
        http_client(policy, names=rebinding) as http,
    ):
        assert (await http.get(outer.url("rebind.test"))).status_code == 200
        assert asked == ["rebind.test"]
        assert await http_failure(http, outer.url("rebind.test")) == "blocked"
        assert (outer.connections, inner.connections) == (1, 0)


async def test_a_request_for_another_host_than_its_url_is_checked_by_what_it_connects_to() -> None:
    async with listening() as receiver, http_client(AddressPolicy(), names={}) as http:
        for url in (receiver.url(), receiver.url().replace("//", "//user:word@"), "ftp://127.0.0.1/"):
            with pytest.raises(httpx.UnsupportedProtocol) as caught:  # past `build_request`, straight to the transport
                await http.send(httpx.Request("GET", url))
            assert failure_kind(caught.value) == "blocked"
        assert receiver.connections == 0


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("location", ["inner", "http://[", "https://ex ample/", "\\\\127.0.0.1"])
async def test_a_redirect_is_an_answer_and_is_never_followed(follow: bool, location: str) -> None:
    async with listening() as target, listening() as receiver, http_client() as http:
        place = target.url() if location == "inner" else location
        receiver.behave = answering(302, location=place)
        response = await http.post(receiver.url(), content=b"{}", follow_redirects=follow)
        assert (response.status_code, response.headers["location"]) == (302, place)
        assert (target.connections, len(receiver.requests)) == (0, 1)


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(path=""))
        async with http_client() as http:
            assert (await http.get(receiver.url())).status_code == 200
        assert (proxy.connections, receiver.connections) == (0, 1)


async def test_at_most_16_kb_of_a_body_are_kept() -> None:
    async def endless(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with listening(endless) as receiver, http_client() as http:
        assert len((await http.get(receiver.url())).content) == LONGEST_ANSWER


async def test_a_compressed_answer_is_kept_as_it_came() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with listening(answering(200, bomb, content_encoding="gzip")) as receiver, http_client() as http:
        response = await http.get(receiver.url())
        assert (response.content, response.headers["content-encoding"]) == (bomb[:LONGEST_ANSWER], "gzip")
        assert receiver.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "lines",
    [b"x-long: " + b"a" * LONGEST_HEAD + b"\r\n", b"x: y\r\n" * (MOST_HEADERS + 1)],
    ids=["bytes", "number"],
)
async def test_a_head_without_end_fails(lines: bytes) -> None:
    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: 0\r\n\r\n")

    async with listening(behave) as receiver, http_client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(receiver.url())


async def test_an_answer_that_drips_is_cut_off_at_the_total_deadline() -> None:
    async def drip(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as receiver, http_client(deadline=0.3) as http:
        for options in ({}, {"timeout": None}, {"timeout": 0.2}, {"timeout": httpx.Timeout(30, read=0.2)}):
            started = time.perf_counter()
            with pytest.raises(httpx.TimeoutException):
                await http.get(receiver.url(), **options)
            assert time.perf_counter() - started < 1.5, options


async def test_tls_is_verified_against_the_name_of_the_host(tmp_path: Path) -> None:
    authority = issue("Authority")
    names = {"receiver.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
    async with (
        listening(tls=issue("receiver.test", authority).server(tmp_path)) as receiver,
        http_client(names=names, trust=lambda: ssl.create_default_context(cadata=authority.chain.decode())) as http,
        http_client(names=names) as distrusting,
    ):
        assert (await http.get(receiver.url("receiver.test", scheme="https"))).status_code == 200
        assert await http_failure(http, receiver.url("other.test", scheme="https")) == "tls"
        assert await http_failure(distrusting, receiver.url("receiver.test", scheme="https")) == "tls"
        assert len(receiver.requests) == 1


async def test_a_url_is_called_as_it_was_spelled() -> None:
    async with listening() as receiver, http_client() as http:
        for path in ("/a/../b/./c", "/a?b=c%20d&e='f'", "/%7euser//x"):
            await http.get(receiver.url(path=path))
            assert receiver.requests[-1].line == f"GET {path} HTTP/1.1"
        await http.get(receiver.url(path="/a"), params={"b": "c d"})
        assert receiver.requests[-1].line == "GET /a?b=c+d HTTP/1.1"


async def test_only_the_given_headers_are_sent_and_cookies_are_not_kept() -> None:
    async with listening(answering(200, b"", set_cookie="session=1; Path=/")) as receiver, http_client() as http:
        for _ in range(2):
            await http.post(receiver.url(), content=b"{}", headers={"x-own": "a"})
        assert receiver.connections == 1
        assert receiver.requests[-1].headers == {
            "host": f"127.0.0.1:{receiver.port}", "x-own": "a", "accept": "*/*", "accept-encoding": "identity",
            "content-length": "2",
        }  # fmt: skip


@pytest.mark.parametrize("headers", [{"x-a": "b\r\nx-c: d"}, {"x a": "b"}, {"x-a": "caf\xe9"}, {"upgrade": "h2c"}])
async def test_headers_that_would_not_arrive_as_given_send_nothing(headers: dict[str, str]) -> None:
    async with listening() as receiver, http_client() as http:
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.get(receiver.url(), headers=headers)
        assert receiver.connections == 0


@pytest.mark.parametrize("method", ["CONNECT", "HEAD", "TRACE", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"])
async def test_other_methods_send_nothing(method: str) -> None:
    async with listening() as receiver, http_client() as http:
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.request(method, receiver.url())
        assert receiver.connections == 0


async def test_failures_are_errors_of_httpx_with_the_kind_of_the_log() -> None:
    async def reset(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.transport.abort()

    async with http_client(names={}) as http:
        async with listening(reset) as receiver:
            assert await http_failure(http, receiver.url()) == "connect"
        assert await http_failure(http, receiver.url()) == "connect"
        assert await http_failure(http, "https://no-such-name.test/") == "dns"


@pytest.mark.parametrize(
    ("error", "kind"),
    [(httpx.ReadTimeout(""), "timeout"), (httpx.ConnectError(""), "connect"), (httpx.ReadError(""), "http")],
)
def test_errors_of_a_faked_transport_have_a_kind_too(error: httpx.HTTPError, kind: str) -> None:
    assert failure_kind(error) == kind
