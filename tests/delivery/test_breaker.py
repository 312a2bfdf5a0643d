"""The rules of an endpoint's health: when its breaker opens, how it recovers, when it is given up."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.delivery.settle.breaker import FIRST_PROBE, LONGEST_PROBE, Call, Health, after, probe_delay

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
CALLS = st.lists(
    st.builds(
        Call,
        st.booleans(),
        st.sampled_from("abc"),
        st.none() | st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds)),
        st.booleans(),
    ),
    max_size=60,
)


def fail(event: str = "a", **asked: float) -> Call:
    return Call(False, event, timedelta(**asked) if asked else None)


def refuse(event: str = "a") -> Call:
    return Call(False, event, refused=True)


def open_one(asked: Call | None = None) -> Health:
    calls = [fail("a"), fail("b"), fail("a"), fail("b"), asked or fail("c")]
    return after(Health(), calls, NOW, 4).health


def test_it_opens_after_five_failures_in_a_row_of_two_events() -> None:
    four = [fail("a"), fail("b"), fail("a"), fail("b")]
    assert after(Health(), four, NOW, 4).health.breaker_state == "closed"
    verdict = after(Health(), [*four, fail("c")], NOW, 4)
    assert (verdict.health.breaker_state, verdict.notices) == ("open", ("opened",))
    assert verdict.health.breaker_probe_at == NOW + FIRST_PROBE
    assert after(Health(), [fail("a")] * 50, NOW, 4).health.breaker_state == "closed"
    assert after(Health(), [*four, Call(True, "c"), *four], NOW, 4).health.breaker_state == "closed"


def test_a_refused_record_is_no_failure_of_the_endpoint() -> None:
    assert after(Health(), [refuse(event) for event in "abcdefghij"], NOW, 4).health == Health()
    four = [fail("a"), fail("b"), fail("a"), fail("b")]
    mixed = after(Health(), [*four, refuse("c"), refuse("d"), refuse("e")], NOW, 4).health
    assert (mixed.breaker_state, mixed.breaker_failures) == ("closed", 4)
    half_open = Health(**{**fields(open_one()), "breaker_state": "half_open"})
    verdict = after(half_open, [refuse("a")], NOW, 16)
    assert (verdict.health.breaker_state, verdict.notices) == ("slow_start", ("closed",))
    assert verdict.health.last_success_at is None
    days = NOW + timedelta(days=6)
    assert after(Health(), [refuse("a"), refuse("b"), refuse("c")], days, 4).notices == ()


def test_probes_are_twice_as_far_apart_each_time_and_never_before_retry_after() -> None:
    health, now, waits = open_one(), NOW, []
    for _ in range(8):
        assert health.breaker_probe_at is not None
        waits.append((health.breaker_probe_at - now).total_seconds())
        now = health.breaker_probe_at
        half_open = Health(**{**fields(health), "breaker_state": "half_open"})
        health = after(half_open, [fail("a")], now, 4).health
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert open_one(fail("c", hours=1)).breaker_probe_at == NOW + timedelta(hours=1)
    late = after(open_one(), [fail("d", hours=2)], NOW, 4).health
    assert late.breaker_probe_at == NOW + timedelta(hours=2)


def fields(health: Health) -> dict[str, Any]:
    return {name: getattr(health, name) for name in Health.__dataclass_fields__}


def test_a_probe_that_arrives_lets_in_one_two_four() -> None:
    health, limits = Health(**{**fields(open_one()), "breaker_state": "half_open"}), []
    verdict = after(health, [Call(True, "a")], NOW, 16)
    assert verdict.notices == ("closed",)
    health = verdict.health
    while health.breaker_state == "slow_start":
        limits.append(health.limit(16))
        health = after(health, [Call(True, "a")], NOW, 16).health
    assert limits == [1, 2, 2, 4, 4, 4, 4, *[8] * 8]
    assert health == Health(last_success_at=NOW)


@given(calls=CALLS, concurrency=st.integers(1, 64))
def test_a_slow_start_never_exceeds_what_was_just_answered(calls: list[Call], concurrency: int) -> None:
    health, since = open_one(), 0
    for call in calls:
        before = health
        health = after(health, [call], NOW, concurrency).health
        answered = call.arrived or call.refused
        since = since + 1 if answered else 0
        if health.breaker_state == "slow_start":
            assert 1 <= health.limit(concurrency) <= max(1, since)
        if before.breaker_state in ("open", "slow_start") and not answered:
            assert health.breaker_state == "open"
        if health.breaker_state == "closed":
            assert health.breaker_probe_at is None


@given(calls=CALLS)
def test_calls_one_by_one_are_the_same_as_together(calls: list[Call]) -> None:
    health = Health()
    for call in calls:
        health = after(health, [call], NOW, 4).health
    assert after(Health(), calls, NOW, 4).health == health


@given(probes=st.integers(0, 10_000))
def test_the_wait_for_a_probe_has_a_floor_and_a_ceiling(probes: int) -> None:
    assert FIRST_PROBE <= probe_delay(probes) <= LONGEST_PROBE


@given(hours=st.lists(st.integers(0, 20), min_size=1, max_size=40))
def test_operators_are_warned_once_at_each_quarter_and_it_ends_after_five_days(hours: list[int]) -> None:
    health, now, percents = Health(), NOW, []
    for wait in hours:
        verdict = after(health, [fail("a")], now, 4)
        health = verdict.health
        if verdict.percent:
            percents.append(verdict.percent)
        if "given_up" in verdict.notices:
            assert now - NOW >= timedelta(days=5)
            break
        assert now - NOW < timedelta(days=5)
        now += timedelta(hours=wait)
    assert percents == sorted(set(percents))
    assert set(percents) <= {25, 50, 75, 100}


def test_one_success_begins_anew() -> None:
    health = after(Health(), [fail("a")], NOW, 4).health
    later = NOW + timedelta(days=4, hours=23)
    health = after(health, [fail("b")], later, 4).health
    assert health.failing_told == 75
    health = after(health, [Call(True, "c")], later, 4).health
    assert health == Health(last_success_at=later)
    assert after(health, [fail("d")], later + timedelta(days=1), 4).notices == ()


def test_a_healthy_endpoint_is_written_every_ten_seconds_only() -> None:
    health = after(Health(), [Call(True, "a")], NOW, 4).health
    assert after(health, [Call(True, "b")] * 5, NOW + timedelta(seconds=9), 4).health == health
    assert after(health, [Call(True, "b")], NOW + timedelta(seconds=10), 4).health != health
