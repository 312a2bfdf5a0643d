"""Shares of the slots: first attempts before retries, healthy endpoints before slow and new ones, and rates."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from service.delivery.claim.claim import Lease
from service.delivery.claim.slots import Bucket, Slot, Slots
from service.delivery.destinations.base import Delivery
from service.delivery.settle.breaker import FAILURES
from service.platform.ids import new_id

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def lease(endpoint: str, number: int = 1) -> Lease:
    delivery = Delivery(
        id=new_id(), attempt_id=new_id(), number=number, probes=0, trigger="scheduled", event_id=new_id(),
        event_type="account.updated", endpoint_id=endpoint, order_key="a", blocks=False, is_ordered=True, url="",
        sealed_secrets="", timeout=None, body=b"", created_at=NOW, transport=None, transport_sealed=None,
    )  # fmt: skip
    return Lease(delivery, "token", NOW)


def fill(slots: Slots, endpoint: str, count: int, *, limit: int = 64, number: int = 1, known: bool = True) -> None:
    slots.limit(endpoint, limit)
    if known:
        slots.queue(endpoint).kind = "quick"
    for _ in range(count):
        slots.add(lease(endpoint, number))


def taken(slots: Slots, now: float = 0.0) -> list[Slot]:
    calls = []
    while (slot := slots.take(now)) is not None:
        calls.append(slot)
    return calls


def test_retries_get_half_of_the_slots_at_most() -> None:
    slots = Slots(64, 1.0)
    fill(slots, "retrying", 200, number=3)
    assert len(taken(slots)) == 32
    fill(slots, "fresh", 200)
    assert len(taken(slots)) == 32
    assert slots.in_flight == 64


def test_first_attempts_and_retries_of_one_endpoint_alternate() -> None:
    slots = Slots(8, 1.0)
    fill(slots, "both", 20, number=2, limit=4)
    fill(slots, "both", 20, limit=4)
    assert [slot.is_retry for slot in taken(slots)].count(False) == 2


def test_twenty_endpoints_that_hang_leave_most_slots_to_the_others() -> None:
    slots = Slots(64, 1.0)
    for number in range(20):
        fill(slots, f"hangs {number}", 10, limit=4, known=False)
    hanging = taken(slots, 0.0)
    assert len(hanging) == 20  # one call each until the first answer
    slots.note_slow(1.5)
    for number in range(80):
        fill(slots, f"well {number}", 10, limit=4)
    assert len(taken(slots, 1.5)) == 44
    for slot in hanging:
        slots.end(slot, 20.0, answered=False)
    assert len([slot for slot in taken(slots, 20.0) if slot.queue.kind == "slow"]) <= 16


def test_new_and_slow_endpoints_never_take_the_last_quarter() -> None:
    slots = Slots(64, 1.0)
    for number in range(200):
        fill(slots, f"unknown {number}", 5, known=False)
    assert len(taken(slots)) == 48
    fill(slots, "well", 40)
    assert len(taken(slots)) == 16


def test_a_limit_of_0_returns_the_waiting_leases() -> None:
    slots = Slots(64, 1.0)
    fill(slots, "failing", 10, limit=4)
    calls = taken(slots)
    assert len(calls) == 4
    assert len(slots.limit("failing", 0)) == 6
    for slot in calls:
        slots.end(slot, 0.1, answered=True)
    assert taken(slots) == []


def test_an_endpoint_that_fails_over_and_over_is_paused_until_its_results_are_written() -> None:
    slots = Slots(64, 1.0)
    fill(slots, "down", 20, limit=8)
    calls = taken(slots)
    assert len(calls) == 8
    for slot in calls[:FAILURES]:
        slots.end(slot, 0.1, answered=True, failed=True)
    assert taken(slots) == []
    slots.end(calls[FAILURES], 0.1, answered=True)  # a call that was not made is no sign that the endpoint is healthy
    assert taken(slots) == []
    assert slots.release(calls[0].leases[0]) == 8
    assert len(taken(slots)) == FAILURES + 1


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(1, 8)), max_size=60), st.integers(1, 40))
def test_limits_hold_and_every_lease_is_sent(added: list[tuple[int, bool, int]], most: int) -> None:
    slots, waiting, done = Slots(most, 1.0), [], 0
    for endpoint, is_retry, limit in added:
        fill(slots, str(endpoint), 1, number=2 if is_retry else 1, limit=limit, known=False)
    now = 0.0
    while True:
        waiting += taken(slots, now)
        assert slots.in_flight == len(waiting) <= most
        for queue in slots.queues.values():
            assert queue.in_flight <= queue.room or queue.kind == "new"
        if not waiting:
            break
        now += 0.3
        slots.end(waiting.pop(0), now, answered=True)
        done += 1
    assert done == len(added)


@given(rate=st.floats(0.05, 5000), steps=st.lists(st.floats(0, 2), max_size=80))
def test_a_rate_holds_over_any_time(rate: float, steps: list[float]) -> None:
    bucket, now, used = Bucket(rate, 0.0), 0.0, 0
    for step in steps:
        now += step
        count = bucket.tokens(now)
        bucket.take(count)
        used += count
        assert used <= rate * now + max(1.0, rate / 10) + 1e-6
