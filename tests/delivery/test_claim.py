"""Claims and settlements on both databases: fencing, order per key, limits, lapsed leases, endpoints turned off."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from service.delivery.claim import claim as claiming
from service.delivery.claim.claim import LEASE, Lease, Wanted, any_lapsed, claim, reclaim, return_unsent
from service.delivery.claim.ownership import disown, due_endpoints, own, renew
from service.delivery.destinations.base import Outcome
from service.delivery.settle.settlement import GONE, decide, settle
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.ids import new_id
from tests.delivery.conftest import NOW, Store

ME = new_id()
OK = Outcome("ok", status=200, duration_ms=12, headers={"x": 'a"b', "ü": "\u2028"}, body="thanks ✓")
DOWN = Outcome("http", status=503, duration_ms=3)


async def take(
    store: Store, most: int = 4, full: Sequence[str] = (), me: str = ME, lanes: Sequence[str] = ("first", "retry")
) -> list[Lease]:
    now = store.clock.now()
    async with store.database.transaction() as tx:
        rows = await due_endpoints(tx, me, now, full=full)
        got = await own(tx, me, [row["id"] for row in rows], now, now + LEASE)
        wanted = [Wanted(row, lane, most) for row in rows if row["id"] in got for lane in lanes]
        return await claim(tx, store.database.kind, me, wanted, now)


async def finish(store: Store, leases: list[Lease], outcome: Outcome = OK) -> int:
    now = store.clock.now()
    async with store.database.transaction() as tx:
        settlements = [decide(lease, outcome, now, lambda: 0.5) for lease in leases]
        return (await settle(tx, store.database.kind, settlements, now)).touched


async def due(store: Store, full: Sequence[str] = (), me: str = ME) -> bool:
    now = store.clock.now()
    async with store.database.reading() as reader:
        return bool(await due_endpoints(reader, me, now, full=full)) or await any_lapsed(reader, now)


async def test_a_claim_carries_everything_to_send_and_opens_the_attempt_first(store: Store) -> None:
    endpoint = await store.endpoint()
    [delivery] = await store.event("acme", endpoint, body='{"exact":  "bytes, Bäckerei"}')
    [lease] = await take(store)
    sent = lease.delivery
    assert (sent.id, sent.endpoint_id, sent.order_key, sent.number) == (delivery, endpoint, "acme", 1)
    assert sent.body == '{"exact":  "bytes, Bäckerei"}'.encode()
    assert (sent.url, sent.event_type, sent.created_at) == ("https://receiver.example/hook", "account.updated", NOW)
    row = await store.delivery(delivery)
    assert (row["state"], row["attempts"], row["lease_token"]) == ("leased", 1, lease.token)
    assert row["lease_until"] == NOW + timedelta(seconds=40)
    [attempt] = await store.attempts(delivery)
    assert (attempt["outcome"], attempt["n"], attempt["trigger"]) == ("open", 1, "scheduled")
    assert (attempt["id"], attempt["started_at"], attempt["finished_at"]) == (sent.attempt_id, NOW, None)
    assert await take(store) == []


async def test_a_settlement_writes_delivery_and_attempt(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    leases = await take(store)
    store.advance(seconds=1)
    assert await finish(store, leases) == 1
    row = await store.delivery(delivery)
    assert (row["state"], row["finished_at"], row["lease_token"]) == ("succeeded", NOW + timedelta(seconds=1), None)
    [attempt] = await store.attempts(delivery)
    assert (attempt["outcome"], attempt["status"], attempt["duration_ms"]) == ("ok", 200, 12)
    assert (attempt["response_headers"], attempt["response_body"]) == (OK.headers, OK.body)
    assert attempt["finished_at"] == NOW + timedelta(seconds=1)


async def test_a_failure_waits_for_its_time_in_the_schedule_and_is_dead_at_the_end(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    for number, wait in enumerate([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400], 1):
        [lease] = await take(store)
        assert lease.delivery.number == number
        await finish(store, [lease], DOWN)
        row = await store.delivery(delivery)
        assert (row["state"], row["lane"], row["last_error_class"]) == ("pending", "retry", "http")
        assert row["next_at"] == store.clock.now() + timedelta(seconds=wait)
        store.advance(seconds=wait - 1)
        assert await take(store) == []
        store.advance(seconds=1)
    await finish(store, await take(store), DOWN)
    row = await store.delivery(delivery)
    assert (row["state"], row["attempts"], row["finished_at"]) == ("dead", 10, store.clock.now())
    assert [attempt["outcome"] for attempt in await store.attempts(delivery)] == ["http"] * 10


async def test_retry_after_is_obeyed(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    await finish(store, await take(store), Outcome("http", status=503, retry_after="3600"))
    assert (await store.delivery(delivery))["next_at"] == NOW + timedelta(hours=1)


async def test_of_one_key_only_the_oldest_open_delivery_is_claimed(store: Store) -> None:
    one, other = await store.endpoint(), await store.endpoint()
    first = await store.event("acme", one, other)
    second = await store.event("acme", one, other)
    third = await store.event("globex", one)
    held = await take(store)
    assert {lease.delivery.id for lease in held} == {*first, *third}
    assert await take(store) == []
    await finish(store, [lease for lease in held if lease.delivery.id == first[0]], DOWN)
    assert await take(store) == []  # a failed delivery is still open: the newer one waits for it
    store.advance(seconds=5)
    [again] = await take(store)
    assert (again.delivery.id, again.delivery.number) == (first[0], 2)
    await finish(store, [again])
    assert [lease.delivery.id for lease in await take(store)] == [second[0]]


async def test_a_dead_or_held_delivery_does_not_block_its_key(store: Store) -> None:
    endpoint = await store.endpoint()
    for state in ("dead", "held", "canceled", "superseded", "succeeded"):
        await store.event("acme", endpoint, state=state)
    [open_one] = await store.event("acme", endpoint)
    assert [lease.delivery.id for lease in await take(store)] == [open_one]


async def test_disabled_and_deleted_endpoints_are_left_alone(store: Store) -> None:
    await store.event("acme", await store.endpoint(enabled=False), await store.endpoint(deleted_at=NOW))
    assert await take(store) == []
    assert not await due(store)


async def test_limits_per_endpoint_and_full_ones(store: Store) -> None:
    one, other, full = [await store.endpoint() for _ in range(3)]
    for number in range(12):
        await store.event(f"account {number}", one, other, full)
    now = store.clock.now()
    taken: dict[str, int] = defaultdict(int)
    async with store.database.transaction() as tx:
        rows = {row["id"]: row for row in await due_endpoints(tx, ME, now, full=[full])}
        assert set(rows) == {one, other}
        await own(tx, ME, [one, other], now, now + LEASE)
        wanted = [Wanted(rows[one], "first", 8), Wanted(rows[other], "first", 3), Wanted(rows[other], "retry", 4)]
        for lease in await claim(tx, store.database.kind, ME, wanted, now):
            taken[lease.delivery.endpoint_id] += 1
    assert taken == {one: 8, other: 2}  # a limit is rounded down to a power of two
    assert await due(store)
    assert not await due(store, full=[one, other, full])


async def test_an_endpoint_is_served_by_one_worker_until_that_is_over(store: Store) -> None:
    endpoint = await store.endpoint()
    for number in range(3):
        await store.event(f"account {number}", endpoint)
    assert len(await take(store, most=1)) == 1
    other = new_id()
    assert not await due(store, me=other)
    assert await take(store, me=other) == []
    store.advance(seconds=14)
    async with store.database.transaction() as tx:
        assert await renew(tx, ME, [endpoint], store.clock.now()) == {endpoint}
        assert await renew(tx, other, [endpoint], store.clock.now()) == set()
    store.advance(seconds=14)
    assert await take(store, me=other) == []
    store.advance(seconds=1)
    assert len(await take(store, most=1, me=other)) == 1
    assert await take(store, most=1) == []
    async with store.database.transaction() as tx:
        await disown(tx, other)
    assert len(await take(store, most=1)) == 1


async def test_a_lease_or_ownership_from_a_clock_that_was_set_back_does_not_last(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    store.advance(hours=1)
    stale = await take(store)
    store.advance(hours=-1)
    assert await due(store)
    async with store.database.transaction() as tx:
        assert await reclaim(tx, store.database.kind, store.clock.now()) == 1
    [fresh] = await take(store, me=new_id())
    assert fresh.delivery.id == delivery
    assert await finish(store, stale) == 0
    assert await finish(store, [fresh]) == 1


async def test_two_workers_never_hold_the_same_delivery(store: Store) -> None:
    endpoints = [await store.endpoint() for _ in range(3)]
    for number in range(20):
        await store.event(f"account {number}", *endpoints)
    claims = await asyncio.gather(*(take(store, most=8, me=new_id()) for _ in range(6)))
    ids = [lease.delivery.id for leases in claims for lease in leases]
    assert len(ids) == len(set(ids)) == 24
    owners = [{lease.delivery.endpoint_id for lease in leases} for leases in claims]
    assert sum(map(len, owners)) == 3


async def test_a_lapsed_lease_is_taken_over_and_the_late_result_touches_nothing(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    stale = await take(store)
    store.advance(seconds=39)
    assert not await due(store)
    store.advance(seconds=1)
    assert await due(store)
    async with store.database.transaction() as tx:
        assert await reclaim(tx, store.database.kind, store.clock.now()) == 1
    [first] = await store.attempts(delivery)
    assert (first["outcome"], first["finished_at"]) == ("unknown", store.clock.now())
    fresh = await take(store)
    assert fresh[0].delivery.number == 2
    assert await finish(store, stale) == 0
    row = await store.delivery(delivery)
    assert (row["state"], row["lease_token"]) == ("leased", fresh[0].token)
    assert await finish(store, fresh, DOWN) == 1
    assert await finish(store, stale) == 0
    assert (await store.delivery(delivery))["state"] == "pending"
    assert [attempt["outcome"] for attempt in await store.attempts(delivery)] == ["unknown", "http"]


async def test_a_lapsed_lease_of_a_coalesced_delivery_is_superseded_by_a_newer_one(store: Store) -> None:
    endpoint = await store.endpoint(coalesce=True)
    [old] = await store.event("acme", endpoint, family="account/acme")
    await take(store)
    [new] = await store.event("acme", endpoint, family="account/acme", behind=True)
    store.advance(seconds=40)
    async with store.database.transaction() as tx:
        assert await reclaim(tx, store.database.kind, store.clock.now()) == 1
    row = await store.delivery(old)
    assert (row["state"], row["finished_at"], row["lease_token"]) == ("superseded", store.clock.now(), None)
    assert [attempt["outcome"] for attempt in await store.attempts(old)] == ["unknown"]
    assert [lease.delivery.id for lease in await take(store)] == [new]


async def test_a_delivery_given_back_is_as_if_never_claimed(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    before = await store.delivery(delivery)
    leases = await take(store)
    async with store.database.transaction() as tx:
        assert await return_unsent(tx, leases) == 1
        assert await return_unsent(tx, leases) == 0
    assert await store.delivery(delivery) == before
    assert await store.attempts(delivery) == []


async def test_a_delivery_taken_over_is_not_given_back(store: Store) -> None:
    [delivery] = await store.event("acme", await store.endpoint())
    stale = await take(store)
    store.advance(seconds=40)
    async with store.database.transaction() as tx:
        await reclaim(tx, store.database.kind, store.clock.now())
    [fresh] = await take(store)
    async with store.database.transaction() as tx:
        assert await return_unsent(tx, stale) == 0
    assert (await store.delivery(delivery))["lease_token"] == fresh.token


async def test_410_turns_the_endpoint_off_and_holds_its_deliveries(store: Store) -> None:
    gone, other = await store.endpoint(), await store.endpoint()
    first = await store.event("acme", gone, other)
    second = await store.event("acme", gone, other)
    leases = [lease for lease in await take(store) if lease.delivery.endpoint_id == gone]
    await finish(store, leases, Outcome("http", status=410))
    [row] = await store.rows(webhook_endpoints, id=gone)
    assert (row["enabled"], row["disabled_reason"], row["version"]) == (False, GONE, 2)
    assert {row["state"] for row in await store.rows(deliveries, endpoint_id=gone)} == {"held"}
    assert [(await store.delivery(delivery))["state"] for delivery in (first[1], second[1])] == ["leased", "pending"]


async def test_the_trigger_tells_a_test_and_a_replay_from_the_schedule(store: Store) -> None:
    endpoint = await store.endpoint()
    for more in ({"type": "webhook.test"}, {"replay_no": 1}, {}):
        await store.event(f"key {more}", endpoint, **more)
    assert [lease.delivery.trigger for lease in await take(store)] == ["test", "manual", "scheduled"]


async def test_order_per_key_holds_under_random_failures_with_four_workers(store: Store) -> None:
    dice = random.Random(7)
    endpoints = [await store.endpoint() for _ in range(2)]
    for number in range(30):
        await store.event(f"account {number % 5}", *endpoints)
    arrived: dict[tuple[str, str], list[str]] = defaultdict(list)

    async def work(patience: int) -> None:
        for _ in range(patience):
            leases = await take(store, most=2)
            await asyncio.sleep(0)
            for lease in leases:
                fate = dice.random()
                if fate < 0.1:
                    continue  # the worker dies without settling
                kept = await finish(store, [lease], DOWN if fate < 0.4 else OK)
                if kept and fate >= 0.4:
                    arrived[lease.delivery.endpoint_id, lease.delivery.order_key].append(lease.delivery.id)
            store.advance(seconds=5)
            async with store.database.transaction() as tx:
                await reclaim(tx, store.database.kind, store.clock.now())

    await asyncio.gather(*(work(40) for _ in range(4)))
    assert {row["state"] for row in await store.rows(deliveries)} > {"succeeded"}  # the next deliveries follow
    dice.random = lambda: 0.9  # type: ignore[method-assign]
    for _ in range(40):
        store.advance(hours=3)
        await work(2)
    positions = {row["id"]: row["event_position"] for row in await store.rows(deliveries)}
    for ids in arrived.values():
        assert [positions[i] for i in ids] == sorted(positions[i] for i in ids)
    assert {row["state"] for row in await store.rows(deliveries)} == {"succeeded"}
    assert sum(len(ids) for ids in arrived.values()) == len(positions) == 60


async def test_a_batch_costs_a_constant_number_of_statements(store: Store) -> None:
    endpoint = await store.endpoint()
    await store.event("first of all", endpoint)
    await finish(store, await take(store))
    for number in range(20):
        await store.event(f"account {number}", endpoint)
    database = store.database
    before = database.statements
    leases = await take(store, most=32, lanes=["first"])
    assert len(leases) == 20
    assert database.statements - before == 6  # begin, due endpoints, own, lease, read, open attempts
    before = database.statements
    assert await finish(store, leases[:10]) == 10
    assert database.statements - before == 5  # begin, health, deliveries, attempts, next in line
    before = database.statements
    assert await finish(store, leases[10:], DOWN) == 10
    locked = store.database.kind == "postgresql"  # health is read again, locked; breaker: the endpoint and its event
    assert database.statements - before == 7 + locked


def test_the_lease_is_twice_the_longest_call() -> None:
    assert timedelta(seconds=40) == claiming.LEASE
