"""Killed with SIGKILL again and again during the main job, the service loses no event and emits none twice.

The client continues with its Idempotency-Keys, and the service starts again on the same database. In the end the
portfolio, the feed and the deliveries equal those of an undisturbed run. A delivery that was being sent when the
process died is sent again under the same id.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest

from tests.live import serve
from tests.real_input.api import Api, Record
from tests.real_input.northwind import LOOPBACK, SUBSCRIBED, Run, feed, reference, run, subscribed
from tests.real_input.receiver import Envelope
from tests.real_input.source import Company, DataMissing, read_company
from tests.real_input.victim import Victim, killable

SHORT_LEASE = {"KAM_WEBHOOK_TIMEOUT_SECONDS": "1"}
"""What a dead process had leased is free again after twice this."""

SENT = (130, 260)
"""Kill shortly after the nth request was sent: while accounts, contacts and scores are written."""
POSTED = ("/activate", "/stage-transitions", "/actions")
"""Kill shortly after the first POST to such a path was sent: its effect must come about once, by its Idempotency-Key."""
HELD = (1, 30)
"""Kill while the receiver has the nth delivery and has not answered."""
ANSWERED = (15, 45)
"""Kill right after the nth delivery was answered: before or while the result is written."""
FEWEST_DEATHS = 7
"""Of the nine moments above; one that falls into the death before it is lost."""
PATIENCE = 300.0
"""Seconds; a request may meet several deaths, and a start takes long on a busy machine."""

COMPARED = (
    "name", "country", "currency", "revenue", "tags", "attributes", "quadrant", "attractiveness", "business_strength",
    "relative_strength", "fiocca", "classification_status", "stage", "version",
)  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Company:
    """The company's files; without them there is nothing to test."""
    try:
        return read_company()
    except DataMissing as missing:
        pytest.skip(str(missing))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: the compared members of every account with its owner's name, and the events by type."""

    accounts: dict[str | None, Record]
    told: Counter[str]


@pytest.fixture(scope="module")
def undisturbed(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Ending:
    """The ending of a run without kills."""

    async def alone(url: str, key: str) -> Ending:
        async with Api(url, key) as api, subscribed(api) as subscription:
            return await ending(api, await run(api, subscription, company))

    with serve(tmp_path_factory.mktemp("undisturbed"), environment=LOOPBACK) as live:
        return asyncio.run(alone(live.url, live.key))


@pytest.mark.slow
async def test_killed_at_any_moment_it_loses_no_event(database_url: str, company: Company, undisturbed: Ending) -> None:
    async with killable(database_url, LOOPBACK | SHORT_LEASE) as victim, Api(victim.url, victim.key, PATIENCE) as api:
        async with subscribed(api) as subscription, following(victim) as seen:
            receiver = subscription.receiver
            killer = Killer(victim)
            api.client.event_hooks["request"].append(killer.request_is_sent)
            receiver.before_answer = killer.delivery_is_here
            one = await run(api, subscription, company)
            await victim.settled()
            whole = await feed(api)

            print(*victim.deaths, f"{api.repeats} repeats, {receiver.duplicates} duplicates", sep="\n")
            assert len(victim.deaths) >= FEWEST_DEATHS
            assert not killer.held
            assert receiver.complaints == []
            due = [event for event in whole if event["type"] in SUBSCRIBED]
            assert receiver.delivered.keys() == {event["id"] for event in due}
            assert receiver.duplicates >= len(HELD)  # so it did die in the middle of deliveries
            assert by_account(receiver.delivered.values()) == by_account(due)
            await caught_up(seen, whole)
            async for delivery in api.listed(f"/webhook-endpoints/{subscription.endpoint}/deliveries"):
                assert delivery["state"] == "succeeded"
                assert delivery["attempts"] >= receiver.calls[delivery["event_id"]]  # each was written before the call

        assert [event["id"] for event in seen] == [event["id"] for event in whole]
        ended = await ending(api, one)
        assert ended.accounts == undisturbed.accounts
        about_deliveries = {name for name in ended.told if name.startswith(("delivery.", "webhook_endpoint."))}
        told = {name: count for name, count in ended.told.items() if name not in about_deliveries}
        assert told == undisturbed.told  # kills cost attempts, which is told of deliveries that arrived after all


class Killer:
    """Kills at the moments listed above, each once."""

    def __init__(self, victim: Victim) -> None:
        self.victim = victim
        self.random = random.Random(seed := secrets.randbits(32))
        print(f"seed of the moments: {seed}")
        self.sent, self.held, self.answered = list(SENT), list(HELD), list(ANSWERED)
        self.posted = list(POSTED)
        self.requests = 0
        self.deliveries = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def request_is_sent(self, request: httpx.Request) -> None:
        """Called with every request just before it goes out."""
        self.requests += self.victim.up
        expected = next((path for path in self.posted if request.url.path.endswith(path)), None)
        if expected is not None and request.method == "POST" and self._ready():
            self.posted.remove(expected)
            self._soon(self.random.uniform(0, 0.03), f"POST {request.url.path}")
        elif self._due(self.sent, self.requests):
            self._soon(self.random.uniform(0, 0.02), f"request {self.requests}: {request.method} {request.url.path}")

    async def delivery_is_here(self, event: Envelope) -> None:
        """Called with every delivery before it is answered."""
        self.deliveries += 1
        if self._due(self.held, self.deliveries):
            await self.victim.kill(f"delivery {self.deliveries} held: {event['type']}")
        elif self._due(self.answered, self.deliveries):
            self._soon(self.random.uniform(0, 0.01), f"delivery {self.deliveries} answered: {event['type']}")

    def _due(self, moments: list[int], count: int) -> bool:
        if not (self._ready() and moments and count >= moments[0]):
            return False
        moments.pop(0)
        return True

    def _ready(self) -> bool:
        """Whether it runs and no kill is on its way."""
        return self.victim.up and not self.tasks

    def _soon(self, seconds: float, why: str) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await self.victim.kill(why)

        task = asyncio.create_task(later())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@asynccontextmanager
async def following(victim: Victim) -> AsyncIterator[list[Record]]:
    """A consumer that reads the feed from its beginning while all this happens, always after its last cursor."""
    seen: list[Record] = []

    async def follow() -> None:
        async with Api(victim.url, victim.key, PATIENCE) as api:
            while True:
                seen.extend(await feed(api, seen[-1]["cursor"] if seen else None))
                await asyncio.sleep(0.1)

    task = asyncio.create_task(follow())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def caught_up(seen: list[Record], whole: list[Record]) -> None:
    """Wait until the follower has as many events as there are."""
    async with asyncio.timeout(30):
        while len(seen) < len(whole):
            await asyncio.sleep(0.05)


def by_account(events: Iterable[Record]) -> dict[str, list[str]]:
    """The ids of the events of each account, in their order."""
    ordered: defaultdict[str, list[str]] = defaultdict(list)
    for event in events:
        ordered[event["data"]["account"]["id"]].append(event["id"])
    return ordered


async def ending(api: Api, one: Run) -> Ending:
    """What can be compared between two runs: neither ids nor times."""
    owners = {person["id"]: person["name"] async for person in api.listed("/people")}
    accounts = {
        reference(account): {name: account[name] for name in COMPARED} | {"owner": owners.get(account["owner_id"])}
        for account in one.accounts
    }
    return Ending(accounts, one.told())
