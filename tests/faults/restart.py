"""PostgreSQL is restarted under load: every confirmed write is kept, and the service recovers by itself.

    python -m tests.faults.restart                          three restarts, two workers, 300 writes

Writers create and rename accounts over HTTP while a cluster of this program's own is shut down, with its sessions cut
off, and started again. Each write has an Idempotency-Key and is repeated until it is answered, as a client would do;
answers while the database is away must have status 503. In the end every event must have arrived in order per account,
and every account must have exactly the requested changes. Prints the result as JSON; exits with 1 when any of this
does not hold.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import httpx

from tests import postgres
from tests.faults.processes import Record, Service, program, rows, serving

PATIENCE = 120.0
WRITERS = 6


async def ask(service: Service, statuses: Counter[int], method: str, path: str, body: Any, key: str) -> dict[str, Any]:
    """Repeat a write until it is answered."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                answer = await service.client.request(method, path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                statuses[0] += 1
                await asyncio.sleep(0.1)
                continue
            statuses[answer.status_code] += 1
            if answer.status_code in (200, 201):
                return dict(answer.json())
            await asyncio.sleep(0.1)


async def write(service: Service, statuses: Counter[int], writer: int, changes: int) -> str:
    """Create an account and change it `changes` times. Return its id."""
    made = await ask(service, statuses, "POST", "/v1/accounts", {"name": f"Account {writer}"}, f"{writer}-new")
    for number in range(changes):
        body = {"name": f"Account {writer} change {number}"}
        await ask(service, statuses, "PATCH", f"/v1/accounts/{made['id']}", body, f"{writer}-{number}")
    return str(made["id"])


async def run(restarts: int, workers: int, writes: int) -> dict[str, Any]:
    """Restart the database `restarts` times under load. Return the result."""
    record, statuses = Record(), Counter[int]()
    changes = writes // WRITERS
    server = await asyncio.to_thread(postgres.start, own=True)
    try:
        url = await asyncio.to_thread(postgres.create_database, server.url, "faults_restart")
        async with serving(url, workers, record.behave, {"KAM_RATE_LIMIT": "0"}) as service:
            endpoint = {"url": service.receiver.url(), "event_types": ["account.*"], "concurrency": 16}
            (await service.client.post("/v1/webhook-endpoints", json=endpoint)).raise_for_status()
            writing = [asyncio.create_task(write(service, statuses, number, changes)) for number in range(WRITERS)]
            for number in range(restarts):
                wished = (number + 1) * writes // (restarts + 1)
                while statuses[200] < wished and not all(task.done() for task in writing):
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(server.restart, 0.5)
            accounts = await asyncio.gather(*writing)
            feed = await arrived(service, url, record)
            if statuses[500]:
                print(service.live.logged(4_000_000), file=sys.stderr)
            versions = [(await service.client.get(f"/v1/accounts/{each}")).json()["version"] for each in accounts]
        return {
            "restarts": restarts, "workers": workers, "answers": {str(k): v for k, v in sorted(statuses.items())},
            "events": len(feed), "lost": len(feed - set(record.calls)), "never_told": len(set(record.calls) - feed),
            "repeated_under_their_id": record.calls.total() - len(record.calls),
            "out_of_order": len(record.disordered()), "complaints": record.complaints,
            "wrong_versions": sum(version != changes + 1 for version in versions),
            "expected_events": WRITERS * (changes + 1),
        }  # fmt: skip
    finally:
        await asyncio.to_thread(server.stop)


async def arrived(service: Service, url: str, record: Record) -> set[str]:
    """Return the ids in the feed once all have arrived and no delivery is open."""
    async with asyncio.timeout(PATIENCE):
        while True:
            ids = {str(identifier) for (identifier,) in await rows(url, "SELECT id FROM events")}
            open_ = await rows(url, "SELECT count(*) FROM deliveries WHERE state NOT IN ('succeeded')")
            placed = await rows(url, "SELECT count(*) FROM events WHERE position IS NULL")
            if ids <= set(record.calls) and not open_[0][0] and not placed[0][0]:
                return ids
            await asyncio.sleep(0.2)


def is_well(result: dict[str, Any]) -> bool:
    """Whether nothing was lost, repeated or out of order, and failures had the status of failures."""
    failed = {status for status in result["answers"] if status not in ("0", "200", "201", "409", "503")}
    wrong = sum(result[name] for name in ("lost", "never_told", "out_of_order", "wrong_versions"))
    return not (wrong or failed or result["complaints"]) and result["events"] == result["expected_events"]


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, restarts=3, workers=2, writes=300))
