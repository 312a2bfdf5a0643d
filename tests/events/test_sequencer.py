"""The order of the feed under concurrent writers: nothing skipped, nothing twice, order per account, no gap."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.accounts import AccountUpdated
from service.events.feed import sequencer
from service.framework.database.database import Page
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import WebhookEndpointCreate
from service.operations.events import events
from service.operations.webhooks import endpoints as webhooks
from service.platform.clock import SetClock
from service.records.context import Services, system_context
from service.records.rows import lock_account
from tests.api.records import make_account

pytestmark = pytest.mark.made_up_events  # versions are counted up, nothing changes


async def emit(services: Services, account: dict[str, Any], version: int, hold: float = 0.0) -> None:
    """Tell of a change of an account, under its lock; `hold` seconds pass between the event and the commit."""
    ctx = system_context(services)
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        await lock_account(tx, account["id"])
        tx.emit(AccountUpdated.of({**account, "version": version}))
        await tx.flush()
        await asyncio.sleep(hold)


async def read(services: Services, after: str | None = None, **asked: Any) -> Page:
    return await events.list_events(system_context(services), after=after, **asked)


async def test_nothing_is_skipped_or_doubled_while_a_slow_transaction_is_open(client: Any, services: Services) -> None:
    accounts = [await make_account(client, name=f"Account {number}") for number in range(6)]
    cursor = (await read(services, limit=200)).next_cursor
    writing = True
    seen: list[Any] = []

    async def slow() -> None:
        await emit(services, accounts[0], 2, hold=0.3)
        await emit(services, accounts[0], 3)

    async def quick(account: dict[str, Any]) -> None:
        for version in range(2, 12):
            await emit(services, account, version, hold=0.001 * (version % 3))

    async def poll() -> None:
        nonlocal cursor
        while True:
            last = not writing
            page = await read(services, cursor, limit=7)
            seen.extend(orjson.loads(item) for item in page.items)
            cursor = page.next_cursor
            if last and not page.has_more:
                return
            await asyncio.sleep(0)

    readers = asyncio.create_task(poll())
    sequencers = [asyncio.create_task(_sequence_until(services, lambda: not writing)) for _ in range(2)]
    await asyncio.gather(slow(), *(quick(account) for account in accounts[1:]))
    writing = False
    await asyncio.gather(readers, *sequencers)

    assert len(seen) == len({event["id"] for event in seen}) == 2 + 5 * 10
    assert [event["position"] for event in seen] == list(range(7, 7 + len(seen)))
    versions = defaultdict(list)
    for event in seen:
        versions[event["data"]["account"]["id"]].append(event["data"]["account"]["version"])
    assert versions.pop(accounts[0]["id"]) == [2, 3]
    assert list(versions.values()) == [list(range(2, 12))] * 5
    if services.database.kind == "postgresql":  # its events were inserted first and committed late
        places = [event["position"] for event in seen if event["data"]["account"]["id"] == accounts[0]["id"]]
        assert places[0] > 7


async def _sequence_until(services: Services, done: Callable[[], bool]) -> None:
    while not done():
        await sequencer.sequence(services.database, services.clock)
        await asyncio.sleep(0)


async def test_a_run_that_finds_nothing_commits_nothing(
    client: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_account(client)
    commits: list[None] = []
    services.database.on_commit(lambda: commits.append(None))
    assert await sequencer.sequence(services.database, services.clock) == 1
    assert len(commits) == 1
    nothing_more = Statement(
        sa.select(sa.literal_column("1"))
    )  # there seems to be something when there is nothing more
    monkeypatch.setattr(sequencer, "_WAITING", nothing_more)
    assert await sequencer.sequence(services.database, services.clock) == 0
    assert len(commits) == 1


async def test_two_sequencers_number_each_event_once(client: Any, services: Services) -> None:
    await webhooks.create_webhook_endpoint(
        system_context(services), WebhookEndpointCreate(url="https://example.com/hook", event_types=["*"])
    )
    for number in range(12):
        await make_account(client, name=f"Account {number}")
    done = await asyncio.gather(*(sequencer.sequence(services.database, services.clock) for _ in range(4)))
    assert sum(done) == 12
    page = await read(services, limit=200)
    assert [orjson.loads(item)["position"] for item in page.items] == list(range(1, 13))


async def test_whoever_subscribes_gets_what_is_committed_from_then_on_whatever_the_clocks_say(
    client: Any, services: Services, clock: SetClock
) -> None:
    account = await make_account(client)
    slow = asyncio.create_task(emit(services, account, 2, hold=0.2))
    await asyncio.sleep(0.05)
    clock.advance(timedelta(seconds=5))  # the event of the slow transaction is older than the endpoint by the clock
    endpoint = await webhooks.create_webhook_endpoint(
        system_context(services), WebhookEndpointCreate(url="https://example.com/hook", event_types=["*"])
    )
    await slow
    clock.advance(timedelta(seconds=-10))
    await emit(services, account, 3)
    await sequencer.sequence(services.database, services.clock)
    listed = await client.get(f"/v1/webhook-endpoints/{endpoint.id}/deliveries")
    positions = sorted(delivery["event_position"] for delivery in listed.json()["items"])
    assert positions == ([2, 3] if services.database.kind == "postgresql" else [3])  # one writer: it had ended before
