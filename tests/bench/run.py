"""Measure the service against the floors, and against an earlier checkout of itself, interleaved in one run: so a noisy
machine disturbs all of them alike.

    python -m tests.bench.run                          all workloads, 5 rounds of 5 s, 100,000 accounts
    python -m tests.bench.run --rounds 3 --seconds 2 --workloads W1,W4 --accounts 10000
    python -m tests.bench.run --before ../before       an earlier checkout, with a .venv of its own or with this one's

The earlier checkout uses the same database. Where the two have different migrations, it gets one of its own on the same
server, called like this one with `_before` at the end, filled by its own tests.bench.data and kept for the next run.

One process each: the service as `kam serve --no-worker` with every duty on (the rate limit counts and is set too high
to be met), the floors beside it, one PostgreSQL. Without KAM_BENCH_POSTGRES_URL (an empty database, or one this program
filled before) a cluster is started as the tests do, with its durability settings; what they are stands in the output.
Figures are medians over rounds; a ratio is the median of the rounds' own ratios. CPU time is per request, from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson

from tests import postgres
from tests.bench import load, processes, report
from tests.bench.data import ACCOUNTS, fill
from tests.bench.workloads import WORKLOADS, Request, Workload, listed, reads, writes

KEY = "kam_" + "bench" * 8 + "key"
_LIMIT = "100000000"
_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections")
_PAGE = "/v1/accounts?sort=-revenue&limit=50"


@dataclass
class Target:
    """A server under load, below its prefix; `url` is its database, where that is another one than the run's."""

    name: str
    server: processes.Running
    prefix: str = ""
    key: str = ""
    url: str = ""


@dataclass
class Bench:
    """One run: what is measured, how long, and what came out."""

    url: str
    database_pid: int | None
    targets: dict[str, Target]
    rounds: int
    seconds: float
    connections: int
    folder: Path
    patched: int = 0
    runs: list[dict[str, Any]] = field(default_factory=list)

    def measure(self, workloads: Sequence[Workload], accounts: int) -> None:
        """Warm up, then the rounds; results gather in `runs`."""
        for number in range(self.rounds + 1):
            for workload in workloads:
                requests = None if workload.once else reads(workload.name, accounts)
                names = ("service", *workload.floors, *(name for name in ("before",) if name in self.targets))
                self.turn(number, workload.name, names, requests)
            print(f"round {number} of {self.rounds}" if number else "warm", flush=True)

    def deep(self, accounts: int) -> None:
        """The first page of a list against its page at depth 1,000 (or the last one there is), on the service alone."""
        depth = min(1000, accounts // 50 - 1)
        pages = {"first page": _PAGE, f"page {depth}": f"{_PAGE}&after={self._cursor(depth)}"}
        for number in range(self.rounds + 1):
            for name, path in pages.items():
                self.turn(number, name, ("service",), [Request("GET", path)])

    def turn(self, number: int, workload: str, names: Sequence[str], requests: list[Request] | None) -> None:
        """One round of one workload on each target, in random order; round 0 warms up and is not kept."""
        for name in random.sample(list(names), len(names)):
            seconds = self.seconds if number else 1
            asked = requests
            if asked is None:  # writes: each account once, with the version it has now
                url = self.targets[name].url or self.url
                asked = asyncio.run(writes(url, round(9000 * seconds), self.patched))
            run = self._load(self.targets[name], asked, requests is None, seconds)
            if requests is None:
                self.patched += run["requests"] + 64
            if number:
                self.runs.append({"workload": workload, "target": name, "round": number, **run})

    def _load(self, target: Target, requests: list[Request], once: bool, seconds: float) -> dict[str, Any]:
        file = self.folder / "requests"
        file.write_text(listed(requests, target.prefix))
        before = self._cpu(target)
        done = load.run(
            target.server.port, file, key=target.key, once=once, connections=self.connections, seconds=seconds
        )
        after = self._cpu(target)
        if done.bad or done.errors:
            print(f"!! {target.name}: {done.bad} bad answers, {done.errors} errors of {done.requests}", flush=True)
        spent = [(b - a) / max(done.requests, 1) * 1e6 for a, b in zip(before, after, strict=True)]
        return {
            "requests": done.requests, "rate": done.rate, "p50_ms": done.p50, "p99_ms": done.p99,
            "longest_ms": done.longest, "bad": done.bad, "errors": done.errors,
            "bytes": done.bytes / max(done.requests, 1), "cpu_us": spent[0], "database_cpu_us": spent[1],
        }  # fmt: skip

    def _cpu(self, target: Target) -> tuple[float, float]:
        database = processes.cpu_seconds(self.database_pid) if self.database_pid else 0.0
        return processes.cpu_seconds(target.server.pid), database

    def _cursor(self, depth: int) -> str:
        """The cursor behind which page number `depth` of the list begins."""
        left, cursor = (depth - 1) * 50, ""
        while left:
            step = min(left, 200)
            path = f"/v1/accounts?sort=-revenue&limit={step}" + (f"&after={cursor}" if cursor else "")
            cursor = orjson.loads(ask(self.targets["service"], path))["next_cursor"]
            left -= step
        return cursor


def ask(target: Target, path: str) -> bytes:
    """The body of a GET; raises RuntimeError unless it is a 200."""
    connection = http.client.HTTPConnection("127.0.0.1", target.server.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {target.key}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}: {body.decode()[:500]}")
    return body


@contextmanager
def database() -> Iterator[tuple[str, str]]:
    """The URL of the database to use, and where it is from."""
    if named := os.environ.get("KAM_BENCH_POSTGRES_URL"):
        yield named, "KAM_BENCH_POSTGRES_URL"
        return
    server = postgres.start()
    try:
        yield postgres.create_database(server.url, "kam_bench"), server.origin
    finally:
        server.stop()


async def describe(url: str) -> tuple[dict[str, str], int | None]:
    """The server's settings that matter here, and the process that its backends descend from when it is on this
    machine.
    """
    connection = await asyncpg.connect(url)
    try:
        settings = {name: await connection.fetchval(f"SHOW {name}") for name in _SETTINGS}
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        return settings, processes.parent(backend)
    finally:
        await connection.close()


@contextmanager
def service(
    url: str, options: Sequence[str] = (), checkout: Path = processes.ROOT, name: str = "service"
) -> Iterator[Target]:
    """The service of a checkout, up and answering."""
    environment = {
        "KAM_DATABASE_URL": url, "KAM_BOOTSTRAP_KEY": KEY, "KAM_SECRET_KEY": "only for benchmarks, 32 characters",
        "KAM_RATE_LIMIT": _LIMIT, "KAM_RATE_BURST": _LIMIT,
    }  # fmt: skip
    port = postgres.free_port()
    serve = ["service", "serve", "--port", str(port), *options]
    with processes.running(serve, port, "/readyz", environment, checkout) as server:
        yield Target(name, server, key=KEY, url=url)


def before_url(url: str, checkout: Path, accounts: int) -> str:
    """The database of an earlier checkout: this one, or if the migrations differ one of its own, filled by that
    checkout unless an earlier run did.
    """
    here, there = ({file.name for file in root.glob("migrations/versions/*.py")} for root in (processes.ROOT, checkout))
    if here == there:
        return url
    name = f"{urlsplit(url).path.strip('/')}_before"
    own = postgres.database_url(url, name)
    if not asyncio.run(_exists(url, name)):
        postgres.create_database(url, name)
    fill_it = [processes.python_of(checkout), "-m", "tests.bench.data", own, "--accounts", str(accounts)]
    subprocess.run(fill_it, cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}, check=True)
    return own


async def _exists(url: str, name: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name) is True
    finally:
        await connection.close()


@contextmanager
def servers(url: str, given: argparse.Namespace) -> Iterator[dict[str, Target]]:
    """The service, the floors, and the service of an earlier checkout if one is given: up and answering."""
    port = postgres.free_port()
    floors = ["tests.bench.floors", url, "--port", str(port)]
    options = ["--worker" if given.worker else "--no-worker"]
    with ExitStack() as stack:
        own = stack.enter_context(service(url, options))
        path = "/f1/v1/accounts/00000000-0000-0000-0000-000000000000"
        floor = stack.enter_context(processes.running(floors, port, path, {}))
        found = {"service": own, "f1": Target("f1", floor, "/f1"), "f5": Target("f5", floor, "/f5")}
        if given.before is not None:
            checkout = given.before.resolve()
            found["before"] = stack.enter_context(
                service(before_url(url, checkout, given.accounts), options, checkout, "before")
            )
        yield found


def main() -> None:
    """Run and report."""
    given = _arguments()
    chosen = [workload for workload in WORKLOADS if workload.name in given.workloads.split(",")]
    with database() as (url, origin), tempfile.TemporaryDirectory(prefix="kam-bench-") as folder:
        made = asyncio.run(fill(url, given.accounts))
        print(f"{given.accounts} accounts {'made' if made else 'found'}", flush=True)
        settings, pid = asyncio.run(describe(url))
        with servers(url, given):  # the first start makes the key and warms the disk's cache: not the one to be timed
            pass
        with servers(url, given) as targets:
            time.sleep(1)
            named = [name for name in targets if name != "f5"]  # the floors are one process
            idle = {name: processes.memory(targets[name].server.pid) for name in named}
            bench = Bench(
                url, pid, targets, given.rounds, given.seconds, given.connections, Path(folder),
                patched=random.randrange(given.accounts),
            )  # fmt: skip
            bench.measure(chosen, given.accounts)
            if "W2" in given.workloads:
                bench.deep(given.accounts)
            loaded = {name: processes.memory(targets[name].server.pid) for name in named}
            started = {name: targets[name].server.started_in for name in named}
    result = {
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "accounts": given.accounts, "rounds": given.rounds, "seconds": given.seconds, "worker": given.worker,
        "connections": given.connections, "load": load.tool(), "cores": os.cpu_count(),
        "postgresql": {"origin": origin, **settings},
        "start_seconds": started, "idle": idle, "loaded": loaded, "runs": bench.runs,
        "summary": report.summary(bench.runs),
    }  # fmt: skip
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    print(report.table(result))
    print(f"\nEverything measured: {given.json}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="rows of the main table (default 100,000)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a round per workload and target (default 5)")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load (default 16)")
    parser.add_argument("--workloads", default=",".join(workload.name for workload in WORKLOADS))
    parser.add_argument("--worker", action="store_true", help="deliver events in the measured process too")
    parser.add_argument("--before", type=Path, help="folder of an earlier checkout to measure too")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="file for every figure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
