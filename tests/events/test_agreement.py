"""Feed, webhooks, replay and retention agree: a reader of the feed and a receiver of webhooks get the same events, each
account's in the same order, under concurrent writers and failing receivers.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.events.feed.retention import forget_old
from service.jobs.kinds import KINDS
from service.jobs.runner import Runner
from service.platform.clock import SetClock, instant_text
from service.records.context import Services
from tests.api.records import make_account
from tests.api.subscribing import Sender, subscribe
from tests.delivery.receivers import Behaviour, Received, answering, listening

Event = dict[str, Any]
_names: Iterator[int] = itertools.count()


def failing(random: Random, rate: float, arrived: list[Event]) -> Behaviour:
    """A receiver that fails at random, and notes what it took."""
    good, bad = answering(), answering(503)

    async def behave(writer: asyncio.StreamWriter, request: Received) -> None:
        if random.random() < rate:
            await bad(writer, request)
        else:
            arrived.append(orjson.loads(request.body))
            await good(writer, request)

    return behave


async def write(client: httpx.AsyncClient, account: Event, steps: list[int]) -> None:
    """Changes of one account; 7 deletes and restores it."""
    for number, step in enumerate(steps):
        path = f"/v1/accounts/{account['id']}"
        if step == 7:
            assert (await client.delete(path)).status_code == 204
            assert (await client.post(f"{path}/restore")).status_code == 200
        else:
            answer = await client.patch(
                path, json={"industry": f"{step}-{number}", "country": "DE" if step % 2 else "FR"}
            )
            assert answer.status_code == 200, answer.text
        await asyncio.sleep(0)


async def read(client: httpx.AsyncClient, cursor: str) -> tuple[list[Event], str]:
    """What the feed has after a cursor."""
    seen: list[Event] = []
    while True:
        page = (await client.get("/v1/events", params={"after": cursor, "types": "account.*", "limit": 7})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return seen, cursor


def by_account(told: list[Event]) -> dict[str, list[str]]:
    """Ids of events per account, in order; what came again is taken once, as receivers do."""
    lines: dict[str, list[str]] = defaultdict(list)
    for event in told:
        line = lines[event["data"]["account"]["id"]]
        if event["id"] not in line:
            line.append(event["id"])
    return dict(lines)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plans=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=8), min_size=2, max_size=5),
    rate=st.sampled_from([0.0, 0.3, 0.6]),
    seed=st.integers(0, 1000),
)
async def test_the_feed_and_the_webhooks_tell_the_same(
    client: httpx.AsyncClient, services: Services, clock: SetClock, plans: list[list[int]], rate: float, seed: int
) -> None:
    arrived: list[Event] = []
    async with listening(failing(Random(seed), rate, arrived)) as receiver:
        sender = Sender(services)
        endpoint = await subscribe(client, receiver, "account.*")
        cursor = start = await read_end(client)
        writing, seen = True, []
        began = clock.now()

        async def poll() -> None:
            nonlocal cursor
            while True:
                last = not writing
                more, cursor = await read(client, cursor)
                seen.extend(more)
                if last:
                    return
                await asyncio.sleep(0)

        async def deliver() -> None:
            while writing:
                await sender.send()
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(poll()), asyncio.create_task(deliver())]
        accounts = [await make_account(client, name=f"Account {next(_names)}") for _ in plans]
        await asyncio.gather(*(write(client, account, plan) for account, plan in zip(accounts, plans, strict=True)))
        writing = False
        await asyncio.gather(*tasks)
        await drain(client, sender, endpoint, clock)

        assert len(seen) == len({event["id"] for event in seen}) > 0
        assert by_account(arrived) == by_account(seen)

        arrived.clear()  # a replay of the same time brings the same, in the same order
        body = {"since": instant_text(began), "until": instant_text(clock.now() + timedelta(seconds=1))}
        assert (await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/replay", json=body)).status_code == 202
        await Runner(services, KINDS).run_due()
        await drain(client, sender, endpoint, clock)
        assert by_account(arrived) == by_account(seen)

        clock.advance(timedelta(days=60))  # and after some have been removed, neither has more than the other
        late = await make_account(client, name=f"Account {next(_names)}")
        clock.advance(timedelta(days=31))
        await drain(client, sender, endpoint, clock)
        await forget_old(services.database, clock.now(), 90)
        gone = await client.get("/v1/events", params={"after": start})
        assert gone.status_code == 410
        kept, _ = await read(client, gone.json()["oldest"])
        assert [event["data"]["account"]["id"] for event in kept] == [late["id"]]
        arrived.clear()
        assert (
            await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/replay", json=body | {"until": None})
        ).status_code == 202
        await Runner(services, KINDS).run_due()
        await drain(client, sender, endpoint, clock)
        assert by_account(arrived) == by_account(kept)
        assert (await client.delete(f"/v1/webhook-endpoints/{endpoint['id']}")).status_code == 204
        await sender.worker._egress.close()


async def read_end(client: httpx.AsyncClient) -> str:
    """The cursor at the end of the feed."""
    page = (await client.get("/v1/events", params={"limit": 200})).json()
    while page["has_more"]:
        page = (await client.get("/v1/events", params={"limit": 200, "after": page["next_cursor"]})).json()
    return str(page["next_cursor"])


async def drain(client: httpx.AsyncClient, sender: Sender, endpoint: Event, clock: SetClock) -> None:
    """Send until nothing waits any more, passing the time between attempts."""
    path = f"/v1/webhook-endpoints/{endpoint['id']}/deliveries?state=pending,leased,held&limit=1"
    for _ in range(200):
        await sender.send()
        if not (await client.get(path)).json()["items"]:
            return
        clock.advance(timedelta(minutes=40))
    raise AssertionError("deliveries wait and do not go out")
