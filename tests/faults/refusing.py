"""A receiver refuses the records of some accounts: do the others wait?

    python -m tests.faults.refusing                                 12 accounts refused, 40 others, SQLite
    python -m tests.faults.refusing --database postgresql --refused 30

The receiver answers 400 to every event of the refused accounts, which come first and have two events each, and 204 to
the others. A 400 is about a record, not about the endpoint. Prints the figures as JSON. Exits with 1 when an event of
the others took longer than 5 seconds, or when the breaker opened.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from tests.delivery.receivers import Received, answering
from tests.faults.processes import a_database, program, serving

ALLOWED = 5.0
PATIENCE = 60.0


class Choosy:
    """A receiver that takes only some accounts."""

    def __init__(self) -> None:
        self.refusals = 0
        self.came: dict[str, float] = {}

    async def behave(self, writer: asyncio.StreamWriter, request: Received) -> None:
        """Take an event, or refuse its record."""
        name = json.loads(request.body)["data"]["account"]["name"]
        if name.startswith("Refused"):
            self.refusals += 1
            await answering(400, b"no such field")(writer, request)
            return
        self.came.setdefault(name, time.monotonic())
        await answering(204, b"")(writer, request)


async def run(database: str, workers: int, refused: int, others: int) -> dict[str, Any]:
    """Make the accounts and wait for the events of the others."""
    choosy = Choosy()
    with a_database(database) as url:
        async with serving(url, workers, choosy.behave, {"KAM_RATE_LIMIT": "0"}) as service:
            body = {"url": service.receiver.url(), "event_types": ["account.created", "account.updated"]}
            made = await service.client.post("/v1/webhook-endpoints", json=body)
            made.raise_for_status()
            for number in range(refused):
                account = await service.client.post("/v1/accounts", json={"name": f"Refused {number}"})
                path = f"/v1/accounts/{account.json()['id']}"
                (await service.client.patch(path, json={"country": "AT"})).raise_for_status()
            async with asyncio.timeout(PATIENCE):
                while choosy.refusals < refused:
                    await asyncio.sleep(0.05)
            started = {}
            for number in range(others):
                started[f"Other {number}"] = time.monotonic()
                (await service.client.post("/v1/accounts", json={"name": f"Other {number}"})).raise_for_status()
            async with asyncio.timeout(PATIENCE):
                while len(choosy.came) < others:
                    await asyncio.sleep(0.05)
            endpoint = (await service.client.get(f"/v1/webhook-endpoints/{made.json()['id']}")).json()
    return {
        "database": database,
        "workers": workers,
        "refused": refused,
        "others": others,
        "refusals": choosy.refusals,
        "longest_s": round(max(choosy.came[name] - at for name, at in started.items()), 3),
        "breaker": endpoint["breaker"]["state"],
    }


def is_well(result: dict[str, Any]) -> bool:
    """Whether the others came in time, and the breaker stayed closed."""
    return result["longest_s"] <= ALLOWED and result["breaker"] == "closed"


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="sqlite", workers=1, refused=12, others=40))
