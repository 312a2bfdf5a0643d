"""Queues of deliveries: in order at a constant cost for any backlog, and no delivery stays behind."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.dispatcher import Dispatcher, Pace
from service.events.feed.queue import HOLD, LET_FIRST_GO, RELEASE, STUCK, UNSTICK
from service.events.feed.sequencer import sequence
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries
from service.platform.ids import new_id
from tests.delivery.conftest import Store

_MARK = Statement(sa.update(deliveries).values(behind=True))


class Remembering:
    """A destination that keeps the order in which deliveries reached it."""

    batch_size = 1

    def __init__(self, failing: float = 0.0) -> None:
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.failing = failing
        self.dice = random.Random(11)

    @property
    def count(self) -> int:
        """How many deliveries arrived."""
        return sum(len(ids) for ids in self.sent.values())

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        await asyncio.sleep(0.001 * self.dice.random())
        if self.dice.random() < self.failing:
            return [Outcome("http", status=503)] * len(batch)
        for delivery in batch:
            self.sent[delivery.order_key].append(delivery.event_id)
        return [Outcome("ok", status=200, duration_ms=1)] * len(batch)


async def stuck(store: Store) -> list[str]:
    async with store.database.reading() as reader:
        return await reader.column(STUCK)


async def test_a_long_queue_is_sent_in_order_and_each_delivery_costs_the_same(store: Store) -> None:
    await store.endpoint()
    key = new_id()
    written = await store.write_events(*[key] * 120)
    await sequence(store.database, store.clock)
    assert [row["behind"] for row in await store.rows(deliveries)].count(False) == 1
    destination = Remembering()
    dispatcher = Dispatcher(store.database, destination, store.clock)
    costs = set()
    await dispatcher.once()  # the first call writes that the endpoint is healthy
    for _ in written[1:]:
        before = store.database.statements
        assert await dispatcher.once() == 1
        costs.add(store.database.statements - before)
    assert destination.sent[key] == written
    assert len(costs) == 1
    assert {row["state"] for row in await store.rows(deliveries)} == {"succeeded"}


async def test_a_late_delivery_stands_behind_one_that_was_there_before(store: Store) -> None:
    await store.endpoint()
    key, other = new_id(), new_id()
    for _ in range(2):
        await store.write_events(key, other, key)
        await sequence(store.database, store.clock)
    rows = sorted(await store.rows(deliveries), key=lambda row: row["event_position"])
    assert [row["behind"] for row in rows] == [False, False, True, True, True, True]


async def test_no_delivery_is_forgotten_while_queues_grow_and_shrink(store: Store) -> None:
    await store.endpoint()
    keys = [new_id() for _ in range(3)]
    destination = Remembering(failing=0.1)
    written: dict[str, list[str]] = defaultdict(list)
    dice = random.Random(5)

    async def write() -> None:
        for _ in range(40):
            chosen = [dice.choice(keys) for _ in range(dice.randint(1, 3))]
            for key, event_id in zip(chosen, await store.write_events(*chosen), strict=True):
                written[key].append(event_id)
            await asyncio.sleep(0.004 * dice.random())

    async def number() -> None:
        while True:
            await sequence(store.database, store.clock)
            await asyncio.sleep(0)

    pace = Pace(poll=0.01, lease=3600, deadline=60)  # long leases: the test moves the clock
    dispatchers = [Dispatcher(store.database, destination, store.clock, pace) for _ in range(2)]
    numbering = asyncio.create_task(number())
    async with dispatchers[0].running(), dispatchers[1].running(), asyncio.timeout(60):
        await write()
        while destination.count < sum(map(len, written.values())):
            store.clock.advance(timedelta(seconds=7))
            await asyncio.sleep(0.01)
    numbering.cancel()
    assert destination.sent == written
    assert await stuck(store) == []


async def test_held_deliveries_are_sent_in_order_behind_one_in_flight(store: Store) -> None:
    endpoint = await store.endpoint()
    key = new_id()
    written = await store.write_events(*[key] * 5)
    await sequence(store.database, store.clock)
    destination = Remembering()
    dispatcher = Dispatcher(store.database, destination, store.clock)
    calls = asyncio.create_task(dispatcher.once())
    while not dispatcher._slots.in_flight:
        await asyncio.sleep(0)
    async with store.database.transaction() as tx:  # the first call is in flight
        await tx.execute(HOLD, endpoints=[endpoint])
    assert await calls == 1
    assert await dispatcher.once() == 0
    async with store.database.transaction() as tx:
        await tx.execute(RELEASE, endpoint_id=endpoint, now=store.clock.now())
        await tx.execute(LET_FIRST_GO, endpoint_id=endpoint)
    while await dispatcher.once():
        pass
    assert destination.sent[key] == written


async def test_a_mark_without_reason_is_found(store: Store) -> None:
    await store.endpoint()
    await store.write_events(*[new_id()] * 3)
    await sequence(store.database, store.clock)
    assert await stuck(store) == []
    async with store.database.transaction() as tx:
        await tx.execute(_MARK)
    [forgotten] = await stuck(store)
    async with store.database.transaction() as tx:
        await tx.execute(UNSTICK, ids=[forgotten])
    assert await stuck(store) == []
    dispatcher = Dispatcher(store.database, Remembering(), store.clock)
    assert [await dispatcher.once() for _ in range(4)] == [1, 1, 1, 0]
