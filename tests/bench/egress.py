"""Measure how many calls a second `Egress` makes, beside bare aiohttp and a bare protocol, in one run.

    python -m tests.bench.egress                       5 rounds of 2 s at 32 calls at a time
    python -m tests.bench.egress --rounds 3 --seconds 1 --calls 1,32,128

One sending process on uvloop and a receiver in a process of its own that answers every POST with 200 and `ok`. All send
the same bytes: a JSON body of about 1 kB with four headers. The contestants take turns within a round:

egress    `Egress.post`, everything on: the address policy, the deadline, the bounds, the pool
aiohttp   one ClientSession with as many connections as calls, nothing on
raw       a protocol that writes prepared bytes and lets llhttp find the end of the answer: what the loop can do at all

Figures are medians over rounds, ratios the median of the rounds' own ratios; CPU time is this process's, per call.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httptools
import orjson
import uvloop

from service.framework.outbound.addresses import AddressPolicy
from service.framework.outbound.egress import Egress

BODY = orjson.dumps({"type": "account.updated", "data": {"id": 1, "name": "Account 1", "note": "x" * 900}})
HEADERS = {
    "content-type": "application/json",
    "webhook-id": "018f0000-0000-7000-8000-000000000001",
    "webhook-timestamp": "1790000000",
    "webhook-signature": "v1," + "A" * 44,
}
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
ROOT = Path(__file__).resolve().parents[2]

Send = Callable[[], Awaitable[None]]


class Receiving(asyncio.Protocol):
    """Answers when as many bytes have come as a request has."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)


class Raw(asyncio.Protocol):
    """One exchange at a time without any bounds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpResponseParser(self)
        self.answered: asyncio.Future[None]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.answered.set_result(None)


@asynccontextmanager
async def by_egress(port: int, calls: int) -> AsyncIterator[Send]:
    way = Egress(AddressPolicy.of(["127.0.0.0/8"]))

    async def send() -> None:
        answer = await way.post(f"http://127.0.0.1:{port}/hook", BODY, HEADERS)
        assert answer.status == 200

    try:
        yield send
    finally:
        await way.close()


@asynccontextmanager
async def by_aiohttp(port: int, calls: int) -> AsyncIterator[Send]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=calls)) as session:

        async def send() -> None:
            async with session.post(f"http://127.0.0.1:{port}/hook", data=BODY, headers=HEADERS) as response:
                await response.read()
                assert response.status == 200

        yield send


@asynccontextmanager
async def by_raw(port: int, calls: int) -> AsyncIterator[Send]:
    loop = asyncio.get_running_loop()
    free = [(await loop.create_connection(Raw, "127.0.0.1", port))[1] for _ in range(calls)]
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    sent = f"POST /hook HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(BODY)}\r\n\r\n".encode() + BODY

    async def send() -> None:
        connection = free.pop()
        connection.answered = loop.create_future()
        connection.transport.write(sent)
        await connection.answered
        free.append(connection)

    yield send
    for connection in free:
        connection.transport.abort()


CONTESTANTS = {"egress": by_egress, "aiohttp": by_aiohttp, "raw": by_raw}


async def measured(name: str, port: int, calls: int, seconds: float) -> tuple[float, float]:
    """Calls a second, and microseconds of CPU time for each."""
    count = 0
    async with CONTESTANTS[name](port, calls) as send:
        await asyncio.gather(*(send() for _ in range(calls)))
        began, used = time.perf_counter(), time.process_time()
        end = began + seconds

        async def lane() -> None:
            nonlocal count
            while time.perf_counter() < end:
                await send()
                count += 1

        await asyncio.gather(*(lane() for _ in range(calls)))
        return count / (time.perf_counter() - began), (time.process_time() - used) / count * 1e6


async def receive() -> None:
    """Listen, say where, and answer until the end of the input."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiving, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--calls", default="32", help="calls at a time, several with commas")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        uvloop.run(receive())
        return
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.egress", "--receive"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as receiver:  # fmt: skip
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline())
        print("| calls at a time | contestant | calls/s | ratio to aiohttp | ratio to raw | CPU us per call |")
        print("| --: | --- | --: | --: | --: | --: |")
        for calls in map(int, options.calls.split(",")):
            rounds = [
                {name: uvloop.run(measured(name, port, calls, options.seconds)) for name in CONTESTANTS}
                for _ in range(options.rounds)
            ]
            for name in CONTESTANTS:
                rate = statistics.median(one[name][0] for one in rounds)
                cpu = statistics.median(one[name][1] for one in rounds)
                ratios = [
                    f"{statistics.median(one[name][0] / one[other][0] for one in rounds):.2f}"
                    for other in ("aiohttp", "raw")
                ]
                print(f"| {calls} | {name} | {rate:,.0f} | {' | '.join(ratios)} | {cpu:.0f} |")
        receiver.communicate("")


if __name__ == "__main__":
    main()
