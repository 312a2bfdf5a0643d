"""A sync that polls `changed_after` beside writers and batches: does it lose a change, does a time go back?

    python -m tests.faults.syncing                          30 s, 8 writers, PostgreSQL
    python -m tests.faults.syncing --database sqlite --seconds 5

Writers of two processes change, create and delete accounts and stakeholders, and one sends batches of 1,000 accounts again and again. A
poller asks both lists every 50 ms from the greatest position that it has, and keeps the version and the deletion of each
record. At the end, after one last poll, what it keeps is compared with every record of the database. Then the feed is
read: per account, timestamps must not go back. Prints the figures as JSON. Exits with 1 when a change is lost, a
position comes twice, or a time goes back.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import defaultdict
from typing import Any

import httpx

from tests.faults.processes import a_database, program
from tests.live import Live, serve

POLL_SECONDS = 0.05
LISTS = ("accounts", "stakeholders")
BATCH_ROWS = 1000


class Sync:
    """What a client keeps: by list and id the version, the deletion and the time of the last change."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.position = dict.fromkeys(LISTS, 0)
        self.kept: dict[str, dict[str, tuple[int, bool, str]]] = {name: {} for name in LISTS}
        self.positions: dict[str, set[int]] = {name: set() for name in LISTS}
        self.polls = self.changes = self.twice = self.times_back = 0

    async def poll(self) -> None:
        """Read everything that changed since the last poll."""
        self.polls += 1
        for name in LISTS:
            query: dict[str, Any] = {"changed_after": self.position[name], "limit": 200}
            more = True
            while more:
                answer = await self.client.get(f"/v1/{name}", params=query)
                answer.raise_for_status()
                page = answer.json()
                for record in page["items"]:
                    self.take(name, record)
                more, query["after"] = page["has_more"], page["next_cursor"]

    def take(self, name: str, record: dict[str, Any]) -> None:
        """Keep one record as it was read."""
        position, at = record["changed_position"], record["updated_at"]
        self.changes += 1
        self.twice += position in self.positions[name]
        self.positions[name].add(position)
        self.position[name] = max(self.position[name], position)
        before = self.kept[name].get(record["id"])
        self.times_back += before is not None and at < before[2]
        self.kept[name][record["id"]] = (record["version"], record["deleted_at"] is not None, at)


class Writer:
    """Random writes to its own and to shared accounts, until it is stopped."""

    def __init__(self, client: httpx.AsyncClient, shared: list[str], seed: int) -> None:
        self.client, self.shared, self.chance = client, shared, random.Random(seed)
        self.stakeholders: list[str] = []
        self.writes = self.deletions = 0

    async def write(self) -> None:
        """Make one write; a record that another writer has deleted is not found, and that is no matter."""
        account, kind = self.chance.choice(self.shared), self.chance.random()
        self.writes += 1
        if kind < 0.4:
            name = f"Account {self.chance.random()}"
            await self.sent("PATCH", f"accounts/{account}", {"name": name})
        elif kind < 0.6 or not self.stakeholders:
            body = {"name": f"Person {self.chance.random()}"}
            made = await self.sent("POST", f"accounts/{account}/stakeholders", body)
            if made.status_code == 201:
                self.stakeholders.append(made.json()["id"])
        elif kind < 0.85:
            one = self.chance.choice(self.stakeholders)
            await self.sent("PATCH", f"stakeholders/{one}", {"title": f"{self.chance.random()}"})
        elif kind < 0.93:
            one = self.stakeholders.pop(self.chance.randrange(len(self.stakeholders)))
            self.deletions += (await self.sent("DELETE", f"stakeholders/{one}")).status_code == 204
        else:
            self.deletions += (await self.sent("DELETE", f"accounts/{account}")).status_code == 204
            await self.sent("POST", f"accounts/{account}/restore")

    async def sent(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send one write; raises AssertionError for an answer of 500."""
        answer = await self.client.request(method, f"/v1/{path}", json=body)
        assert answer.status_code < 500, answer.text
        return answer


async def batches(client: httpx.AsyncClient, until: float) -> int:
    """Upsert the same 1,000 accounts under ever new names; return the number of batches."""
    number = 0
    while time.monotonic() < until:
        rows = [
            {"system": "erp", "external_id": f"{row}", "account": {"name": f"Row {row} of {number}"}}
            for row in range(BATCH_ROWS)
        ]
        (await client.post("/v1/accounts/batch", json={"items": rows}, timeout=60)).raise_for_status()
        number += 1
    return number


async def every(client: httpx.AsyncClient, name: str) -> dict[str, tuple[int, bool]]:
    """The version and the deletion of every record, read as a plain list."""
    found: dict[str, tuple[int, bool]] = {}
    query: dict[str, Any] = {"include_deleted": "true", "limit": 200}
    while True:
        page = (await client.get(f"/v1/{name}", params=query)).raise_for_status().json()
        found |= {each["id"]: (each["version"], each["deleted_at"] is not None) for each in page["items"]}
        if not page["has_more"]:
            return found
        query["after"] = page["next_cursor"]


async def timestamps_back(client: httpx.AsyncClient) -> tuple[int, int]:
    """How many events there are, and how many have an earlier time than the one before of the same account."""
    last: dict[str, str] = defaultdict(str)
    events = back = 0
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get("/v1/events", params=query)).raise_for_status().json()
        for event in page["items"]:
            account = (event["data"].get("account") or {}).get("id")
            if account is not None:
                events += 1
                back += event["timestamp"] < last[account]
                last[account] = event["timestamp"]
        if not page["has_more"]:
            return events, back
        query["after"] = page["next_cursor"]


async def run(database: str, seconds: float, writers: int) -> dict[str, Any]:
    """Run two processes of a service and a sync; return the figures."""
    environment = {"KAM_RATE_LIMIT": "0", "KAM_LOG_LEVEL": "error", "KAM_ACCESS_LOG": "false"}
    with (
        a_database(database) as url,
        serve(url, environment=environment) as live,
        serve(url, key=live.key, environment=environment) as other,
    ):
        async with _client(live) as client, _client(other) as second:
            shared = []
            for number in range(20):
                made = await client.post("/v1/accounts", json={"name": f"Account {number}"})
                shared.append(made.raise_for_status().json()["id"])
            sync, until = Sync(client), time.monotonic() + seconds
            busy = [Writer((client, second)[number % 2], shared, number) for number in range(writers)]

            async def write(writer: Writer) -> None:
                while time.monotonic() < until:
                    await writer.write()

            async def poll() -> None:
                while time.monotonic() < until:
                    await sync.poll()
                    await asyncio.sleep(POLL_SECONDS)

            sent, *_ = await asyncio.gather(batches(second, until), poll(), *map(write, busy))
            await sync.poll()
            lost = records = 0
            for name in LISTS:
                kept = {key: (version, gone) for key, (version, gone, _) in sync.kept[name].items()}
                for key, state in (await every(client, name)).items():
                    records += 1
                    lost += kept.get(key) != state
            events, back = await timestamps_back(client)
    return {
        "writes": sum(writer.writes for writer in busy),
        "deletions": sum(writer.deletions for writer in busy),
        "batches": sent,
        "polls": sync.polls,
        "changes": sync.changes,
        "records": records,
        "lost": lost,
        "positions_twice": sync.twice,
        "updated_at_back": sync.times_back,
        "events": events,
        "timestamps_back": back,
    }


def _client(live: Live) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=live.url, headers=live.headers, timeout=60)


def is_well(result: dict[str, Any]) -> bool:
    """Whether nothing was lost or came twice, and no time went back."""
    wrong = ("lost", "positions_twice", "updated_at_back", "timestamps_back")
    return not any(result[name] for name in wrong) and result["deletions"] > 0 and result["batches"] > 0


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, database="postgresql", seconds=30.0, writers=8))
