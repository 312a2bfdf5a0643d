"""A receiver that was down comes back: do calls increase slowly, or does the backlog flood it?

    python -m tests.faults.recovering                               400 events, SQLite
    python -m tests.faults.recovering --database postgresql --workers 2

The receiver answers 503 until the endpoint's breaker is open, then 204 after a short pause for each call. From then on
it records, for every call, how many calls it holds and how many it has answered: first one probe, then 1, 2, 4 ... at
once, never more than it has just answered, up to the endpoint's concurrency. Takes half a minute, when the first probe
is due. Prints the figures as JSON; exits with 1 when more calls came at once, or when an event is missing.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.delivery.receivers import Received, answering
from tests.faults.processes import Record, a_database, program, serving

CONCURRENCY = 16
TAKES = 0.02
PATIENCE = 120.0


class Comeback:
    """A receiver that is down and then recovers."""

    def __init__(self) -> None:
        self.is_up = False
        self.refused = 0
        self.in_hand = 0
        self.answered = 0
        self.seen: list[tuple[int, int]] = []
        """For each call since the recovery: how many it had answered, and how many it holds."""
        self.record = Record()

    async def behave(self, writer: asyncio.StreamWriter, request: Received) -> None:
        """Answer a call, or refuse it while down."""
        if not self.is_up:
            self.refused += 1
            await answering(503, b"")(writer, request)
            return
        self.in_hand += 1
        self.seen.append((self.answered, self.in_hand))
        self.record.take(request)
        await asyncio.sleep(TAKES)
        self.in_hand -= 1
        self.answered += 1
        await answering(204, b"")(writer, request)

    def flooded(self) -> list[tuple[int, int]]:
        """Return the calls that came although it held more than it had just answered."""
        return [(answered, in_hand) for answered, in_hand in self.seen if in_hand > allowed(answered)]


def allowed(answered: int) -> int:
    """Return how many calls may come at once after `answered` ones: 1, 1, 2, 2, 4, 4, 4, 4, 8 ..."""
    return min(1 << max(answered.bit_length() - 1, 0), CONCURRENCY)


async def run(database: str, workers: int, events: int) -> dict[str, Any]:
    """Fill the queue of a receiver that is down, bring it back, wait for every event."""
    comeback = Comeback()
    with a_database(database) as url:
        async with serving(url, workers, comeback.behave, {"KAM_RATE_LIMIT": "0"}) as service:
            body = {
                "url": service.receiver.url(),
                "event_types": ["account.created"],
                "concurrency": CONCURRENCY,
            }
            made = await service.client.post("/v1/webhook-endpoints", json=body)
            made.raise_for_status()
            for number in range(events):
                (await service.client.post("/v1/accounts", json={"name": f"Account {number}"})).raise_for_status()
            path = f"/v1/webhook-endpoints/{made.json()['id']}"
            async with asyncio.timeout(PATIENCE):
                while (await service.client.get(path)).json()["breaker"]["state"] != "open":
                    await asyncio.sleep(0.1)
                comeback.is_up = True
                while len(comeback.record.calls) < events:
                    await asyncio.sleep(0.1)
    most = [0] * 10
    for answered, in_hand in comeback.seen:
        most[min(answered.bit_length(), 9)] = max(most[min(answered.bit_length(), 9)], in_hand)
    return {
        "database": database,
        "workers": workers,
        "events": events,
        "received": len(comeback.record.calls),
        "refused_before": comeback.refused,
        "most_in_hand_after_0_1_2_4_8_16_answered": most[:6],
        "flooded": len(comeback.flooded()),
        "complaints": comeback.record.complaints,
    }


def is_well(result: dict[str, Any]) -> bool:
    """Whether every event came, and never more calls at once than had just been answered."""
    return result["received"] == result["events"] and not result["flooded"] and not result["complaints"]


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", workers=1, events=400))
