"""The way out: what is never connected to, and what a hostile receiver cannot do to us."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.delivery.connections import Connections, Origin
from service.delivery.egress import CallFailed, Egress
from service.platform.addresses import AddressPolicy
from tests.delivery.receivers import Received, answering, listening

LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1/128"])


@asynccontextmanager
async def going_out(
    policy: AddressPolicy = LOOPBACK,
    *,
    names: dict[str, list[str]] | Callable[[str], list[str]] | None = None,
    tls: ssl.SSLContext | None = None,
    deadline: float = 5,
) -> AsyncIterator[Egress]:
    async def lookup(host: str) -> list[str]:
        return names(host) if callable(names) else (names or {})[host]

    trust = (lambda: tls) if tls is not None else ssl.create_default_context
    way = Egress(policy, lookup=lookup if names is not None else None, trust=trust, deadline=deadline)
    try:
        yield way
    finally:
        await way.close()


async def _failure(way: Egress, url: str) -> str:
    with pytest.raises(CallFailed) as caught:
        await way.post(url, b"{}", {})
    return caught.value.kind


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
            kind = await _failure(way, url)
            assert kind == ("dns" if "inside.test" in url and (scheme == "https" or networks) else "blocked"), url
        assert receiver.connections == 0


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"]
)
@pytest.mark.parametrize("beside", [[], ["93.184.216.34"]])
async def test_a_name_with_any_inner_address_is_not_connected_to(address: str, beside: list[str]) -> None:
    async with listening() as receiver, going_out(AddressPolicy(), names={"evil.test": [*beside, address]}) as way:
        assert await _failure(way, receiver.url("evil.test", scheme="https")) == "blocked"
        assert receiver.connections == 0


async def test_http_to_a_name_needs_every_address_inside_the_allowed_networks() -> None:
    names = {"half.test": ["127.0.0.1", "93.184.216.34"], "inside.test": ["127.0.0.1"]}
    async with listening() as receiver, going_out(names=names) as way:
        assert await _failure(way, receiver.url("half.test")) == "blocked"
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
        assert asked == ["rebind.test"]  # looked up once: there is no second answer to be fooled by
        assert await _failure(way, outer.url("rebind.test")) == "blocked"
        assert (outer.connections, inner.connections) == (1, 0)


async def test_the_socket_itself_is_refused_when_the_resolver_was_fooled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fooled(self: Connections, origin: Origin) -> list[str]:
        return ["127.0.0.1", "::1"]

    monkeypatch.setattr(Connections, "_addresses", fooled)
    async with listening() as receiver, going_out(AddressPolicy(), names={"a.test": ["127.0.0.1", "::1"]}) as way:
        assert await _failure(way, receiver.url("a.test", scheme="https")) == "blocked"
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


async def test_a_receiver_that_drips_meets_the_deadline() -> None:
    async def drip(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _n in range(1000):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async def drip_headers(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        for _n in range(1000):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with listening() as receiver, going_out(deadline=0.3) as way:
        for behave in (drip, drip_headers):
            receiver.behave = behave
            started = time.perf_counter()
            assert await _failure(way, receiver.url()) == "timeout"
            assert time.perf_counter() - started < 1.5


async def test_an_endless_answer_is_read_up_to_16_kilobytes() -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter, _: Received) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with listening(endless) as receiver, going_out() as way:
        answer = await way.post(receiver.url(), b"{}", {})
        assert answer.body == b"x" * 16_384
        await asyncio.sleep(0.1)
        assert sent < 20_000_000  # what the sockets' buffers took
        receiver.behave = answering()
        assert (await way.post(receiver.url(), b"{}", {})).body == b"ok"
        assert receiver.connections == 2


async def test_a_compressed_answer_is_kept_as_it_came() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with listening(answering(200, bomb, content_encoding="gzip")) as receiver, going_out() as way:
        assert (await way.post(receiver.url(), b"{}", {})).body == bomb[:16_384]
        assert receiver.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(100_000)) + b"\r\n", "http"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "http"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "http"),
        (b"", "connect"),
    ],
    ids=["100,000 headers", "a long header", "another protocol", "a lie about the length", "nothing"],
)
async def test_a_broken_answer_is_a_failure_with_a_kind(raw: bytes, kind: str) -> None:
    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with listening(behave) as receiver, going_out() as way:
        assert await _failure(way, receiver.url()) == kind


async def test_a_reset_a_closed_port_and_an_unknown_name_have_their_kinds() -> None:
    async def reset(writer: asyncio.StreamWriter, _: Received) -> None:
        writer.transport.abort()

    async with going_out() as way:
        async with listening(reset) as receiver:
            assert await _failure(way, receiver.url()) == "connect"
        assert await _failure(way, receiver.url()) == "connect"
        assert await _failure(way, "https://no-such-name.invalid/") == "dns"


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


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "receiver.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


async def test_the_pinned_address_keeps_host_and_server_name(tmp_path: Path) -> None:
    server, trust = _certificate(tmp_path, "receiver.test")
    seen: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    names = {"receiver.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]}
    async with listening(tls=server) as receiver, going_out(names=names, tls=trust) as way:
        assert (await way.post(receiver.url("receiver.test", scheme="https"), b"{}", {})).status == 200
        assert seen == ["receiver.test"]
        assert receiver.requests[0].headers["host"] == f"receiver.test:{receiver.port}"
        assert await _failure(way, receiver.url("other.test", scheme="https")) == "tls"
    async with listening(tls=server) as receiver, going_out(names=names) as way:
        assert await _failure(way, receiver.url("receiver.test", scheme="https")) == "tls"
        assert receiver.requests == []
