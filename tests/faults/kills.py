"""SIGKILL under load, at seven points: nothing is lost, duplicates come under the same id only, order per account holds.

    python -m tests.faults.kills                                   one round of all points, two workers, SQLite
    python -m tests.faults.kills --database postgresql --workers 4 --rounds 20

The API and the workers are processes of their own on one database; a receiver in this one records every call. The
points are met by watching the database and the receiver: after a business commit, after a claim, before the send,
while the receiver holds a call, while keys are rotated, while a replay runs, while events are fanned out. A killed
worker is started again at once. Prints the result as JSON; exits with 1 when an event was lost.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.bench.delivery import Store
from tests.delivery.receivers import Received, answering
from tests.faults.processes import Record, Worker, a_database, check_replays, program, serving

POINTS = ("commit", "claim", "send", "held", "rotation", "replay", "fan-out")
PATIENCE = 120.0
LONG_WAIT = timedelta(seconds=20)


@dataclass
class Run:
    """The parts of one run."""

    store: Store
    client: httpx.AsyncClient
    workers: list[Worker]
    record: Record
    endpoint: str
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, count: int, accounts: list[dict[str, Any]]) -> None:
        """Change accounts, one event each."""
        for number in range(count):
            account = accounts[number % len(accounts)]
            await self.client.patch(f"/v1/accounts/{account['id']}", json={"industry": f"{time.time_ns()}"})

    async def until(self, seen: Callable[[dict[str, int]], bool], seconds: float = 3.0) -> bool:
        """Poll the deliveries' states until they match, or time is up."""
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
            self.counts[point] += 1
            return
        elif point == "replay":
            path = f"/v1/webhook-endpoints/{self.endpoint}/replay"
            answer = await self.client.post(path, json={"since": "2020-01-01T00:00:00Z"})
            self.counts["replays accepted"] += answer.status_code in (200, 202)
            await asyncio.sleep(self.dice.random() * 0.2)
        worker.kill()
        self.counts[point] += 1


@asynccontextmanager
async def running(url: str, workers: int, dice: random.Random) -> AsyncIterator[Run]:
    """The service with its workers and a receiver."""
    record, runs = Record(), list[Run]()

    async def behave(writer: asyncio.StreamWriter, request: Received) -> None:
        record.take(request)
        if runs:
            runs[0].held.set()
        await asyncio.sleep(0.005)
        await answering(503 if dice.random() < 0.02 else 204, b"")(writer, request)

    async with serving(url, workers, behave) as service:
        body = {"url": service.receiver.url(), "event_types": ["account.*"], "concurrency": 16}
        endpoint = (await service.client.post("/v1/webhook-endpoints", json=body)).json()["id"]
        runs.append(Run(Store(url), service.client, service.workers, record, endpoint, dice))
        yield runs[0]


async def run(database: str, workers: int, rounds: int, seed: int) -> dict[str, Any]:
    """Run all points `rounds` times. Return the lost, repeated and misordered events."""
    dice = random.Random(seed)
    with a_database(database) as url:
        async with running(url, workers, dice) as one:
            accounts = [(await one.client.post("/v1/accounts", json={"name": f"Account {n}"})).json() for n in range(8)]
            for _ in range(rounds):
                for point in POINTS:
                    writing = asyncio.create_task(one.write(40, accounts))
                    await asyncio.sleep(dice.random() * 0.1)
                    await one.kill_at(point)
                    await writing
            due = await feed(one.client)
            jobs = await settled(one, due)
            states = await one.store.states()
            missing = set(due) - set(one.record.calls)
            return {
                "database": database, "workers": workers, "seed": seed, "kills": dict(one.counts), "events": len(due),
                "jobs": [job["state"] for job in jobs], "replayed": states.get("succeeded", 0) - len(due),
                "lost": len(missing), "unknown": len(set(one.record.calls) - set(due)), "states": states,
                "duplicates": one.record.calls.total() - sum(states.values()),
                "replays": await check_replays(url, one.record),
                "out_of_order": len(one.record.disordered()), "complaints": one.record.complaints,
            }  # fmt: skip


async def settled(one: Run, due: list[str]) -> list[dict[str, Any]]:
    """Wait until every event arrived and every job ended, or time is up. Return the jobs.

    After a kill and an error the schedule makes a delivery, and those behind it, wait five minutes. It is retried by
    hand, as an operator would do.
    """
    end, jobs = time.monotonic() + PATIENCE, list[dict[str, Any]]()
    while time.monotonic() < end:
        states = await one.store.states()
        arrived = not set(due) - set(one.record.calls) and set(states) == {"succeeded"}
        jobs = (await one.client.get("/v1/jobs")).json()["items"]
        if arrived and all(job["finished_at"] for job in jobs):
            break
        path = f"/v1/webhook-endpoints/{one.endpoint}/deliveries"
        for waiting in (await one.client.get(path, params={"state": "pending", "limit": 200})).json()["items"]:
            if datetime.fromisoformat(waiting["next_at"]) > datetime.now(UTC) + LONG_WAIT:
                await one.client.post(f"/v1/webhook-deliveries/{waiting['id']}/retry")
                one.counts["retried by hand"] += 1
        await asyncio.sleep(0.5)
    return jobs


async def feed(client: httpx.AsyncClient) -> list[str]:
    """Return the ids of all events about accounts."""
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


def is_well(result: dict[str, Any]) -> bool:
    """Whether no event was lost, and every repeated call had the same id."""
    return not (
        result["lost"]
        or result["unknown"]
        or result["out_of_order"]
        or result["complaints"]
        or result["replays"]["wrong"]
    ) and (set(result["states"]) == {"succeeded"} and set(result["jobs"]) == {"succeeded"})


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", workers=2, rounds=1, seed=int(time.time())))
