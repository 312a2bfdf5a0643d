"""A hundred endpoints of which twenty never answer: do the others wait for them?

    python -m tests.faults.hanging                                  100 endpoints, 20 hanging, 20 events, SQLite
    python -m tests.faults.hanging --database postgresql --events 60

Two runs of the same load on the same kind of database: first only the healthy endpoints, then the hanging ones beside
them. Each event goes to every endpoint; the delay of a call runs from the event's time to the call's arrival at the
receiver. The first calls of a run do not count: a new endpoint gets one call at a time. Prints the figures as JSON.
Exits with 1 when the 95th percentile of the healthy endpoints is more than 1.5 times, and 50 ms above, that of the run
without hanging endpoints, or when a healthy endpoint missed an event.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from tests.delivery.receivers import Received, answering
from tests.faults.processes import Service, a_database, program, serving

WARM_UP = 5
PAUSE = 0.25
PATIENCE = 120.0
ALLOWED = 1.5
NOISE_MS = 50.0


class Measured:
    """A receiver whose first endpoints never answer; it records when each call of the others arrived."""

    def __init__(self, hanging: int) -> None:
        self.hanging = hanging
        self.late_ms: dict[str, list[float]] = defaultdict(list)
        self.calls: Counter[int] = Counter()
        self.hung = 0

    async def behave(self, writer: asyncio.StreamWriter, request: Received) -> None:
        """Answer a call, or hold it forever."""
        number = int(request.line.split()[1].rpartition("/")[2])
        if number < self.hanging:
            self.hung += 1
            await asyncio.Event().wait()
        event = json.loads(request.body)
        happened = datetime.fromisoformat(event["timestamp"])
        self.late_ms[event["id"]].append((datetime.now(UTC) - happened).total_seconds() * 1000)
        self.calls[number] += 1
        await answering(204, b"")(writer, request)


async def load(service: Service, measured: Measured, first: int, endpoints: int, events: int) -> list[float]:
    """Subscribe, make events, wait for the healthy endpoints. Return the delay of each call in milliseconds."""
    for number in range(first, endpoints):
        body = {"url": service.receiver.url(path=f"/e/{number}"), "event_types": ["account.created"]}
        (await service.client.post("/v1/webhook-endpoints", json=body)).raise_for_status()
    for number in range(WARM_UP + events):
        (await service.client.post("/v1/accounts", json={"name": f"Account {number}"})).raise_for_status()
        await asyncio.sleep(PAUSE)
    healthy = endpoints - measured.hanging if measured.hanging else endpoints - first
    async with asyncio.timeout(PATIENCE):
        while sum(measured.calls.values()) < healthy * (WARM_UP + events):
            await asyncio.sleep(0.1)
    kept = list(measured.late_ms)[WARM_UP:]
    return [late for event in kept for late in measured.late_ms[event]]


async def run(database: str, endpoints: int, hanging: int, events: int) -> dict[str, Any]:
    """Do both runs and return their figures."""
    figures: dict[str, Any] = {"database": database, "endpoints": endpoints, "hanging": hanging, "events": events}
    for name, stuck in (("without", 0), ("with", hanging)):
        measured = Measured(stuck)
        environment = {"KAM_WEBHOOK_TIMEOUT_SECONDS": "20", "KAM_RATE_LIMIT": "0"}
        with a_database(database) as url:
            async with serving(url, 1, measured.behave, environment) as service:
                late = await load(service, measured, 0 if stuck else hanging, endpoints, events)
        cut = statistics.quantiles(late, n=100)
        figures[name] = {
            "p50_ms": round(cut[49], 1),
            "p95_ms": round(cut[94], 1),
            "calls": len(late),
            "hung": measured.hung,
        }
    figures["ratio_p95"] = round(figures["with"]["p95_ms"] / figures["without"]["p95_ms"], 2)
    return figures


def is_well(result: dict[str, Any]) -> bool:
    """Whether the healthy endpoints were not delayed."""
    return bool(
        result["with"]["calls"] == result["without"]["calls"]
        and result["with"]["hung"] > 0
        and result["with"]["p95_ms"] <= ALLOWED * result["without"]["p95_ms"] + NOISE_MS
    )


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", endpoints=100, hanging=20, events=20))
