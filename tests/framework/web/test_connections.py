"""What may arrive on a connection: heads, bodies and sockets, against a real server on loopback."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from service.framework.web.connections import SERVER_OPTIONS, Connection, SocketConnection

BODY = 9_000_000


class Hurried(Connection):
    """The same limits, reached sooner."""

    head_seconds = 0.3
    body_seconds = 0.3
    drain_seconds = 0.3
    max_waiting = 3
    waiting = {}  # noqa: RUF012 - a registry of its own


class HurriedSocket(SocketConnection):
    """The same limits, reached sooner."""

    max_waiting = 2
    waiting = {}  # noqa: RUF012 - a registry of its own


async def application(scope: Any, receive: Any, send: Any) -> None:
    """`/early` answers before it reads, other paths with the length of the body; sockets let in who says `admit`."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"] == "admit":
                scope["extensions"]["connection.admitted"]()
            await send({"type": "websocket.send", "text": str(len(message["text"]))})
        return
    length, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    body = b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403 if scope["path"] == "/early" else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[str, int]]:
    """Serve the application on a free port."""
    listening = socket.create_server(("127.0.0.1", 0))
    options = {**SERVER_OPTIONS, "http": Hurried, "ws": HurriedSocket, **options}
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None, **options))
    running = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield listening.getsockname()
    finally:
        server.should_exit = True
        await running


async def answer_to(address: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes on a new connection and return all that comes until the server closes it."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def head_of(size: int) -> bytes:
    """A head of exactly so many bytes."""
    start, end = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Filler: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize(("size", "status"), [(200, b"200"), (32_768, b"200"), (32_769, b"431"), (200_000, b"431")])
def test_a_head_is_counted_while_it_arrives(size: int, status: bytes) -> None:
    async def run() -> None:
        async with serving() as address:
            answer = await answer_to(address, head_of(size))
            assert answer[:12] == b"HTTP/1.1 " + status
            if status == b"431":
                assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "headers_too_large"

    asyncio.run(run())


@pytest.mark.parametrize("line", [b"X-Line: 1\r\n", b"x" * 1000], ids=["lines", "one-name"])
def test_a_head_without_end_is_refused_and_dropped(line: bytes) -> None:
    async def run() -> None:
        async with serving() as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\n" + line * 10_000)
            assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 431")
            await asyncio.wait_for(reader.read(), 5)
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: x", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"],
    ids=["nothing", "half a head", "half a body"],
)
def test_what_does_not_arrive_in_time_gets_408(sent: bytes) -> None:
    async def run() -> None:
        async with serving() as address:
            answer = await answer_to(address, sent)
            assert answer.startswith(b"HTTP/1.1 408 ")
            problem = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert (problem["code"], problem["status"]) == ("request_timeout", 408)

    asyncio.run(run())


def test_a_second_head_that_does_not_end_gets_408_after_the_first_answer() -> None:
    async def run() -> None:
        async with serving() as address:
            answer = await answer_to(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in answer

    asyncio.run(run())


def test_one_more_connection_without_a_head_closes_the_oldest() -> None:
    async def run() -> None:
        async with serving(http=type("Patient", (Hurried,), {"head_seconds": 30.0, "waiting": {}})) as address:
            waiting = [await asyncio.open_connection(*address) for _ in range(3)]
            assert b"200" in await answer_to(address, head_of(200))
            reader, _ = waiting[0]
            assert await asyncio.wait_for(reader.read(), 5) == b""
            for _, writer in waiting[1:]:
                writer.write(head_of(200))
            for reader, writer in waiting[1:]:
                assert b"200" in await asyncio.wait_for(reader.readline(), 5)
                writer.close()

    asyncio.run(run())


def post(address: tuple[str, int], path: str, connection: str) -> list[tuple[int, bytes]]:
    """Send a large body as ordinary clients do, everything before they read, then ask again on that connection."""
    client = http.client.HTTPConnection(*address, timeout=10)
    client.request("POST", path, b"x" * BODY, {"Connection": connection})
    answers = [client.getresponse()]
    found = [(answers[0].status, answers[0].read())]
    client.request("GET", "/")  # on the same connection, unless it was closed
    again = client.getresponse()
    found.append((again.status, again.read()))
    client.close()
    return found


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@pytest.mark.parametrize(("path", "first"), [("/early", (403, b"0")), ("/", (200, b"%d" % BODY))])
def test_an_answer_that_precedes_the_end_of_the_body_can_be_read(
    path: str, first: tuple[int, bytes], connection: str
) -> None:
    async def run() -> None:
        async with serving(http=type("Patient", (Hurried,), {"drain_seconds": 5.0, "body_seconds": 30.0})) as address:
            found = await asyncio.to_thread(post, address, path, connection)
            assert found == [first, (200, b"0")]

    asyncio.run(run())


def test_a_body_that_never_ends_is_dropped_for_a_while_only() -> None:
    async def run() -> None:
        async with serving() as address:
            answer = await answer_to(address, b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nab")
            assert answer.startswith(b"HTTP/1.1 403 ")

    asyncio.run(run())


def test_a_message_is_short_until_the_caller_is_let_in_and_never_compressed() -> None:
    async def run() -> None:
        async with serving() as (host, port):
            async with connect(f"ws://{host}:{port}/", compression="deflate") as client:
                assert client.protocol.extensions == []
                await client.send("x" * 4_096)
                assert await client.recv() == "4096"
                await client.send("admit")
                assert await client.recv() == "5"
                await client.send("x" * 1_000_000)
                assert await client.recv() == "1000000"
                await client.send("x" * 1_000_001)
                with pytest.raises(ConnectionClosed, match="1009"):
                    await client.recv()
            async with connect(f"ws://{host}:{port}/") as client:
                await client.send("x" * 4_097)
                with pytest.raises(ConnectionClosed, match="1009"):
                    await client.recv()

    asyncio.run(run())


def test_one_more_socket_that_waits_to_be_let_in_closes_the_oldest() -> None:
    async def run() -> None:
        async with serving() as (host, port):
            admitted = await connect(f"ws://{host}:{port}/")
            await admitted.send("admit")
            await admitted.recv()
            first, second, third = [await connect(f"ws://{host}:{port}/") for _ in range(3)]
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(first.recv(), 5)
            for each in (admitted, second, third):
                await each.send("hello")
                assert await each.recv() == "5"
                await each.close()

    asyncio.run(run())
