"""SIGKILL under load, at seven points: nothing is lost, duplicates come under the same id only, order per account holds.

    python -m tests.faults.kills                                   one round of all points, two workers, SQLite
    python -m tests.faults.kills --database postgresql --workers 4 --rounds 20

The API and the workers are processes of their own on one database; a receiver in this one records every call. The
points are met by watching the database and the receiver: after a business commit, after a claim, before the send,
while the receiver holds a call, while keys are rotated, while a replay runs, while events are fanned out. Who was
killed is started again at once. Prints what happened as JSON; ends with 1 when something was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import postgres
from tests.bench.delivery import Store
from tests.delivery.receivers import Received, answering, listening
from tests.live import ROOT, new_key, serve

ENVIRONMENT = {
    "KAM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    "KAM_WEBHOOK_TIMEOUT_SECONDS": "1",  # a lease of a dead worker is free after two seconds
    "KAM_DELIVERY_POLL_SECONDS": "0.2",
    "KAM_SECRET_KEY": "only-for-these-tests",
    "KAM_LOG_LEVEL": "error",
}
POINTS = ("commit", "claim", "send", "held", "rotation", "replay", "fan-out")
PATIENCE = 120.0


@dataclass
class Worker:
    """A `kam worker` that comes back when it was killed."""

    url: str
    folder: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, or begin again."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
        environment = own | ENVIRONMENT | {"KAM_DATABASE_URL": self.url, "PYTHONPATH": str(ROOT)}
        with Path(self.folder, f"log {id(self)}").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "worker"], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it where it stands, and have another take its place."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def stop(self) -> None:
        """End it in order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)


@dataclass
class Record:
    """What the receiver saw."""

    calls: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, bytes] = field(default_factory=dict)
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    complaints: list[str] = field(default_factory=list)

    def take(self, request: Received) -> None:
        """Write down one call."""
        identifier = request.headers["webhook-id"]
        self.calls[identifier] += 1
        if self.bodies.setdefault(identifier, request.body) != request.body:
            self.complaints.append(f"two bodies under {identifier}")
        if self.calls[identifier] == 1:
            account = json.loads(request.body)["data"]["account"]
            self.order[account["id"]].append(account["version"])


@dataclass
class Run:
    """The parts of one run."""

    store: Store
    client: httpx.AsyncClient
    workers: list[Worker]
    record: Record
    endpoint: str
    dice: random.Random
    told: Counter[str] = field(default_factory=Counter)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, count: int, accounts: list[dict[str, Any]]) -> None:
        """Change accounts, one event each."""
        for number in range(count):
            account = accounts[number % len(accounts)]
            await self.client.patch(f"/v1/accounts/{account['id']}", json={"industry": f"{time.time_ns()}"})

    async def until(self, seen: Callable[[dict[str, int]], bool], seconds: float = 3.0) -> bool:
        """Watch the deliveries' states until they are as wished, or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if seen(await self.store.states()):
                return True
            await asyncio.sleep(0)
        return False

    async def kill_at(self, point: str) -> None:
        """Kill one worker at one of the points."""
        worker = self.dice.choice(self.workers)
        if point == "held":
            self.held.clear()
            await asyncio.wait_for(self.held.wait(), PATIENCE)
        elif point in ("claim", "send"):
            await self.until(lambda states: states.get("leased", 0) > 0)
            if point == "send":
                await asyncio.sleep(self.dice.random() * 0.004)
        elif point == "fan-out":
            await self.until(lambda states: states.get("pending", 0) > 0)
        elif point == "rotation":
            rotating = asyncio.create_task(self.client.post(f"/v1/webhook-endpoints/{self.endpoint}/secret/rotate"))
            await asyncio.sleep(self.dice.random() * 0.01)
            worker.kill()
            assert (await rotating).status_code == 200
            self.told[point] += 1
            return
        elif point == "replay":
            path = f"/v1/webhook-endpoints/{self.endpoint}/replay"
            answer = await self.client.post(path, json={"since": "2020-01-01T00:00:00Z"})
            self.told["replays accepted"] += answer.status_code in (200, 202)
            await asyncio.sleep(self.dice.random() * 0.2)
        worker.kill()
        self.told[point] += 1


@contextmanager
def a_database(kind: str) -> Iterator[str]:
    """The URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kam-faults-") as folder:
            yield f"sqlite:///{folder}/kam.db"
        return
    with postgres.ensure_postgres() as server:
        yield postgres.create_database(server, "faults")


@asynccontextmanager
async def running(url: str, workers: int, dice: random.Random) -> AsyncIterator[Run]:
    """The service with its workers and a receiver."""
    key, record = new_key(), Record()
    runs: list[Run] = []

    async def behave(writer: asyncio.StreamWriter, request: Received) -> None:
        record.take(request)
        if runs:
            runs[0].held.set()
        await asyncio.sleep(0.005)
        await answering(503 if dice.random() < 0.02 else 204, b"")(writer, request)

    with tempfile.TemporaryDirectory(prefix="kam-workers-") as folder:
        server = serve(url, "--no-worker", key=key, environment=ENVIRONMENT)
        live = await asyncio.to_thread(server.__enter__)
        started = [Worker(url, folder) for _ in range(workers)]
        try:
            async with (
                listening(behave) as receiver,
                httpx.AsyncClient(base_url=live.url, headers=live.headers, timeout=60) as client,
            ):
                body = {"url": receiver.url(), "event_types": ["account.*"], "concurrency": 16}
                endpoint = (await client.post("/v1/webhook-endpoints", json=body)).json()["id"]
                for worker in started:
                    worker.start()
                runs.append(Run(Store(url), client, started, record, endpoint, dice))
                yield runs[0]
                for worker in started:
                    worker.stop()
        finally:
            for worker in started:
                if worker.process is not None and worker.process.poll() is None:
                    worker.process.kill()
            await asyncio.to_thread(server.__exit__, None, None, None)


async def run(kind: str, workers: int, rounds: int, seed: int) -> dict[str, Any]:
    """All points so many times; what was lost, doubled and out of order."""
    dice = random.Random(seed)
    with a_database(kind) as url:
        async with running(url, workers, dice) as one:
            accounts = [(await one.client.post("/v1/accounts", json={"name": f"Account {n}"})).json() for n in range(8)]
            for _ in range(rounds):
                for point in POINTS:
                    writing = asyncio.create_task(one.write(40, accounts))
                    await asyncio.sleep(dice.random() * 0.1)
                    await one.kill_at(point)
                    await writing
            due = await feed(one.client)
            end, jobs = time.monotonic() + PATIENCE, []
            while time.monotonic() < end:
                states = await one.store.states()
                arrived = not set(due) - set(one.record.calls) and set(states) == {"succeeded"}
                jobs = (await one.client.get("/v1/jobs")).json()["items"]
                if arrived and all(job["finished_at"] for job in jobs):
                    break
                await asyncio.sleep(0.2)
            states = await one.store.states()
            missing = set(due) - set(one.record.calls)
            disordered = [account for account, versions in one.record.order.items() if versions != sorted(versions)]
            return {
                "database": kind, "workers": workers, "seed": seed, "kills": dict(one.told), "events": len(due),
                "jobs": [job["state"] for job in jobs], "replayed": states.get("succeeded", 0) - len(due),
                "lost": len(missing), "unknown": len(set(one.record.calls) - set(due)), "states": states,
                "duplicates": one.record.calls.total() - len(one.record.calls),
                "out_of_order": len(disordered), "complaints": one.record.complaints,
            }  # fmt: skip


async def feed(client: httpx.AsyncClient) -> list[str]:
    """The ids of all events about accounts."""
    ids, after = [], None
    while True:
        page = (
            await client.get(
                "/v1/events", params={"limit": 200, "types": "account.*"} | ({"after": after} if after else {})
            )
        ).json()
        ids += [item["id"] for item in page["items"]]
        after = page["next_cursor"]
        if not page["has_more"]:
            return ids


def is_well(told: dict[str, Any]) -> bool:
    """Whether nothing was lost, and what came twice came under the same id."""
    return not (told["lost"] or told["unknown"] or told["out_of_order"] or told["complaints"]) and set(
        told["states"]
    ) == {"succeeded"}


def main() -> int:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    told = asyncio.run(run(options.database, options.workers, options.rounds, options.seed))
    print(json.dumps(told, indent=1))
    return 0 if is_well(told) else 1


if __name__ == "__main__":
    sys.exit(main())
