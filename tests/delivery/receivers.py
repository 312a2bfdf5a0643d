"""Receivers on the loopback interface, well-behaved and ill-behaved, that remember every connection and every
request.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Behaviour = Callable[[asyncio.StreamWriter, "Received"], Awaitable[None]]


@dataclass
class Received:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """The connections and requests of a receiver; `behave` answers a request and may be replaced at any time."""

    behave: Behaviour
    connections: int = 0
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    handle: Handler | None = None
    """Handles whole connections if set: for receivers that do not wait for a request or break the protocol."""
    in_flight: int = 0
    most_in_flight: int = 0

    def url(self, host: str = "127.0.0.1", path: str = "/hook", scheme: str = "http") -> str:
        """Return a URL that it listens on."""
        return f"{scheme}://{host}:{self.port}{path}"

    async def until(self, count: int, seconds: float = 10) -> None:
        """Wait for `count` requests."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                await asyncio.sleep(0.002)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection."""
        self.connections += 1
        ends = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends, RuntimeError):  # uvloop raises RuntimeError for a write after the end
            if self.handle is not None:
                await self.handle(reader, writer)
            while self.handle is None:
                request = await read_request(reader)
                self.requests.append(request)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    await self.behave(writer, request)
                    await writer.drain()
                finally:
                    self.in_flight -= 1
        writer.close()


async def read_request(reader: asyncio.StreamReader) -> Received:
    """Read the next whole request of a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Received(head[0], headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def answering(status: int = 200, body: bytes = b"ok", **headers: str) -> Behaviour:
    """A well-formed answer; `retry_after="5"` becomes a `retry-after` header."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def behave(writer: asyncio.StreamWriter, _: Received) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        writer.write(head.encode("latin-1") + body)

    return behave


@contextlib.asynccontextmanager
async def listening(
    behave: Behaviour | None = None,
    *,
    handle: Handler | None = None,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver(behave or answering(), handle=handle)
    server = await asyncio.start_server(receiver.serve, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
