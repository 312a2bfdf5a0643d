"""Measure how fast one worker process delivers, against bare aiohttp with the same bodies in the same run.

    python -m tests.bench.delivery                       both databases, five rounds of 10,000 events, idle latency
    python -m tests.bench.delivery --events 200000 --database sqlite --rounds 1 --warm 0    a backlog, with memory

The receiver runs in a process of its own, the worker is `kam worker`, commits of PostgreSQL are durable. Measured is the
time from the commit of the events until the last attempt is recorded: numbering, fan-out, claims, signing, calls and
results. The floor is one aiohttp session with as many kept-alive connections in this process that sends the same bodies
with as many headers. Every round measures floor, worker, floor; the first (`warm`) is told apart and counts nowhere.
Beside the wall clock stands the processor time of a delivery, in microseconds, of the worker, of its database sessions
(PostgreSQL) and of a call of the floor: on a machine that others use too, these change least.
Idle latency is measured across processes: POST /v1/accounts to `kam serve --no-worker`, receipt from `kam worker`,
from before the request (so it includes the write itself). Prints JSON last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import uvloop

from service.events.catalogue import catalogue
from service.platform.ids import new_id
from tests import postgres
from tests.bench.processes import cpu_seconds, memory, running
from tests.live import ROOT, Live, serve

TYPES = [name for name in catalogue() if name.startswith("account.")][:8]
NETWORKS = {"KAM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "KAM_LOG_LEVEL": "warning", "KAM_ACCESS_LOG": "false"}
_COLUMNS = (
    "id", "type", "schema_version", "account_id", "subject_kind", "subject_id", "subject_version", "occurred_at",
    "cause", "body",
)  # fmt: skip


def ask(url: str, data: Any = None, key: str | None = None) -> Any:
    """One JSON request."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, None if data is None else json.dumps(data).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def event_rows(count: int, accounts: int) -> list[dict[str, Any]]:
    """Events of many accounts, as the service tells them: about 1.2 kB each."""
    ids = [new_id() for _ in range(accounts)]
    rows = []
    for number in range(count):
        identifier, account = new_id(), ids[number % accounts]
        current = {f"member_{n}": f"value {number} of {n} in some words that stand for text" for n in range(12)}
        body = {
            "id": identifier, "type": TYPES[number % len(TYPES)], "timestamp": "2026-11-22T00:00:00.000000Z",
            "data": {"account": {"id": account, "name": f"Account {account}", "version": number, "refs": []},
                     "current": current, "changed": sorted(current)},
            "cause": {"kind": "user", "origin": None},
        }  # fmt: skip
        rows.append({
            "id": identifier, "type": body["type"], "schema_version": 1, "account_id": account,
            "subject_kind": "account", "subject_id": account, "subject_version": number + 1,
            "occurred_at": body["timestamp"], "cause": json.dumps(body["cause"]), "body": json.dumps(body),
        })  # fmt: skip
    return rows


class Store:
    """The database as the bench sees it, from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = url.partition(":///")[2] if url.startswith("sqlite") else None

    async def insert(self, rows: list[dict[str, Any]]) -> None:
        """Commit events in one go, not numbered yet."""
        names = ", ".join(_COLUMNS)
        if self.path:
            with sqlite3.connect(self.path, timeout=30) as connection:
                marks = ", ".join(f":{name}" for name in _COLUMNS)
                connection.executemany(f"INSERT INTO events ({names}) VALUES ({marks})", rows)
            connection.close()
            return
        connection = await asyncpg.connect(self.url)
        made = ", ".join(f"{name} {kind}" for name, kind in zip(_COLUMNS, _KINDS, strict=True))
        async with connection.transaction():
            for at in range(0, len(rows), 5000):
                await connection.execute(
                    f"INSERT INTO events ({names}) SELECT {names} FROM jsonb_to_recordset($1) AS r({made})",
                    json.dumps([{**row, "cause": json.loads(row["cause"])} for row in rows[at : at + 5000]]),
                )
            await connection.execute("NOTIFY kam_committed")
        await connection.close()

    async def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        query = "SELECT state, count(*) FROM deliveries GROUP BY state"
        if self.path:
            connection = sqlite3.connect(self.path, timeout=30)
            found = dict(connection.execute(query).fetchall())
            connection.close()
            return found
        connection = await asyncpg.connect(self.url)
        rows = await connection.fetch(query)
        await connection.close()
        return {row[0]: row[1] for row in rows}


class Watch:
    """Looks whether anything is left to deliver, through one connection and the partial indexes: the look at a backlog
    must not cost what is being measured.
    """

    _LEFT = (
        "SELECT EXISTS (SELECT 1 FROM events WHERE position IS NULL) OR EXISTS "
        "(SELECT 1 FROM deliveries WHERE state IN ('pending', 'leased', 'blocked'))"
    )
    _SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kam'"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sqlite: sqlite3.Connection | None = None
        self._postgresql: Any = None

    async def open(self) -> None:
        """Connect."""
        if self._store.path:
            self._sqlite = sqlite3.connect(self._store.path, timeout=30)
        else:
            self._postgresql = await asyncpg.connect(self._store.url)

    async def close(self) -> None:
        """Let the connection go."""
        if self._sqlite is not None:
            self._sqlite.close()
        else:
            await self._postgresql.close()

    async def anything_left(self) -> bool:
        """Whether an event has no place yet, or a delivery is open."""
        if self._sqlite is not None:
            return bool(self._sqlite.execute(self._LEFT).fetchone()[0])
        return bool(await self._postgresql.fetchval(self._LEFT))

    async def sessions(self) -> float:
        """Processor seconds that the service's sessions have used; the server's own processes not counted."""
        if self._sqlite is not None:
            return 0.0
        return sum(cpu_seconds(row[0]) for row in await self._postgresql.fetch(self._SESSIONS))


_KINDS = ("uuid", "text", "bigint", "uuid", "text", "uuid", "bigint", "timestamptz", "jsonb", "text")


@contextmanager
def databases(which: str) -> Iterator[tuple[str, str]]:
    """The name and URL of an empty database."""
    if which == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kam-bench-") as folder:
            yield which, f"sqlite:///{folder}/kam.db"
        return
    with postgres.ensure_postgres() as server:
        yield which, postgres.create_database(server, "bench_delivery")


async def make_durable(url: str) -> None:
    """Have a cluster that was started for tests keep what it commits, as a real one does."""
    connection = await asyncpg.connect(url)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = on")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


async def floor(port: int, rows: list[dict[str, Any]], flowing: int) -> tuple[float, float]:
    """Requests per second of bare aiohttp with the same bodies, and its processor microseconds for each."""
    bodies = iter([row["body"].encode() for row in rows])
    headers = {
        "content-type": "application/json", "user-agent": "floor", "webhook-id": new_id(),
        "webhook-timestamp": "1763770000", "webhook-signature": "v1," + "a" * 44,
    }  # fmt: skip
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=flowing)) as session:

        async def flow() -> None:
            for body in bodies:
                async with session.post(f"http://127.0.0.1:{port}/hook", data=body, headers=headers) as answer:
                    await answer.read()

        begun, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(flow() for _ in range(flowing)))
        used = time.process_time() - used
        return len(rows) / (time.perf_counter() - begun), used * 1e6 / len(rows)


@contextmanager
def working(url: str) -> Iterator[Any]:
    """`kam worker` on the database."""
    environment = {"KAM_DATABASE_URL": url, "KAM_SECRET_KEY": "only-for-these-tests-32-characters", **NETWORKS}
    with tempfile.TemporaryDirectory(prefix="kam-worker-") as folder, Path(folder, "log").open("wb") as log:
        own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "worker"], cwd=folder,
            env=own | {"PYTHONPATH": str(ROOT)} | environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)
            told = Path(folder, "log").read_text()
            if "warning" in told or "rror" in told:
                print(told[-3000:])


def subscribe(live: Live, port: int, concurrency: int) -> None:
    """One endpoint for each type of event, so that every event is one delivery."""
    for number, name in enumerate(TYPES):
        ask(
            f"{live.url}/v1/webhook-endpoints",
            {"url": f"http://127.0.0.1:{port}/hook{number}", "event_types": [name], "concurrency": concurrency},
            live.key,
        )


async def deliver(store: Store, watch: Watch, worker: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Commit events, and wait until every attempt is recorded."""
    samples: list[float] = []
    before = (await store.states()).get("succeeded", 0)
    await store.insert(rows)
    begun, used, used_there = time.perf_counter(), cpu_seconds(worker.pid), await watch.sessions()
    looked = 0.0
    while await watch.anything_left():
        await asyncio.sleep(0.02)
        if (at := time.perf_counter()) - looked > (0.2 if len(rows) < 50_000 else 1.0):
            looked = at
            samples.append(memory(worker.pid)["rss_mb"])
            if at - begun > 900:
                raise RuntimeError(f"not delivered in time: {await store.states()}")
    seconds = time.perf_counter() - begun
    used, used_there = cpu_seconds(worker.pid) - used, await watch.sessions() - used_there
    if (states := await store.states()).get("succeeded", 0) != before + len(rows):
        raise RuntimeError(f"not everything was delivered: {states}")
    fifth = max(1, len(samples) // 5)
    return {
        "per_second": round(len(rows) / seconds),
        "seconds": round(seconds, 2),
        "worker_us": round(used * 1e6 / len(rows)),
        "sessions_us": round(used_there * 1e6 / len(rows)),
        "rss_mb_first_fifth": round(statistics.median(samples[:fifth] or [0]), 1),
        "rss_mb_last_fifth": round(statistics.median(samples[-fifth:] or [0]), 1),
        "rss_mb_most": round(max(samples or [0]), 1),
    }


async def idle(live: Live, port: int, count: int) -> dict[str, float]:
    """Milliseconds from before a write to the receipt of its event, one at a time, and of these what came after the
    write was answered. The first two are told apart, since they wait for the worker to start.
    """
    waits, after = [], []
    for number in range(count + 2):
        ask(f"http://127.0.0.1:{port}/reset")
        sent = time.time()
        await asyncio.to_thread(ask, f"{live.url}/v1/accounts", {"name": f"Idle {number}"}, live.key)
        answered = time.time()
        while not (seen := ask(f"http://127.0.0.1:{port}/seen")["seen"]):
            await asyncio.sleep(0.002)
        waits.append((seen[0][1] - sent) * 1000)
        after.append(max(0.0, (seen[0][1] - answered) * 1000))
        await asyncio.sleep(0.15)
    told = {"first_ms": round(max(waits[:2]), 1)}
    for name, values in (("", sorted(waits[2:])), ("after_answer_", sorted(after[2:]))):
        told[f"{name}p50_ms"] = round(values[len(values) // 2], 1)
        told[f"{name}p95_ms"] = round(values[int(len(values) * 0.95)], 1)
        told[f"{name}most_ms"] = round(values[-1], 1)
    return told


async def bench(options: argparse.Namespace) -> dict[str, Any]:
    """Every figure of one run."""
    told: dict[str, Any] = {}
    port = postgres.free_port()
    with running(["tests.bench.receiving", str(port)], port, "/seen", {}):
        for which in options.database.split(","):
            with databases(which) as (name, url):
                if name == "postgresql" and "KAM_TEST_POSTGRES_URL" not in os.environ:
                    await make_durable(url)
                told[name] = await on(url, port, options)
                print(name, json.dumps(told[name]), flush=True)
    return told


async def on(url: str, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one database."""
    store, figures = Store(url), []
    flowing = options.concurrency * len(TYPES)
    with serve(url, "--no-worker", environment=NETWORKS) as live:
        subscribe(live, port, options.concurrency)
        with working(url) as worker:
            watch = Watch(store)
            await watch.open()
            await asyncio.sleep(2)
            latency = await idle(live, port, options.idle) if options.idle else {}
            for number in range(-options.warm, options.rounds):
                rows = event_rows(options.events, options.accounts)
                some = rows[: min(len(rows), 5_000)]
                floors = [await floor(port, some, flowing)]
                figure = await deliver(store, watch, worker, rows)
                floors.append(await floor(port, some, flowing))
                bare = statistics.mean(rate for rate, _ in floors)
                cost = statistics.mean(used for _, used in floors)
                figure |= {
                    "floor": round(bare),
                    "floor_us": round(cost),
                    "ratio": round(figure["per_second"] / bare, 3),
                    "cpu_ratio": round(cost / figure["worker_us"], 3),
                }
                print(json.dumps({"round": number, **figure} if number >= 0 else {"warm": figure}), flush=True)
                if number >= 0:
                    figures.append(figure)
            await watch.close()
    names = ("per_second", "floor", "ratio", "worker_us", "sessions_us", "floor_us", "cpu_ratio")
    medians = {name: statistics.median(each[name] for each in figures) for name in names}
    return {"idle": latency, "median": medians, "rounds": figures}


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--concurrency", type=int, default=8, help="of each of the eight endpoints")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", type=int, default=1, help="rounds before those that count")
    parser.add_argument("--idle", type=int, default=40, help="writes for the idle latency; 0 for none")
    parser.add_argument("--database", default="sqlite,postgresql")
    print(json.dumps(uvloop.run(bench(parser.parse_args()))))


if __name__ == "__main__":
    main()
