"""The time of the next attempt: the Standard Webhooks schedule with jitter, `Retry-After` as a lower bound, and when a
delivery is given up. Pure: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom

DELAYS = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before attempt 1, 2, ... 10 (Standard Webhooks 1.0.0, "deliverability"): 75 h 35 min 5 s in all."""

JITTER = 0.2
LONGEST_WAIT = timedelta(hours=24)
LIFETIME = timedelta(days=5)

_random = SystemRandom().random


def delay(attempt: int, random: Callable[[], float] = _random) -> timedelta:
    """Return the wait before attempt `attempt` (1 to 10): the schedule within 20 %. `random` returns 0 up to 1."""
    return timedelta(seconds=DELAYS[attempt - 1] * (1 - JITTER + 2 * JITTER * random()))


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return the wait in a `Retry-After` header (seconds or an HTTP date), 0 to 24 hours; None when it is absent or
    unreadable.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - now, LONGEST_WAIT))


def next_attempt(
    failed: int,
    *,
    now: datetime,
    created_at: datetime,
    retry_after_header: str | None = None,
    random: Callable[[], float] = _random,
) -> datetime | None:
    """Return the time of the attempt after number `failed`, or None when the delivery is given up.

    A `Retry-After` header can only postpone the schedule. A delivery is given up after the tenth attempt, or when the
    next one would start more than five days after its creation.
    """
    if failed >= len(DELAYS):
        return None
    wait = max(delay(failed + 1, random), retry_after(retry_after_header, now) or timedelta(0))
    at = now + wait
    return at if at - created_at <= LIFETIME else None
