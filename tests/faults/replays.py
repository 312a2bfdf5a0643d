"""SIGKILL several times while a replay runs: every event is sent again exactly once.

    python -m tests.faults.replays                                         6,000 events, four kills, SQLite
    python -m tests.faults.replays --database postgresql --events 20000 --kills 10 --workers 4

The events are older than the endpoint, so that it gets nothing but the replay. Each time the job has finished a window,
all workers are killed and started again, until all kills are made; then the job ends, and a second replay runs without
kills. A job whose worker died waits for its lease to end (ten seconds), so each kill takes that long. Prints the result
as JSON; exits with 1 when an event was lost, sent under one number twice, or out of order.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import httpx

from tests.bench.delivery import Store, event_rows
from tests.faults.processes import Record, a_database, check_replays, program, rows, serving

PATIENCE = 180.0


async def run(database: str, workers: int, events: int, kills: int) -> dict[str, Any]:
    """Run two replays of `events`, the first under `kills`. Return the result."""
    record = Record()
    with a_database(database) as url:
        async with serving(url, workers, record.behave) as service:
            store = Store(url)
            made = event_rows(events, 50)
            await store.insert(made)
            body = {"url": service.receiver.url(), "event_types": ["account.*"], "concurrency": 16}
            endpoint = (await service.client.post("/v1/webhook-endpoints", json=body)).json()["id"]
            path = f"/v1/webhook-endpoints/{endpoint}/replay"
            killed: list[int] = []
            jobs = []
            for wished in (kills, 0):
                job = (await service.client.post(path, json={"since": "2020-01-01T00:00:00Z"})).json()["job"]
                begun = time.monotonic()
                while len(killed) < wished and (done := await _further(url, job["id"], killed)) is not None:
                    for worker in service.workers:
                        worker.kill()
                    killed.append(done)
                ended = await _end(service.client, store, job["id"])
                jobs.append({"state": ended["state"], "done": ended["done"], "total": ended["total"],
                             "seconds": round(time.monotonic() - begun, 1)})  # fmt: skip
            result = await check_replays(url, record, at_rest=True)
            states = await store.states()
            return {
                "database": database, "workers": workers, "events": events, "killed_when_done": killed, "jobs": jobs,
                "lost": len({row["id"] for row in made} - set(record.calls)), "states": states,
                "calls": record.calls.total(), "duplicates": record.calls.total() - result["deliveries"],
                "wrong": result["wrong"] + (result["deliveries"] != 2 * events),
                "out_of_order": len(record.disordered()), "complaints": record.complaints,
            }  # fmt: skip


async def _further(url: str, job: str, killed: list[int]) -> int | None:
    """Wait until the job has done more than at the last kill. Return how much, or None when it ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            ((state, done),) = await rows(url, f"SELECT state, done FROM jobs WHERE id = '{job}'")
            if state not in ("queued", "running"):
                return None
            if done > (killed[-1] if killed else 0):
                return int(done)


async def _end(client: httpx.AsyncClient, store: Store, job: str) -> dict[str, Any]:
    """Wait until the job ended and every event has arrived."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found: dict[str, Any] = (await client.get(f"/v1/jobs/{job}")).json()
            if found["finished_at"] and set(await store.states()) <= {"succeeded"}:
                return found
            await asyncio.sleep(0.2)


def is_well(result: dict[str, Any]) -> bool:
    """Whether both replays sent every event exactly once more, in order."""
    ended = all(job["state"] == "succeeded" and job["done"] == job["total"] for job in result["jobs"])
    return ended and not (result["lost"] or result["wrong"] or result["out_of_order"] or result["complaints"])


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", workers=2, events=6000, kills=4))
