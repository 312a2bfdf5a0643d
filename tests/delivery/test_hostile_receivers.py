"""Hostile receivers: whatever they send, a call ends in time, with the right outcome, in little memory, and the next
call works. On both event loops: the service runs on uvloop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.framework.outbound.egress import Egress
from tests.delivery.outgoing import failure, going_out
from tests.delivery.receivers import Handler, Receiver, answering, listening, read_request

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
SMALL = OK + b"content-length: 2\r\n\r\nok"
MEMORY = 4_000_000
"""The memory of both ends of a call in this process, in bytes."""

Writer = asyncio.StreamWriter


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@asynccontextmanager
async def judged(handle: Handler, deadline: float = 3) -> AsyncIterator[tuple[Receiver, Egress]]:
    """Yield a hostile receiver, and afterwards call a good one in its place. Bounds memory and time."""
    async with listening(handle=handle) as receiver, going_out(deadline=deadline) as way:
        tracemalloc.start()
        began = time.perf_counter()
        try:
            yield receiver, way
            assert time.perf_counter() - began < deadline + 2
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()
        receiver.handle = None
        receiver.behave = answering()
        assert (await way.post(receiver.url(), b"{}", {})).body == b"ok"


def says(*pieces: bytes, then: str = "hold") -> Handler:
    """Read a request, send the pieces one by one, and then close, reset or hold the connection, or go on like a good
    receiver.
    """

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        while then == "hold":
            await read_request(reader)
            writer.write(SMALL)
        if then == "reset":
            await asyncio.sleep(0.02)  # let the pieces arrive first: a reset overtakes them
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()

    return handle


def forever(beginning: bytes, piece: bytes, pause: float = 0) -> Handler:
    """Send a piece repeatedly, as fast as it is read or with a pause, until the other side closes."""

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handle


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 ", b"O"),
        (OK + b"x-slow: ", b"."),
        (OK + b"content-length: 1000\r\n\r\n", b"."),
        (CHUNKED, b"1\r\n.\r\n"),
        (CHUNKED + b"1;", b"a"),
        (OK + b"\r\n", b"."),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"", b"\r\n"),
    ],
    ids=[
        "status",
        "reason",
        "header",
        "body",
        "chunks",
        "chunk size",
        "endless body",
        "interim answers",
        "blank lines",
    ],
)
async def test_a_drip_meets_the_deadline(beginning: bytes, piece: bytes) -> None:
    async with judged(forever(beginning, piece, 0.02), deadline=0.3) as (receiver, way):
        assert await failure(way, receiver.url()) == ("http" if piece == b"H" else "timeout")


@pytest.mark.parametrize(
    ("beginning", "piece", "body"),
    [
        (OK + b"content-length: 1000000000\r\n\r\n", b"x" * 65_536, 16_384),
        (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 16_384),
        (OK + b"\r\n", b"x" * 65_536, 16_384),
        (CHUNKED, b"1\r\nx\r\n" * 1000, 16_384),
        (CHUNKED + b"1;a=", b"b" * 65_536, 0),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"x-trailer: y\r\n" * 10, 2),
        (CHUNKED + b"2\r\nok\r\n0\r\nx-trailer: ", b"y" * 65_536, 2),
    ],
    ids=["length", "chunks", "until close", "tiny chunks", "chunk extension", "trailers", "trailer"],
)
async def test_of_an_endless_answer_the_first_16_kilobytes_are_read(beginning: bytes, piece: bytes, body: int) -> None:
    async with judged(forever(beginning, piece)) as (receiver, way):
        if piece.startswith(b"x-trailer"):
            assert await failure(way, receiver.url()) == "http"  # 257 of them are too many headers
            return
        answer = await way.post(receiver.url(), b"{}", {})
        assert (answer.status, len(answer.body)) == (200, body)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (OK + b"x: ", b"y" * 65_536),
        (OK, b"y" * 65_536),
        (b"HTTP/1.1 200 ", b"y" * 65_536),
        (OK, b"x-a: b\r\n" * 1000),
        (OK, b"x-a: " + b"b" * 1000 + b"\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100),
        (b"", b"\r\n" * 10_000),
        (OK + b"x: a\r\n", b" folded\r\n" * 100),
    ],
    ids=["value", "name", "reason", "headers", "long headers", "100s", "103s", "blank lines", "folded header"],
)
async def test_an_endless_head_is_cut_off(beginning: bytes, piece: bytes) -> None:
    async with judged(forever(beginning, piece)) as (receiver, way):
        assert await failure(way, receiver.url()) == "http"


@pytest.mark.parametrize("count", [256, 257, 100_000])
async def test_256_headers_are_read_and_no_more(count: int) -> None:
    lines = b"".join(b"x-%d: y\r\n" % number for number in range(count - 1))
    async with judged(says(OK + lines + b"content-length: 2\r\n\r\nok")) as (receiver, way):
        if count == 256:
            assert len((await way.post(receiver.url(), b"{}", {})).headers) == 256
        else:
            assert await failure(way, receiver.url()) == "http"


LIES = {
    "a longer body announced": (OK + b"content-length: 100\r\n\r\nshort", "close", "http"),
    "a longer body announced, reset": (OK + b"content-length: 100\r\n\r\nshort", "reset", "http"),
    "a shorter body announced": (OK + b"content-length: 2\r\n\r\nokEXTRA", "hold", 200),
    "a body where none may be": (b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello", "hold", 204),
    "two lengths": (OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok", "hold", "http"),
    "one length twice": (OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\nok", "hold", "http"),
    "a list of lengths": (OK + b"content-length: 2, 2\r\n\r\nok", "hold", "http"),
    "a negative length": (OK + b"content-length: -1\r\n\r\nok", "hold", "http"),
    "a length past 64 bits": (OK + b"content-length: 99999999999999999999\r\n\r\nok", "hold", "http"),
    "a length and chunks": (CHUNKED[:-2] + b"content-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", "hold", "http"),
    "a chunk of no number": (CHUNKED + b"zz\r\nok\r\n0\r\n\r\n", "hold", "http"),
    "a chunk past 64 bits": (CHUNKED + b"fffffffffffffffff\r\nok", "hold", "http"),
    "a negative chunk": (CHUNKED + b"-2\r\nok\r\n0\r\n\r\n", "hold", "http"),
    "a chunk longer than it says": (CHUNKED + b"1\r\nok\r\n0\r\n\r\n", "hold", "http"),
    "chunks without an end": (CHUNKED + b"2\r\nok\r\n", "close", "http"),
    "chunks, then another coding": (OK + b"transfer-encoding: chunked, gzip\r\n\r\nok", "close", 200),
    "two answers": (SMALL + SMALL, "hold", 200),
    "an answer and more after it closes": (OK + b"connection: close\r\ncontent-length: 2\r\n\r\nokEXTRA", "hold", 200),
    "no length": (OK + b"\r\nok", "close", 200),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", "close", 200),
}


@pytest.mark.parametrize("name", LIES)
async def test_lies_about_the_length_deceive_nobody(name: str) -> None:
    raw, then, outcome = LIES[name]
    dripped = tuple(raw[index : index + 1] for index in range(len(raw)))
    for pieces in ((raw,), dripped) if outcome == "http" or then == "close" else ((raw,),):
        async with judged(says(*pieces, then=then)) as (receiver, way):
            if isinstance(outcome, str):
                assert await failure(way, receiver.url()) == outcome
            else:
                answer = await way.post(receiver.url(), b"{}", {})
                assert (answer.status, answer.body) == (outcome, b"" if outcome == 204 else b"ok")
                assert receiver.connections == 1


GARBAGE = {
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"<html>hello</html>",
    "HTTP/3.7": b"HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "HTTP/2 settings": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "shoutcast": b"ICY 200 OK\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "zeros": b"\0" * 1000,
    "line feeds only": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    "a header without a colon": OK + b"header\r\n\r\n",
    "a header without a name": OK + b": x\r\n\r\n",
    "a space before the colon": OK + b"content-length : 2\r\n\r\nok",
    "a zero byte in a header": OK + b"x: a\0b\r\ncontent-length: 2\r\n\r\nok",
    "a lone carriage return": OK + b"x: a\rb\r\ncontent-length: 2\r\n\r\nok",
    "status 2000": b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok",
    "status 099": b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok",
    "a negative status": b"HTTP/1.1 -20 OK\r\ncontent-length: 2\r\n\r\nok",
    "another protocol taken up": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nraw",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_what_is_no_http_is_said_to_be_none(name: str) -> None:
    async with judged(says(GARBAGE[name])) as (receiver, way):
        assert await failure(way, receiver.url()) == "http"


@pytest.mark.parametrize(
    ("raw", "then", "kind"),
    [
        (b"", "close", "connect"),
        (b"", "reset", "connect"),
        (b"HTTP/1.1 2", "hold", "timeout"),
        (b"HTTP/1.1 2", "close", "http"),
        (b"HTTP/1.1 2", "reset", "http"),
        (OK, "reset", "http"),
        (CHUNKED + b"2\r\no", "reset", "http"),
        (OK + b"\r\nok", "reset", "http"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "close", "http"),
    ],
)
async def test_an_answer_that_breaks_off_has_its_kind(raw: bytes, then: str, kind: str) -> None:
    async with judged(says(raw, then=then), deadline=0.3) as (receiver, way):
        assert await failure(way, receiver.url()) == kind


async def test_interim_answers_are_passed_over() -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + SMALL
    async with judged(says(raw)) as (receiver, way):
        answer = await way.post(receiver.url(), b"{}", {})
        assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "2"}, b"ok")


async def _at_once(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.close()


async def _reset_at_once(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.transport.abort()


async def _early(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.write(OK + b"connection: close\r\ncontent-length: 2\r\n\r\nok")
    await asyncio.sleep(1)


@pytest.mark.parametrize("handle", [_at_once, _reset_at_once, _early])
async def test_a_receiver_that_does_not_wait_for_the_request_is_done_with_at_once(handle: Handler) -> None:
    async with judged(handle) as (receiver, way):
        began = time.perf_counter()
        for _ in range(5):
            try:
                assert (await way.post(receiver.url(), b"{}", {})).status == 200  # the answer overtook the request
            except Exception as error:
                assert getattr(error, "kind", None) == "connect"
        assert time.perf_counter() - began < 1


async def test_an_answer_before_the_request_was_read_counts_and_ends_the_connection() -> None:
    async def refusing(reader: asyncio.StreamReader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(4)

    async with listening(handle=refusing) as receiver, going_out() as way:
        began = time.perf_counter()
        assert (await way.post(receiver.url(), b"x" * 8_000_000, {})).status == 413
        assert time.perf_counter() - began < 3
        receiver.handle = None
        assert (await way.post(receiver.url(), b"{}", {})).status == 200
        assert receiver.connections == 2


async def test_a_receiver_that_never_reads_meets_the_deadline() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: Writer) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    async with listening(handle=deaf) as receiver, going_out(deadline=0.2) as way:
        assert await failure(way, receiver.url(), b"x" * 8_000_000) == "timeout"
