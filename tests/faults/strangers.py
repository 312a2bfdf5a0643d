"""Strangers without a key, and keys that may do little, ask for more than they may: what does it cost the others?

    python -m tests.faults.strangers                                every attack for 20 seconds, SQLite
    python -m tests.faults.strangers --seconds 5 --database postgresql

Each attack runs beside another key that reads its own name. Prints for each the growth of the service's memory (at its
highest, and five seconds after), the 95th percentile of the other key's reads, and how soon a refusal comes. Exits with
1 when memory grew by 50 MB or more, the others took 100 ms or more, or a refusal took longer than 50 ms (300 where ten
megabytes have to arrive first).
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

import httpx
from graphql import get_introspection_query
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.bench.processes import memory
from tests.faults.processes import a_database, program
from tests.live import Live, new_key, serve

MOST_MB = 50.0
MOST_MS = 100.0
REFUSED_MS = 50.0
REFUSED_LARGE_MS = 300.0
BATCH = b'{"items":[' + b"[]," * 3_299_990 + b"[]]}"


class Attack:
    """What one attack knows: where the service is, a key that may read jobs, until when, and what it was answered."""

    def __init__(self, url: str, key: str, seconds: float) -> None:
        self.url, self.key = url, key
        self.end = time.monotonic() + seconds
        self.host, self.port = urlsplit(url).hostname or "", urlsplit(url).port or 0
        self.answers: Counter[str] = Counter()
        self.refused_ms: list[float] = []

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of a stranger; what breaks it off is counted."""
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            self.answers["no connection"] += 1
            await asyncio.sleep(0.1)
            return
        try:
            yield reader, writer
        except OSError:
            self.answers["closed"] += 1
        finally:
            writer.transport.abort()

    async def post(self, path: str, body: bytes) -> None:
        """Send a body and note how soon it is refused."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60) as client:
            begun = time.perf_counter()
            try:
                answer = await client.post(path, content=body)
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
                return
            self.refused_ms.append((time.perf_counter() - begun) * 1000)
            self.answers[str(answer.status_code)] += 1


async def endless_heads(attack: Attack) -> None:
    """Send header lines without end."""
    while attack.goes_on:
        async with attack.connection() as (reader, writer):
            begun = time.perf_counter()
            writer.write(b"GET / HTTP/1.1\r\n" + b"X-Line: and another one\r\n" * 20_000)
            first = await reader.readline()
            attack.refused_ms.append((time.perf_counter() - begun) * 1000)
            attack.answers[first[9:12].decode() or "closed"] += 1
        await asyncio.sleep(0.01)


async def slow_heads(attack: Attack) -> None:
    """Hold as many connections as come, with half a head on each."""
    while attack.goes_on:
        async with attack.connection() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nX-Slow: 1")
            left = max(0.0, attack.end - time.monotonic())
            try:
                async with asyncio.timeout(left):
                    first = await reader.readline()
                attack.answers[first[9:12].decode() or "closed"] += 1
            except TimeoutError:
                attack.answers["held"] += 1


async def large_frames(attack: Attack) -> None:
    """Offer compression, and send a megabyte before saying who asks."""
    while attack.goes_on:
        begun = time.perf_counter()
        try:
            url = f"ws://{attack.host}:{attack.port}/graphql"
            async with connect(url, subprotocols=["graphql-transport-ws"], compression="deflate") as client:  # type: ignore[list-item]
                await client.send("a" * 1_000_000)
                await client.recv()
        except (WebSocketException, OSError) as error:
            attack.refused_ms.append((time.perf_counter() - begun) * 1000)
            attack.answers[type(error).__name__] += 1


async def silent_sockets(attack: Attack) -> None:
    """Open WebSockets and say nothing."""
    url = f"ws://{attack.host}:{attack.port}/graphql"
    while attack.goes_on:
        try:
            async with connect(url, subprotocols=["graphql-transport-ws"], ping_interval=None) as client:  # type: ignore[list-item]
                async with asyncio.timeout(max(0.0, attack.end - time.monotonic())):
                    await client.recv()
        except (WebSocketException, OSError, TimeoutError) as error:
            attack.answers[type(error).__name__] += 1


async def nested_batch(attack: Attack) -> None:
    """Post ten megabytes of empty lists to a path that the key may not write."""
    while attack.goes_on:
        await attack.post("/v1/accounts/batch", BATCH)


def documents(make: Callable[[], str]) -> Callable[[Attack], Awaitable[None]]:
    """An attack by documents, each of which is new to the service."""

    async def send(attack: Attack) -> None:
        while attack.goes_on:
            query = make() + f" # {random.random()}"
            await attack.post("/graphql", b'{"query":' + httpx.Request("POST", "http://x", json=query).content + b"}")

    return send


ALIASES = (
    "{" + " ".join(f"a{i}: __schema {{ types {{ fields {{ args {{ type {{ name }} }} }} }} }}" for i in range(29)) + "}"
)
SPREADS = "{" + "...{ me { id name } }" * 440 + "}"

ATTACKS: dict[str, tuple[Callable[[Attack], Awaitable[None]], int, float | None]] = {
    "endless heads": (endless_heads, 4, REFUSED_MS),
    "slow heads": (slow_heads, 900, None),
    "large frames before the ack": (large_frames, 4, REFUSED_MS),
    "silent sockets": (silent_sockets, 400, None),
    "nested arrays with jobs:read": (nested_batch, 2, REFUSED_LARGE_MS),
    "29 aliases of __schema": (documents(lambda: ALIASES), 1, REFUSED_MS),
    "440 fragment spreads": (documents(lambda: SPREADS), 1, REFUSED_MS),
    "introspection that is new each time": (documents(get_introspection_query), 4, None),
}
"""Each attack with how many run at once, and the time in which it has to be refused."""


def attacked(name: str, url: str, key: str, seconds: float) -> tuple[dict[str, int], list[float]]:
    """Run one attack in a process of its own; return its answers and how soon refusals came, in milliseconds."""

    async def together() -> Attack:
        make, at_once, _ = ATTACKS[name]
        attack = Attack(url, key, seconds)
        await asyncio.gather(*(make(attack) for _ in range(at_once)))
        return attack

    attack = asyncio.run(together())
    return dict(attack.answers), attack.refused_ms


async def measure(live: Live, keys: tuple[str, str], name: str, seconds: float) -> dict[str, Any]:
    """Run one attack beside the other key's reads."""
    took: list[float] = []
    before = highest = memory(live.process.pid)["rss_mb"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        attacking = asyncio.get_running_loop().run_in_executor(pool, attacked, name, live.url, keys[0], seconds)
        headers = {"Authorization": f"Bearer {keys[1]}"}
        async with httpx.AsyncClient(base_url=live.url, headers=headers, timeout=60) as client:
            while not attacking.done():
                begun = time.perf_counter()
                (await client.get("/v1/me")).raise_for_status()
                took.append((time.perf_counter() - begun) * 1000)
                highest = max(highest, memory(live.process.pid)["rss_mb"])
                await asyncio.sleep(0.02)
        answers, refused = await attacking
    await asyncio.sleep(min(5.0, seconds))
    return {
        "answers": answers,
        "grew_mb": round(highest - before, 1),
        "stayed_mb": round(memory(live.process.pid)["rss_mb"] - before, 1),
        "others_p95_ms": round(statistics.quantiles(took, n=20)[18], 1),
        "refused_p95_ms": round(statistics.quantiles(refused, n=20)[18], 1) if len(refused) > 1 else None,
    }


async def run(database: str, seconds: int) -> dict[str, Any]:
    """Run every attack, one after the other."""
    results: dict[str, Any] = {}
    with a_database(database) as url:
        server = serve(url, key=new_key(), environment={"KAM_RATE_LIMIT": "0"})
        live = await asyncio.to_thread(server.__enter__)
        try:
            async with httpx.AsyncClient(base_url=live.url, headers=live.headers, timeout=60) as client:
                keys = []
                for scope in ("jobs:read", "accounts:read"):
                    made = await client.post("/v1/api-keys", json={"name": scope, "scopes": [scope]})
                    keys.append(made.json()["key"])
                await client.post("/graphql", json={"query": get_introspection_query()})  # what every service has read
            for name in ATTACKS:
                results[name] = await measure(live, (keys[0], keys[1]), name, seconds)
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
    return results


def is_well(results: dict[str, Any]) -> bool:
    """Whether no attack cost the others more than allowed."""
    for name, found in results.items():
        limit = ATTACKS[name][2]
        if found["grew_mb"] >= MOST_MB or found["others_p95_ms"] >= MOST_MS:
            return False
        if limit is not None and found["refused_p95_ms"] > limit:
            return False
    return True


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", seconds=20))
