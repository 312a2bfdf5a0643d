"""The main job on real input: a trading company's 91 customers become a classified portfolio, over HTTP alone.

    python -m tests.real_input.northwind --url http://127.0.0.1:8000 --key kam_...

Without --url it starts a service of its own on an empty database. A receiver on this machine is registered as a webhook
endpoint for the time of the run (the service must allow it: KAM_WEBHOOK_ALLOWED_NETWORKS=127.0.0.0/8), checks every
signature, and the run ends when each event it subscribed to has arrived. Run twice, the second run changes nothing and
sends nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live import serve
from tests.real_input.api import PAGE, Api, Record, Refused
from tests.real_input.matrix import draw
from tests.real_input.programme import SYSTEM, Brought, bring_in
from tests.real_input.receiver import Receiver, listening
from tests.real_input.source import DEFAULT_FOLDER, Company, DataMissing, read_company

SUBSCRIBED = ("account.quadrant_changed", "account.stage_changed")
OPEN_STATES = "pending,leased"
LOOPBACK = {"KAM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}
DELIVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """A registered receiver, and the id of its endpoint."""

    endpoint: str
    receiver: Receiver


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did and found."""

    brought: Brought
    events: list[Record]
    """The events of the feed that the run caused, in its order."""
    accounts: list[Record]
    """The company's accounts as they are at the end."""
    requests: int
    seconds: float

    def told(self) -> Counter[str]:
        """The caused events by type."""
        return Counter(event["type"] for event in self.events)


@asynccontextmanager
async def subscribed(api: Api) -> AsyncIterator[Subscription]:
    """Register a receiver of this machine for the length of a block."""
    async with listening() as receiver:
        endpoint = await api.post(
            "/webhook-endpoints",
            {"url": receiver.url, "event_types": list(SUBSCRIBED), "description": "Northwind run"},
        )
        receiver.secret = endpoint["secret"]
        try:
            yield Subscription(endpoint["id"], receiver)
        finally:
            await api.delete(f"/webhook-endpoints/{endpoint['id']}")


async def run(api: Api, subscription: Subscription, company: Company) -> Run:
    """Bring the company in, and wait until everything that it caused has been delivered."""
    begun, asked = time.monotonic(), api.requests
    cursor = await feed_end(api)
    brought = await bring_in(api, company)
    events = await delivered(api, subscription, cursor)
    accounts = [account async for account in api.listed("/accounts") if reference(account) is not None]
    return Run(brought, events, accounts, api.requests - asked, time.monotonic() - begun)


async def feed(api: Api, after: str | None = None) -> list[Record]:
    """The events after a cursor, or all."""
    return [event async for event in api.listed("/events", **({} if after is None else {"after": after}))]


async def feed_end(api: Api) -> str:
    """The cursor to go on from when everything before is to be left out."""
    page = await api.get("/events", limit=PAGE)
    while page["has_more"]:
        page = await api.get("/events", limit=PAGE, after=page["next_cursor"])
    return str(page["next_cursor"])


async def delivered(api: Api, subscription: Subscription, after: str) -> list[Record]:
    """Wait until every subscribed event after the cursor has arrived and no delivery is open; returns all events after
    the cursor. Raises TimeoutError when that takes longer than DELIVERY_SECONDS.
    """
    events = await feed(api, after)
    due = {event["id"] for event in events if event["type"] in SUBSCRIBED}
    await subscription.receiver.until(lambda: due <= subscription.receiver.delivered.keys(), DELIVERY_SECONDS)
    async with asyncio.timeout(DELIVERY_SECONDS):
        while await open_deliveries(api, subscription.endpoint):
            await asyncio.sleep(0.05)
    return events


async def open_deliveries(api: Api, endpoint: str) -> int:
    """How many deliveries to the endpoint have not ended, up to a page of them."""
    page = await api.get(f"/webhook-endpoints/{endpoint}/deliveries", state=OPEN_STATES, limit=PAGE)
    return len(page["items"])


def reference(account: Record) -> str | None:
    """The customer's id in the company's own system."""
    return next((ref["external_id"] for ref in account["refs"] if ref["system"] == SYSTEM), None)


def report(one: Run, receiver: Receiver) -> str:
    """The matrix and the figures of a run, as text."""
    upserts = ", ".join(f"{count} {result}" for result, count in sorted(one.brought.results.items()))
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(one.told().items())) or "none"
    arrived = Counter(event["type"] for event in receiver.delivered.values())
    received = ", ".join(f"{arrived[kind]} {kind}" for kind in SUBSCRIBED)
    return "\n".join(
        (
            draw(one.accounts),
            f"upserts: {upserts}",
            *(f"done: {step}" for step in one.brought.steps),
            f"events in the feed: {told}",
            f"webhooks received and verified: {received}; duplicates: {receiver.duplicates}",
            f"{one.requests} requests in {one.seconds:.1f} s",
        )
    )


async def main_run(url: str, key: str, company: Company) -> bool:
    """Run once, print the report, and tell whether the receiver had nothing to complain of."""
    async with Api(url, key) as api, subscribed(api) as subscription:
        print(report(await run(api, subscription, company), subscription.receiver))
        for complaint in subscription.receiver.complaints:
            print(f"complaint: {complaint}", file=sys.stderr)
        return not subscription.receiver.complaints


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.real_input.northwind", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--url", help="the service; without it one is started on an empty database")
    parser.add_argument("--key", default=os.environ.get("KAM_KEY"), help="an admin key (or KAM_KEY)")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="the folder of the CSV files")
    asked = parser.parse_args()
    if asked.url and not asked.key:
        parser.error("--url needs --key")
    try:
        company = read_company(asked.data)
        with ExitStack() as stack:
            url, key = asked.url, asked.key
            if url is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                live = stack.enter_context(serve(folder, environment=LOOPBACK))
                url, key = live.url, live.key
            return 0 if asyncio.run(main_run(url.rstrip("/"), key, company)) else 1
    except (DataMissing, Refused) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
