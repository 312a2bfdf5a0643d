"""Send requests over a number of connections for a number of seconds and report the result: with wrk where it is
installed, otherwise with a program of our own (slower, so rates are lower; ratios stay comparable).

    python -m tests.bench.load PORT FILE KEY once|any CONNECTIONS SECONDS
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("wrk.lua")
_GRACE = 30


@dataclass(frozen=True)
class Load:
    """What one run of load gave: counts, seconds, bytes, answers that were not 2xx or 3xx, broken connections, and
    latencies in milliseconds.
    """

    requests: int
    seconds: float
    bytes: int
    bad: int
    errors: int
    p50: float
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def tool() -> str:
    """What sends the requests here."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def run(port: int, file: Path, *, key: str = "", once: bool = False, connections: int = 16, seconds: float = 5) -> Load:
    """Send the requests of a file; raises RuntimeError with the program's output when it gives no result."""
    order = "once" if once else "any"
    if tool() == "wrk":
        whole = str(max(round(seconds), 1))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "30s", "-s", str(SCRIPT)]
        command += [f"http://127.0.0.1:{port}/", "--", str(file), key, order]
    else:
        command = [sys.executable, "-m", "tests.bench.load", str(port), str(file), key, order]
        command += [str(connections), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _GRACE, check=False, cwd=ROOT)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            count, spent, size, bad, errors, p50, p99, longest = (int(part) for part in line.split()[1:])
            return Load(count, spent / 1e6, size, bad, errors, p50 / 1000, p99 / 1000, longest / 1000)
    raise RuntimeError(f"no result from {command[0]}: {done.stdout}{done.stderr}")


def encoded(line: str, key: str) -> bytes:
    """A line of the file as HTTP."""
    method, path, match, body = line.split("\t", 3)
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if key:
        head.append(f"Authorization: Bearer {key}")
    if match:
        head.append(f"If-Match: {match}")
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class _Connection(asyncio.Protocol):
    """Keeps one request under way until the end; answers must have a Content-Length."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.times: list[float] = []
        self.bytes = self.bad = self.errors = 0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until = until
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.times.append(time.perf_counter() - self._sent)
        self.bytes += len(self._buffer)
        self.bad += head[9:10] not in b"23"
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += time.perf_counter() < self._until
        self.closed.set_result(None)

    def _next(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._transport.close()
        else:
            self._transport.write(next(self._requests))


async def _send(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    made = [
        (await loop.create_connection(lambda: _Connection(requests, started + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(each.closed for each in made)), seconds + _GRACE)
    spent = time.perf_counter() - started
    times = sorted(value * 1000 for each in made for value in each.times) or [0.0]
    return Load(
        len(times), spent, sum(each.bytes for each in made), sum(each.bad for each in made),
        sum(each.errors for each in made), times[len(times) // 2], times[len(times) * 99 // 100], times[-1],
    )  # fmt: skip


def _endless(requests: list[bytes], once: bool) -> Iterator[bytes]:
    while True:
        yield from requests if once else random.sample(requests, len(requests))


def main() -> None:
    """Run as a program of its own, so that its time is not the measuring process's."""
    port, file, key, order, connections, seconds = sys.argv[1:]
    requests = [encoded(line, key) for line in Path(file).read_text().splitlines()]
    sending = _send(int(port), _endless(requests, order == "once"), int(connections), float(seconds))
    r = asyncio.run(sending)
    print("RESULT", r.requests, round(r.seconds * 1e6), r.bytes, r.bad, r.errors, *(round(t * 1000) for t in (r.p50, r.p99, r.longest)))  # fmt: skip


if __name__ == "__main__":
    main()
