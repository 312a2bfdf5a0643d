"""TLS of outbound calls: trusted authorities, the verified name, and client certificates."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from service.framework.outbound.egress import ClientTls
from tests.delivery.certificates import Issued, issue
from tests.delivery.outgoing import failure, going_out
from tests.delivery.receivers import Received, listening

NAMES = {"receiver.test": ["127.0.0.1"], "receiver.test.": ["127.0.0.1"], "other.test": ["127.0.0.1"]}


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority() -> Issued:
    return issue("Authority")


@pytest.fixture
def trust(authority: Issued) -> Callable[[], ssl.SSLContext]:
    return lambda: ssl.create_default_context(cadata=authority.chain.decode())


async def test_the_pinned_address_keeps_host_and_server_name(
    authority: Issued, trust: Callable[[], ssl.SSLContext], tmp_path: Path
) -> None:
    server = issue("receiver.test", authority).server(tmp_path)
    server.set_alpn_protocols(["h2", "http/1.1"])
    asked: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    spoken: list[str | None] = []

    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with listening(behave, tls=server) as receiver, going_out(names=NAMES, trust=trust) as way:
        for host in ("receiver.test", "receiver.test", "Receiver.Test."):
            assert (await way.post(receiver.url(host, scheme="https"), b"{}", {})).status == 200
        assert asked == ["receiver.test"] * 2
        assert spoken == ["http/1.1"] * 3
        assert {request.headers["host"] for request in receiver.requests} == {f"receiver.test:{receiver.port}"}
        assert receiver.connections == 2


async def test_only_the_right_certificate_is_believed(
    authority: Issued, trust: Callable[[], ssl.SSLContext], tmp_path: Path
) -> None:
    wrong = {
        "another name": issue("elsewhere.test", authority),
        "a parent's name": issue("test", authority),
        "expired": issue("receiver.test", authority, days=(-3, -1)),
        "not yet valid": issue("receiver.test", authority, days=(1, 3)),
        "its own authority": issue("receiver.test"),
        "a strange authority": issue("receiver.test", issue("Authority")),
        "for clients": issue("receiver.test", authority, client=True),
    }
    for reason, certificate in wrong.items():
        async with (
            listening(tls=certificate.server(tmp_path)) as receiver,
            going_out(names=NAMES, trust=trust) as way,
        ):
            assert await failure(way, receiver.url("receiver.test", scheme="https")) == "tls", reason
            assert receiver.requests == []
    async with (
        listening(tls=issue("receiver.test", authority).server(tmp_path)) as receiver,
        going_out(names=NAMES) as way,  # trusts the system's authorities only
    ):
        assert await failure(way, receiver.url("receiver.test", scheme="https")) == "tls"
        assert receiver.requests == []


async def test_an_address_needs_a_certificate_for_the_address(
    authority: Issued, trust: Callable[[], ssl.SSLContext], tmp_path: Path
) -> None:
    for name, works in (("127.0.0.1", True), ("receiver.test", False)):
        server = issue(name, authority).server(tmp_path)
        async with listening(tls=server) as receiver, going_out(trust=trust) as way:
            if works:
                assert (await way.post(receiver.url(scheme="https"), b"{}", {})).status == 200
            else:
                assert await failure(way, receiver.url(scheme="https")) == "tls"


async def test_tls_before_1_2_is_not_spoken(
    authority: Issued, trust: Callable[[], ssl.SSLContext], tmp_path: Path
) -> None:
    server = issue("receiver.test", authority).server(tmp_path)
    with pytest.warns(DeprecationWarning):
        server.minimum_version, server.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with listening(tls=server) as receiver, going_out(names=NAMES, trust=trust) as way:
        assert await failure(way, receiver.url("receiver.test", scheme="https")) == "tls"


@contextmanager
def refusing(server: ssl.SSLContext) -> Iterator[int]:
    """A receiver in a thread that only shakes hands: asyncio's server closes before its refusal is sent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with server.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secured:
                with suppress(OSError):
                    secured.do_handshake()
                secured.settimeout(5)
                with suppress(OSError):  # unread bytes would turn the close into a reset, which overtakes the refusal
                    while os.read(secured.fileno(), 1000):
                        pass

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_receiver_that_asks_who_calls_is_shown_the_endpoints_own_certificate(
    version: ssl.TLSVersion, authority: Issued, trust: Callable[[], ssl.SSLContext], tmp_path: Path
) -> None:
    server = issue("receiver.test", authority).server(tmp_path)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=authority.chain.decode())
    server.minimum_version = server.maximum_version = version
    callers: list[str] = []

    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        callers.append(writer.get_extra_info("peercert")["subject"][0][0][1])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    one, other = (issue(name, authority, client=True).shown() for name in ("one", "other"))
    async with listening(behave, tls=server) as receiver, going_out(names=NAMES, trust=trust) as way:
        url = receiver.url("receiver.test", scheme="https")
        for shown in (one, other, one, ClientTls(one.certificate, one.key), other):
            assert (await way.post(url, b"{}", {}, tls=shown)).status == 200
        assert callers == ["one", "other", "one", "one", "other"]
        assert receiver.connections == 2  # one for each certificate, never shared
    with refusing(server) as port:
        async with going_out(names=NAMES, trust=trust) as way:
            for shown_instead in (None, issue("one", issue("Authority"), client=True).shown()):
                assert await failure(way, f"https://receiver.test:{port}/", tls=shown_instead) == "tls"


async def test_a_client_certificate_that_cannot_be_used_is_a_failure_of_tls(
    authority: Issued, trust: Callable[[], ssl.SSLContext]
) -> None:
    good, other = issue("one", authority, client=True), issue("other", authority, client=True)
    async with listening() as receiver, going_out(names=NAMES, trust=trust) as way:
        for shown in (
            ClientTls(b"", b""),
            ClientTls(b"no certificate", b"no key"),
            ClientTls(good.chain, b""),
            ClientTls(good.chain, other.secret()),
            ClientTls(good.chain, good.secret(b"password")),  # must not prompt at the terminal
        ):
            assert await failure(way, receiver.url("receiver.test", scheme="https"), tls=shown) == "tls"
        assert receiver.connections == 0
    assert "PRIVATE" not in repr(good.shown())


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def _closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.close()


async def _resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@pytest.mark.parametrize("handle", [_silent, _dripping, _plain, _closing, _resetting])
async def test_a_handshake_that_is_slow_or_breaks_off_ends_in_time(
    handle: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.framework.outbound.connections.CONNECT", 0.3)
    async with listening(handle=handle) as receiver, going_out(connections=1) as way:
        for _ in range(2):  # the second has room only if the first left no connection
            began = time.perf_counter()
            assert await failure(way, receiver.url(scheme="https")) == "tls"
            assert time.perf_counter() - began < 4
        assert receiver.connections == 2
