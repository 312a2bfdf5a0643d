"""The dispatcher on both databases: from a pending row to a receiver on the loopback interface and the log of attempts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks

from service.delivery.destinations.base import Delivery, Destination, Outcome
from service.delivery.destinations.webhook import USER_AGENT, WebhookDestination
from service.delivery.dispatcher import Dispatcher, Pace
from service.framework.outbound.addresses import AddressPolicy
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.clock import Clock
from tests.delivery.conftest import NOW, SEALING, Store
from tests.delivery.outgoing import LOOPBACK, going_out, http_client
from tests.delivery.receivers import Received, answering, listening


@asynccontextmanager
async def dispatching(
    store: Store,
    pace: Pace | None = None,
    *,
    policy: AddressPolicy = LOOPBACK,
    deadline: float = 5,
    destination: Destination | None = None,
    observe: Callable[[Delivery, Outcome, str], None] | None = None,
) -> AsyncIterator[Dispatcher]:
    async with going_out(policy, deadline=deadline) as egress, http_client(policy) as http:
        destination = destination or WebhookDestination(egress, http, SEALING.open, Clock().now)
        yield Dispatcher(
            store.database, destination, store.clock, pace or Pace(poll=0.05), observe=observe, random=lambda: 0.5
        )


async def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.005)


async def states(store: Store) -> list[str]:
    return [row["state"] for row in await store.rows(deliveries)]


async def settled(store: Store, count: int, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while (await states(store)).count("succeeded") < count:
        assert time.monotonic() < end, await states(store)
        await asyncio.sleep(0.01)


async def hanging(writer: asyncio.StreamWriter, _: Received) -> None:
    await asyncio.sleep(60)


async def test_an_event_arrives_signed_and_byte_for_byte_and_is_recorded(store: Store) -> None:
    body = '{"type":"account.updated",  "data": {"name": "Bäckerei", "n": 1.50}}'
    async with listening(answering(204, b"")) as receiver, dispatching(store) as dispatcher:
        [delivery] = await store.event("acme", await store.endpoint(receiver.url()), body=body)
        assert await dispatcher.once() == 1
        [request] = receiver.requests
        assert request.body == body.encode()
        assert standardwebhooks.Webhook(store.secret).verify(request.body, request.headers)["type"] == "account.updated"
        [event] = await store.rows(events)
        assert request.headers["webhook-id"] == event["id"]
        assert request.headers["content-type"] == "application/json"
        assert request.headers["user-agent"] == USER_AGENT
        assert (await store.delivery(delivery))["state"] == "succeeded"
        [attempt] = await store.attempts(delivery)
        assert (attempt["outcome"], attempt["status"], attempt["response_body"]) == ("ok", 204, "")
        assert await dispatcher.once() == 0


async def test_a_retry_has_the_same_id_and_a_fresh_signature(store: Store) -> None:
    async with listening(answering(500, b"\0\xffoops")) as receiver, dispatching(store) as dispatcher:
        [delivery] = await store.event("acme", await store.endpoint(receiver.url()))
        await dispatcher.once()
        row = await store.delivery(delivery)
        assert (row["state"], row["next_at"]) == ("pending", NOW + timedelta(seconds=5))
        assert await dispatcher.once() == 0
        receiver.behave = answering()
        store.advance(seconds=5)
        assert await dispatcher.once() == 1
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        standardwebhooks.Webhook(store.secret).verify(second.body, second.headers)
        attempts = await store.attempts(delivery)
        assert [(attempt["n"], attempt["outcome"], attempt["status"]) for attempt in attempts] == [
            (1, "http", 500),
            (2, "ok", 200),
        ]
        assert attempts[0]["response_body"] == "\ufffdoops"


async def test_a_redirect_is_a_failure_and_an_inner_address_is_never_called(store: Store) -> None:
    async with listening() as target, listening() as receiver, dispatching(store) as dispatcher:
        receiver.behave = answering(302, location=target.url())
        [redirected] = await store.event("acme", await store.endpoint(receiver.url()))
        [inside] = await store.event("acme", await store.endpoint("https://169.254.169.254/latest/meta-data/"))
        await dispatcher.once()
        assert [attempt["status"] for attempt in await store.attempts(redirected)] == [302]
        assert [attempt["outcome"] for attempt in await store.attempts(inside)] == ["blocked"]
        assert target.connections == 0
        assert [(await store.delivery(each))["state"] for each in (redirected, inside)] == ["pending", "pending"]
    async with listening() as receiver, dispatching(store, policy=AddressPolicy()) as dispatcher:
        [delivery] = await store.event("acme", await store.endpoint(receiver.url(scheme="https")))
        await dispatcher.once()
        assert receiver.connections == 0
        assert (await store.delivery(delivery))["last_error_class"] == "blocked"


async def test_410_ends_the_endpoint(store: Store) -> None:
    async with listening(answering(410)) as receiver, dispatching(store) as dispatcher:
        endpoint = await store.endpoint(receiver.url())
        for _ in range(3):
            await store.event("acme", endpoint)
        await dispatcher.once()
        store.advance(days=1)
        assert await dispatcher.once() == 0
        assert len(receiver.requests) == 1
        assert await states(store) == ["held"] * 3
        assert (await store.rows(webhook_endpoints))[0]["enabled"] is False


async def test_a_wake_up_sends_at_once_and_the_poll_finds_what_nobody_announced(store: Store) -> None:
    async with listening() as receiver, dispatching(store, Pace(poll=30)) as dispatcher, dispatcher.running():
        endpoint = await store.endpoint(receiver.url())
        await asyncio.sleep(0.05)
        await store.event("acme", endpoint)
        dispatcher.wake()
        await until(lambda: receiver.requests, 2)
        await settled(store, 1)
        assert len(receiver.requests) == 1
    async with listening() as receiver, dispatching(store, Pace(poll=0.02)) as dispatcher, dispatcher.running():
        await store.event("acme", await store.endpoint(receiver.url()))
        await until(lambda: receiver.requests, 2)
        assert len(receiver.requests) == 1


async def test_an_idle_dispatcher_commits_nothing(store: Store) -> None:
    commits: list[None] = []
    async with listening() as receiver, dispatching(store, Pace(poll=0.01)) as dispatcher:
        await store.event("acme", await store.endpoint(receiver.url()))
        await store.event("acme", await store.endpoint(receiver.url(), enabled=False))
        async with dispatcher.running():
            await settled(store, 1)
            store.database.on_commit(lambda: commits.append(None))
            store.database.on_commit(dispatcher.wake)
            await asyncio.sleep(0.1)
            assert commits == []


async def test_calls_to_one_endpoint_and_in_all_are_bounded(store: Store) -> None:
    async def slow(writer: asyncio.StreamWriter, request: Received) -> None:
        await asyncio.sleep(0.02)
        await answering()(writer, request)

    pace = Pace(concurrency=6, poll=0.02)
    async with listening(slow) as one, listening(slow) as two, dispatching(store, pace) as dispatcher:
        endpoints = [await store.endpoint(one.url()), await store.endpoint(two.url())]
        for number in range(20):
            await store.event(f"account {number}", *endpoints)
        async with dispatcher.running():
            await settled(store, 40)
    assert one.most_in_flight <= 4
    assert two.most_in_flight <= 4
    assert len(one.requests) == len(two.requests) == 20


async def test_a_receiver_that_hangs_does_not_hold_up_another(store: Store) -> None:
    pace = Pace(poll=0.02, drain=0.1)
    async with listening(hanging) as stuck, listening() as well, dispatching(store, pace) as dispatcher:
        endpoints = [await store.endpoint(stuck.url()), await store.endpoint(well.url())]
        for number in range(50):
            await store.event(f"account {number}", *endpoints)
        async with dispatcher.running():
            await settled(store, 50, 5)
            assert stuck.most_in_flight == 1  # an endpoint is new until it answers
            held = [row for row in await store.rows(deliveries, state="leased") if row["endpoint_id"] == endpoints[0]]
            assert len(held) <= 6


async def test_a_receiver_sees_the_events_of_one_account_in_order_in_spite_of_failures(store: Store) -> None:
    calls = 0

    async def moody(writer: asyncio.StreamWriter, request: Received) -> None:
        nonlocal calls
        calls += 1
        await answering(503 if calls % 3 == 0 else 200)(writer, request)
        if calls % 3:
            arrived.append(request.body)

    arrived: list[bytes] = []
    async with listening(moody) as receiver, dispatching(store, Pace(poll=0.01)) as dispatcher:
        endpoint = await store.endpoint(receiver.url())
        for _ in range(12):
            await store.event("acme", endpoint)
        async with dispatcher.running():
            while (now := await states(store)).count("succeeded") < 12:
                if "leased" not in now:  # a jump over a lease would hand it to another
                    store.advance(seconds=5)
                await asyncio.sleep(0.02)
    positions = [int(body.split(b'"position":')[1].split(b",")[0]) for body in arrived]
    assert positions == sorted(positions)
    assert len(positions) == 12


async def test_a_stop_lets_calls_end_and_gives_back_what_was_not_begun(store: Store) -> None:
    async def slow(writer: asyncio.StreamWriter, request: Received) -> None:
        await asyncio.sleep(0.2)
        await answering()(writer, request)

    pace = Pace(poll=0.02)
    async with listening(slow) as receiver, dispatching(store, pace) as dispatcher:
        endpoint = await store.endpoint(receiver.url())
        for number in range(3):
            await store.event(f"account {number}", endpoint)
        async with dispatcher.running():
            await until(lambda: receiver.in_flight == 1)
            assert await states(store) == ["leased"] * 3
    assert sorted(await states(store)) == ["pending", "pending", "succeeded"]
    for left in await store.rows(deliveries, state="pending"):
        assert (left["attempts"], left["lease_token"], left["next_at"]) == (0, None, NOW)
        assert await store.attempts(left["id"]) == []


async def test_a_call_that_outlives_the_drain_is_unknown_and_is_tried_again(store: Store) -> None:
    async with (
        listening(hanging) as receiver,
        dispatching(store, Pace(poll=0.02, drain=0.05), deadline=30) as dispatcher,
    ):
        [delivery] = await store.event("acme", await store.endpoint(receiver.url()))
        async with dispatcher.running():
            await until(lambda: receiver.in_flight)
            stopped = time.monotonic()
        assert time.monotonic() - stopped < 2
    row = await store.delivery(delivery)
    assert (row["state"], row["attempts"], row["last_error_class"]) == ("pending", 1, "unknown")
    assert [attempt["outcome"] for attempt in await store.attempts(delivery)] == ["unknown"]


async def test_what_a_killed_dispatcher_held_is_sent_by_another_under_the_same_id(store: Store) -> None:
    async with listening(hanging) as receiver:
        async with dispatching(store, deadline=30) as dispatcher:
            [delivery] = await store.event("acme", await store.endpoint(receiver.url()))
            killed = asyncio.create_task(dispatcher.run())
            await until(lambda: receiver.in_flight)
            killed.cancel()
            with suppress(asyncio.CancelledError):
                await killed
        assert (await store.delivery(delivery))["state"] == "leased"
        receiver.behave = answering()
        async with dispatching(store) as dispatcher:
            assert await dispatcher.once() == 0
            store.advance(seconds=40)
            assert await dispatcher.once() == 1
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert (await store.delivery(delivery))["state"] == "succeeded"
    assert [attempt["outcome"] for attempt in await store.attempts(delivery)] == ["unknown", "ok"]


async def test_a_call_that_could_outlive_its_lease_is_not_begun(store: Store) -> None:
    async with listening() as receiver, dispatching(store, Pace(lease=30, deadline=31)) as dispatcher:
        [delivery] = await store.event("acme", await store.endpoint(receiver.url()))
        await dispatcher.once()
        assert receiver.connections == 0
    assert (await store.delivery(delivery))["attempts"] == 0


async def test_two_dispatchers_share_the_work_without_a_duplicate(store: Store) -> None:
    async with listening() as receiver, dispatching(store) as one, dispatching(store) as two:
        endpoints = [await store.endpoint(receiver.url()) for _ in range(3)]
        for number in range(25):
            await store.event(f"account {number % 8}", *endpoints)
        async with one.running(), two.running():
            await settled(store, 75, 20)
    assert len(receiver.requests) == 75


class Broken:
    """A destination with a fault."""

    batch_size = 2

    def __init__(self, fault: Callable[[Sequence[Delivery]], Sequence[Outcome]]) -> None:
        self.fault = fault
        self.sizes: list[int] = []

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        self.sizes.append(len(batch))
        return self.fault(batch)


@pytest.mark.parametrize("fault", [lambda batch: [], lambda batch: 1 / 0, lambda batch: [Outcome("ok")] * 9])
async def test_a_fault_in_a_destination_costs_an_attempt_and_nothing_else(
    store: Store, fault: Callable[[Sequence[Delivery]], Sequence[Outcome]]
) -> None:
    broken = Broken(fault)
    async with dispatching(store, destination=broken) as dispatcher:
        endpoint = await store.endpoint()
        made = [await store.event(f"account {number}", endpoint) for number in range(3)]
        await dispatcher.once()
    assert sorted(broken.sizes) == [1, 2]
    for [delivery] in made:
        assert (await store.delivery(delivery))["last_error_class"] == "unknown"


async def test_results_outlive_a_database_that_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    real, failing = store.database.transaction, 0

    def flaky() -> Any:
        nonlocal failing
        if failing > 0:
            failing -= 1
            raise ConnectionError("the database is restarting")
        return real()

    async def answer(writer: asyncio.StreamWriter, request: Received) -> None:
        nonlocal failing
        failing = 3
        await answering()(writer, request)

    async with (
        listening(answer) as receiver,
        dispatching(store, observe=lambda delivery, outcome, state: seen.append((outcome.kind, state))) as dispatcher,
    ):
        await store.event("acme", await store.endpoint(receiver.url()))
        monkeypatch.setattr(store.database, "transaction", flaky)
        async with dispatcher.running():
            await until(lambda: seen)
        monkeypatch.undo()
    assert await states(store) == ["succeeded"]
    assert (len(receiver.requests), seen) == (1, [("ok", "succeeded")])
