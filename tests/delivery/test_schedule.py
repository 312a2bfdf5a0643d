"""Properties of the retry schedule: bounds of the jitter, `Retry-After` as a floor, the end after ten attempts or
five days.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.settle import schedule

NOW = datetime(2026, 11, 21, 21, 35, tzinfo=UTC)
FRACTION = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_the_schedule_is_the_one_of_standard_webhooks() -> None:
    hours = [0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert [schedule.delay(n, lambda: 0.5) for n in range(1, 11)] == [timedelta(hours=h) for h in hours]
    assert sum(schedule.DELAYS) == 75 * 3600 + 35 * 60 + 5


@given(attempt=st.integers(1, 10), fraction=FRACTION)
def test_jitter_stays_within_twenty_percent(attempt: int, fraction: float) -> None:
    nominal = schedule.DELAYS[attempt - 1]
    wait = schedule.delay(attempt, lambda: fraction).total_seconds()
    assert 0.8 * nominal - 1e-6 <= wait <= 1.2 * nominal + 1e-6


@given(failed=st.integers(1, 9), seconds=st.integers(0, 10**12), fraction=FRACTION)
def test_retry_after_makes_a_retry_later_never_sooner(failed: int, seconds: int, fraction: float) -> None:
    plain = schedule.next_attempt(failed, now=NOW, created_at=NOW, random=lambda: fraction)
    asked = schedule.next_attempt(
        failed, now=NOW, created_at=NOW, retry_after_header=str(seconds), random=lambda: fraction
    )
    assert plain is not None
    assert asked is not None
    assert asked == max(plain, NOW + timedelta(seconds=min(seconds, 86_400)))


@given(moment=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2060, 1, 1)))
def test_retry_after_reads_http_dates(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    wait = schedule.retry_after(format_datetime(moment, usegmt=True), NOW)
    assert wait == max(timedelta(0), min(moment - NOW, timedelta(hours=24)))


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "٣", "Thu, 99 Nov 2026 00:00:00 GMT", "1e3", None])
def test_a_retry_after_that_means_nothing_is_not_obeyed(value: str | None) -> None:
    assert schedule.retry_after(value, NOW) is None


@given(value=st.text(max_size=60))
def test_no_retry_after_is_an_error(value: str) -> None:
    wait = schedule.retry_after(value, NOW)
    assert wait is None or timedelta(0) <= wait <= timedelta(hours=24)


@given(failed=st.integers(10, 1000))
def test_the_tenth_failure_is_the_last(failed: int) -> None:
    assert schedule.next_attempt(failed, now=NOW, created_at=NOW) is None


@given(failed=st.integers(1, 9), age=st.integers(0, 10 * 86_400), fraction=FRACTION, asked=st.integers(0, 86_400))
def test_no_attempt_begins_later_than_five_days_after_the_event(
    failed: int, age: int, fraction: float, asked: int
) -> None:
    created = NOW - timedelta(seconds=age)
    at = schedule.next_attempt(
        failed, now=NOW, created_at=created, retry_after_header=str(asked), random=lambda: fraction
    )
    assert at is None or NOW <= at <= created + timedelta(days=5)


def test_hours_of_failures_fit_into_the_lifetime_even_with_the_longest_jitter() -> None:
    now = NOW
    for failed in range(1, 10):
        at = schedule.next_attempt(failed, now=now, created_at=NOW, random=lambda: 0.999999)
        assert at is not None
        now = at
