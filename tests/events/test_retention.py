"""Retention: delivered events are removed, undelivered ones are kept, and a reader that missed events gets an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.events.feed import retention
from service.events.feed.retention import forget_old
from service.framework.database.statements import Statement
from service.models.events.events import events
from service.models.webhooks.endpoints import attempts, deliveries
from service.platform.clock import SetClock, instant_text
from service.platform.errors import CursorExpired
from service.platform.ids import new_id
from service.queries.events import events as queries
from service.records.context import Services
from tests.api.records import make_account
from tests.api.subscribing import Sender, subscribe
from tests.delivery.receivers import answering, listening


async def count(services: Services, table: sa.Table) -> int:
    async with services.database.reading() as reader:
        return int(await reader.value(Statement(sa.select(sa.func.count()).select_from(table))))


async def feed(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await client.get("/v1/events", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def states(services: Services) -> list[dict[str, Any]]:
    async with services.database.reading(fresh=True) as reader:
        return list(await reader.all(Statement(sa.select(deliveries.c.id, deliveries.c.event_id, deliveries.c.state))))


async def waiting_for_a_lock(services: Services) -> None:
    """Return when a connection to the database waits for another's lock."""
    waits = Statement(
        sa.text("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
    )
    async with asyncio.timeout(20):
        while True:
            async with services.database.reading(fresh=True) as reader:
                if await reader.value(waits):
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("batch", [2, 500])
async def test_old_events_go_with_all_about_them_and_a_late_reader_is_told(
    client: httpx.AsyncClient, services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(retention, "BATCH", batch)
    async with listening() as receiver:
        sender = Sender(services)
        await subscribe(client, receiver)
        for number in range(5):
            await make_account(client, name=f"Old {number}")
        assert await sender.send() == 5
        begun = (await feed(client, limit=2))["next_cursor"]
        clock.advance(timedelta(days=89))
        assert await forget_old(services.database, clock.now(), 90) == 0
        clock.advance(timedelta(days=2))
        for number in range(2):
            await make_account(client, name=f"New {number}")
        assert await sender.send() == 2
        assert await forget_old(services.database, clock.now(), 90) == 5
        assert (
            await count(services, events) == await count(services, deliveries) == await count(services, attempts) == 2
        )
        shown = await feed(client)
        assert [event["position"] for event in shown["items"]] == [6, 7]
        late = await client.get("/v1/events", params={"after": begun})
        assert late.status_code == 410 and late.json()["code"] == "cursor_expired"
        again = await feed(client, after=late.json()["oldest"])
        assert again["items"] == shown["items"]
        stream = await client.get("/v1/events/stream", params={"after": begun})
        assert stream.status_code == 410
        before = services.database.statements
        assert await forget_old(services.database, clock.now(), 90) == 0
        assert services.database.statements - before == 3  # the bound, the front of the feed, what stayed behind
        await sender.worker._egress.close()


async def test_what_is_still_to_be_delivered_stays_until_it_is(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    async with listening(answering(500)) as receiver, listening() as other:
        sender = Sender(services)
        await subscribe(client, other, "account.created")
        endpoint = await subscribe(client, receiver, "account.updated")
        account = await make_account(client)
        await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Steel"})
        await make_account(client, name="Later")
        await sender.send()
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": False})
        clock.advance(timedelta(days=400))
        await make_account(client, name="Now")
        await client.get("/v1/events")
        assert await forget_old(services.database, clock.now(), 90) == 2
        assert [event["position"] for event in (await feed(client))["items"]] == [4]  # left the feed, not the table
        receiver.behave = answering()
        await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": True})
        clock.advance(timedelta(minutes=10))
        await sender.send()
        assert receiver.requests[-1].headers["webhook-id"] == receiver.requests[0].headers["webhook-id"]
        assert await forget_old(services.database, clock.now(), 90) == 1
        await sender.worker._egress.close()


async def test_a_delivery_that_is_sent_again_meanwhile_keeps_its_event(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """Only on PostgreSQL can somebody write while a batch chooses."""
    if services.database.kind == "sqlite":
        pytest.skip("one writer at a time")
    async with listening() as receiver:
        sender = Sender(services)
        await subscribe(client, receiver)
        for number in range(4):
            await make_account(client, name=f"Old {number}")
        assert await sender.send() == 4
        await sender.worker._egress.close()
    clock.advance(timedelta(days=400))
    await make_account(client, name="New")
    await feed(client)
    by_event = {row["event_id"]: row for row in await states(services)}
    first, second = (await feed(client))["items"][:2]
    columns = {each.name: each for each in deliveries.c if each.name not in ("id", "replay_no", "state")}
    again = Statement(
        sa.insert(deliveries).from_select(
            ["id", "replay_no", "state", *columns],
            sa.select(
                sa.bindparam("new_id", type_=deliveries.c.id.type),
                sa.literal_column("9"),
                sa.literal_column("'pending'"),
                *columns.values(),
            ).where(deliveries.c.id == sa.bindparam("id", type_=deliveries.c.id.type)),
        )
    )
    lock = Statement(
        sa.update(deliveries)
        .values(state="pending")
        .where(deliveries.c.id == sa.bindparam("id", type_=deliveries.c.id.type))
    )
    async with services.database.transaction() as writer:
        await writer.execute(lock, id=by_event[first["id"]]["id"])  # by hand
        await writer.execute(again, id=by_event[second["id"]]["id"], new_id=new_id())  # by a replay
        forgetting = asyncio.create_task(forget_old(services.database, clock.now(), 90))
        await waiting_for_a_lock(services)
    assert await asyncio.wait_for(forgetting, 20) == 2
    assert await count(services, events) == 3
    assert [row["state"] for row in await states(services)].count("pending") == 3  # the new event's too


@pytest.mark.parametrize("types", [None, ["account.stage_changed"]])
async def test_a_reader_at_the_edge_is_told_when_events_go_between_its_two_statements(
    client: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    types: list[str] | None,
) -> None:
    for number in range(3):
        await make_account(client, name=f"Old {number}")
    begun = (await feed(client, limit=1))["next_cursor"]
    clock.advance(timedelta(days=400))
    await make_account(client, name="New")
    await feed(client)
    if services.database.kind == "sqlite":
        pytest.skip("a reader sees one state of the database")
    bounds = queries.bounds

    async def then_some_go(reader: Any) -> Any:
        kept = await bounds(reader)
        monkeypatch.setattr(queries, "bounds", bounds)
        await forget_old(services.database, clock.now(), 90)
        return kept

    monkeypatch.setattr(queries, "bounds", then_some_go)
    async with services.database.reading(fresh=True) as reader:
        with pytest.raises(CursorExpired):
            await queries.feed(reader, services.cursors, after=begun, types=types)


async def test_the_last_event_stays_and_positions_go_on(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await make_account(client)
    await make_account(client, name="Other")
    await feed(client)
    clock.advance(timedelta(days=400))
    assert await forget_old(services.database, clock.now(), 1) == 1
    await make_account(client, name="Third")
    assert [event["position"] for event in (await feed(client))["items"]] == [2, 3]


async def test_a_consumer_that_slept_too_long_is_told_and_can_go_on(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    made = await client.post("/v1/event-consumers", json={"name": "slow", "begin": "oldest"})
    if made.status_code == 422:
        made = await client.post("/v1/event-consumers", json={"name": "slow"})
    assert made.status_code == 201, made.text
    await make_account(client)
    await make_account(client, name="Other")
    await feed(client)
    clock.advance(timedelta(days=400))
    await make_account(client, name="Third")
    await feed(client)
    assert await forget_old(services.database, clock.now(), 90) == 2
    path = f"/v1/event-consumers/{made.json()['id']}"
    late = await client.post(f"{path}/poll", json={})
    assert late.status_code == 410, late.text
    moved = await client.post(f"{path}/seek", json={"cursor": late.json()["oldest"]})
    assert moved.status_code == 200, moved.text
    items = (await client.post(f"{path}/poll", json={})).json()["items"]
    assert [event["position"] for event in items] == [3]


async def test_the_feed_by_time(client: httpx.AsyncClient, clock: SetClock, make_client: Callable[..., Any]) -> None:
    times = []
    for number in range(6):
        clock.advance(timedelta(hours=3))
        times.append(instant_text(clock.now()))
        await make_account(client, name=f"Account {number}")
    for asked, expected in (
        ({"since": times[4]}, [5, 6]), ({"until": times[2]}, [1, 2]), ({"since": times[1], "until": times[3]}, [2, 3]),
        ({"since": times[5], "until": times[5]}, []), ({"since": times[1], "types": "person.*"}, []),
    ):  # fmt: skip
        assert [event["position"] for event in (await feed(client, **asked))["items"]] == expected, asked
    page = await feed(client, since=times[1], until=times[5], limit=2)
    seen = [event["position"] for event in page["items"]]
    while page["has_more"]:
        page = await feed(client, since=times[1], until=times[5], limit=2, after=page["next_cursor"])
        seen += [event["position"] for event in page["items"]]
    assert seen == [2, 3, 4, 5]
    query = "query($s: String, $u: String) { events(since: $s, until: $u) { nodes { position } } }"
    variables = {"s": times[1], "u": times[3]}
    data = (await client.post("/graphql", json={"query": query, "variables": variables})).json()["data"]
    assert [node["position"] for node in data["events"]["nodes"]] == [2, 3]
    assert (await client.get("/v1/events?since=yesterday")).status_code == 422
