"""Endpoints that fail, on both databases: the breaker, probes, recovery, turning off, and their queues meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.dispatcher import Dispatcher, Pace
from service.delivery.settle.settlement import ASKED
from service.events.feed.sequencer import sequence
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.ids import new_id
from tests.delivery.conftest import Store

DOWN = Outcome("http", status=503, duration_ms=1)
UP = Outcome("ok", status=200, duration_ms=1)


class Scripted:
    """A destination that gives a set answer and records its calls."""

    batch_size = 1

    def __init__(self, answer: Outcome = UP) -> None:
        self.answer = answer
        self.calls: list[Delivery] = []
        self.in_flight = 0
        self.most_in_flight: list[int] = []
        self.takes = 0.0

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.calls += batch
        self.in_flight += 1
        self.most_in_flight.append(self.in_flight)
        await asyncio.sleep(self.takes)
        self.in_flight -= 1
        return [self.answer] * len(batch)


async def state_of(store: Store, endpoint: str) -> dict[str, Any]:
    return (await store.rows(webhook_endpoints, id=endpoint))[0]


async def operator_events(store: Store) -> list[str]:
    return [row["type"] for row in await store.rows(events) if not row["type"].startswith("account.")]


async def opened(store: Store, destination: Scripted, dispatcher: Dispatcher, **more: Any) -> str:
    """An endpoint whose breaker has just opened, with six deliveries that wait."""
    endpoint = await store.endpoint(**more)
    for number in range(6):
        await store.event(f"account {number}", endpoint)
    destination.answer = DOWN
    for _ in range(3):
        await dispatcher.once()
        store.advance(seconds=6)
    assert (await state_of(store, endpoint))["breaker_state"] == "open"
    return endpoint


async def test_an_open_breaker_costs_no_attempts_and_one_probe_brings_it_back_slowly(store: Store) -> None:
    destination = Scripted()
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    endpoint = await opened(store, destination, dispatcher)
    before = {row["id"]: row["attempts"] - row["probes"] for row in await store.rows(deliveries)}
    calls = len(destination.calls)
    assert await dispatcher.once() == 0
    for wait in (30, 60, 120):
        store.advance(seconds=wait)
        other = Dispatcher(store.database, destination, store.clock)
        assert sorted(await asyncio.gather(dispatcher.once(), other.once())) == [0, 1]
        assert await dispatcher.once() == 0
    assert len(destination.calls) == calls + 3
    assert {call.trigger for call in destination.calls[calls:]} == {"probe"}
    assert {row["id"]: row["attempts"] - row["probes"] for row in await store.rows(deliveries)} == before
    store.advance(minutes=15)
    destination.answer = UP
    assert await dispatcher.once() == 1
    assert (await state_of(store, endpoint))["breaker_state"] == "slow_start"
    destination.takes, destination.most_in_flight = 0.02, []
    for _ in range(6):
        await dispatcher.once()
    assert destination.most_in_flight[0] == 1
    assert max(destination.most_in_flight[:3]) <= 2
    row = await state_of(store, endpoint)
    assert (row["breaker_state"], row["failing_since"]) == ("closed", None)
    assert {row["state"] for row in await store.rows(deliveries, endpoint_id=endpoint)} == {"succeeded"}
    names = await operator_events(store)
    assert names.count("webhook_endpoint.breaker_opened") == names.count("webhook_endpoint.breaker_closed") == 1


async def test_an_hour_asked_for_is_an_hour(store: Store) -> None:
    destination = Scripted()
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    endpoint = await store.endpoint()
    for number in range(6):
        await store.event(f"account {number}", endpoint)
    destination.answer = Outcome("http", status=503, retry_after="3600")
    while await dispatcher.once():
        pass
    calls = len(destination.calls)
    for _ in range(11):
        store.advance(minutes=5)
        assert await dispatcher.once() == 0
    store.advance(minutes=5)
    assert await dispatcher.once() >= 1
    assert len(destination.calls) > calls


async def test_five_days_of_failures_turn_it_off_and_lose_nothing(store: Store) -> None:
    destination = Scripted(DOWN)
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    endpoint = await store.endpoint()
    for number in range(4):
        await store.event(f"account {number}", endpoint)
    for _ in range(50):
        await dispatcher.once()
        store.advance(hours=3)
    row = await state_of(store, endpoint)
    assert row["enabled"] is False and "five days" in row["disabled_reason"]
    assert {row["state"] for row in await store.rows(deliveries, endpoint_id=endpoint)} == {"held"}
    names = await operator_events(store)
    assert names.count("webhook_endpoint.failing") == 3 and names.count("webhook_endpoint.disabled") == 1
    bodies = [
        orjson.loads(row["body"]) for row in await store.rows(events) if row["type"] == "webhook_endpoint.failing"
    ]
    assert [body["data"]["percent"] for body in bodies] == [25, 50, 75]


async def test_a_receiver_can_end_a_message_or_the_endpoint_by_header(store: Store) -> None:
    destination = Scripted(Outcome("http", status=400, headers={"webhook-delivery": "abort-message"}))
    dispatcher = Dispatcher(store.database, destination, store.clock)
    endpoint = await store.endpoint()
    [aborted] = await store.event("acme", endpoint)
    [kept] = await store.event("acme", endpoint)
    await dispatcher.once()
    assert (await store.delivery(aborted))["state"] == "dead"
    assert (await operator_events(store)) == ["delivery.exhausted"]
    destination.answer = Outcome("http", status=400, headers={"webhook-delivery": "disable"})
    await dispatcher.once()
    assert (await store.delivery(kept))["state"] == "held"
    row = await state_of(store, endpoint)
    assert (row["enabled"], row["disabled_reason"]) == (False, ASKED)


async def test_a_line_that_blocks_waits_for_the_one_given_up(store: Store) -> None:
    destination = Scripted(Outcome("http", status=400, headers={"webhook-delivery": "abort-message"}))
    dispatcher = Dispatcher(store.database, destination, store.clock)
    endpoint = await store.endpoint(on_exhausted="block")
    [first] = await store.event("acme", endpoint)
    [second] = await store.event("acme", endpoint)
    [other] = await store.event("globex", endpoint)
    destination.answer = Outcome("http", status=400, headers={"webhook-delivery": "abort-message"})
    await dispatcher.once()
    destination.answer = UP
    while await dispatcher.once():
        pass
    states = [(await store.delivery(each))["state"] for each in (first, second, other)]
    assert states == ["blocked", "pending", "blocked"]


async def test_a_days_outage_of_a_coalescing_endpoint_ends_in_one_delivery_for_each_account(store: Store) -> None:
    destination = Scripted(DOWN)
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    endpoint, audit = await store.endpoint(coalesce=True), await store.endpoint(enabled=False)
    accounts = [new_id() for _ in range(3)]
    last: dict[str, str] = {}
    for _ in range(24):
        for _ in range(2):
            last = dict(zip(accounts, await store.write_events(*accounts), strict=True))
            await sequence(store.database, store.clock)
            await dispatcher.once()
        store.advance(hours=1)
    destination.answer, before = UP, len(destination.calls)
    for _ in range(30):
        await dispatcher.once()
        store.advance(minutes=15)
    arrived = {call.order_key: call.event_id for call in destination.calls[before:]}
    assert arrived == last
    assert len(destination.calls) - before == 3
    states = [row["state"] for row in await store.rows(deliveries, endpoint_id=endpoint)]
    assert (states.count("succeeded"), states.count("superseded")) == (3, 24 * 2 * 3 - 3)
    assert {row["state"] for row in await store.rows(deliveries, endpoint_id=audit)} == {"held"}


async def test_strict_is_one_line_and_none_is_no_line(store: Store) -> None:
    strict, free = await store.endpoint(ordering="strict"), await store.endpoint(ordering="none")
    key = new_id()
    await store.write_events(key, new_id(), key)
    await sequence(store.database, store.clock)
    lines = {(row["endpoint_id"], row["order_key"]) for row in await store.rows(deliveries)}
    assert len([line for line in lines if line[0] == strict]) == 1
    assert len([line for line in lines if line[0] == free]) == 3
    behind = [row["behind"] for row in await store.rows(deliveries, endpoint_id=free)]
    assert behind == [False] * 3


async def test_concurrency_and_rate_hold_for_two_workers_together(store: Store) -> None:
    destination = Scripted()
    destination.takes = 0.005
    endpoint = await store.endpoint(concurrency=2, rate_per_second=50)
    for number in range(40):
        await store.event(f"account {number}", endpoint)
    pace = Pace(poll=0.02)
    workers = [Dispatcher(store.database, destination, store.clock, pace) for _ in range(2)]
    begun = asyncio.get_running_loop().time()
    async with workers[0].running(), workers[1].running(), asyncio.timeout(30):
        while len(destination.calls) < 40:
            await asyncio.sleep(0.01)
    took = asyncio.get_running_loop().time() - begun
    assert max(destination.most_in_flight) <= 2
    assert took >= (40 - 6) / 50


async def test_a_clock_that_jumps_an_hour_loses_nothing(store: Store) -> None:
    destination = Scripted()
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    endpoint = await store.endpoint()
    ids = [(await store.event(f"account {number % 3}", endpoint))[0] for number in range(9)]
    for hours in (1, -1, -1, 1):
        destination.answer = DOWN if hours > 0 else UP
        await dispatcher.once()
        store.advance(hours=hours)
    destination.answer = UP
    for _ in range(40):
        await dispatcher.once()
        store.advance(minutes=3)
    assert {(await store.delivery(each))["state"] for each in ids} == {"succeeded"}
    order = {key: [c.event_id for c in destination.calls if c.order_key == key] for key in ("account 0", "account 1")}
    positions = {row["id"]: row["position"] for row in await store.rows(events)}
    for arrived in order.values():
        places = [positions[event_id] for event_id in arrived]
        assert places == sorted(places)


async def test_a_probe_that_fails_keeps_its_place_and_is_written_down(store: Store) -> None:
    destination = Scripted()
    dispatcher = Dispatcher(store.database, destination, store.clock, random=lambda: 0.5)
    await opened(store, destination, dispatcher)
    store.advance(seconds=30)
    await dispatcher.once()
    probed = destination.calls[-1]
    row = await store.delivery(probed.id)
    assert (row["state"], row["probes"]) == ("pending", 1)
    assert [attempt["trigger"] for attempt in await store.attempts(probed.id)][-1] == "probe"
