"""The health of an endpoint, as rules: when its breaker opens, when it is probed, how it recovers, when it is given up.
Pure: no clock, no I/O.

Closed -> open: 5 failures in a row over at least two events. Open -> half open: one probe after 30 s, then after 60,
120 ... up to 900 s, never before the receiver's `Retry-After`. Half open -> slow start: a probe succeeds; then 1, 2,
4 ... calls at once. Slow start -> closed: the endpoint's concurrency is reached. Half open, slow start -> open: any
failure. After five days of nothing but failures (at least two) the endpoint is turned off.

A call whose record was refused (400, 404, 422 ...) shows that the endpoint works: it is no failure, opens nothing, and
lets a recovery go on. The probe is a delivery that was not tried before, if there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

FAILURES = 5
"""Failures in a row, over at least two events, that open the breaker."""
FIRST_PROBE = timedelta(seconds=30)
LONGEST_PROBE = timedelta(minutes=15)
GIVEN_UP = timedelta(days=5)
APART = timedelta(hours=12)
WARNINGS = (25, 50, 75)
"""Percentages of the time to being turned off at which operators get a warning event."""
SEEN = timedelta(seconds=10)
"""Precision of the last success: a healthy endpoint's row is not written with every delivery."""


@dataclass(frozen=True, slots=True)
class Health:
    """The columns of an endpoint's row that hold its health."""

    breaker_state: str = "closed"
    breaker_failures: int = 0
    breaker_event: str | None = None
    breaker_mixed: bool = False
    breaker_probes: int = 0
    breaker_allowed: int = 0
    breaker_arrived: int = 0
    breaker_opened_at: datetime | None = None
    breaker_probe_at: datetime | None = None
    failing_since: datetime | None = None
    failing_told: int = 0
    last_success_at: datetime | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Health:
        """Return the health in an endpoint's row."""
        return cls(**{name: row[name] for name in COLUMNS})

    def limit(self, concurrency: int) -> int:
        """Return how many calls may be in flight at once."""
        if self.breaker_state == "closed":
            return concurrency
        return min(max(self.breaker_allowed, 1), concurrency)


COLUMNS = tuple(Health.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Call:
    """The result of one call: whether it succeeded, its event, the pause that the receiver wants, and whether the
    receiver refused just its record.
    """

    arrived: bool
    event_id: str
    pause: timedelta | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The health after some calls, and the notices to emit: opened, closed, failing (with `percent`), given_up."""

    health: Health
    notices: tuple[str, ...] = ()
    percent: int = 0


def after(health: Health, calls: Sequence[Call], now: datetime, concurrency: int) -> Verdict:
    """Return the health after `calls`, in their order, and its notices."""
    notices: list[str] = []
    for call in calls:
        before = health.breaker_state
        if call.arrived or call.refused:
            health = answered(health, now, concurrency, refused=call.refused)
        else:
            health = failed(health, call, now)
        working = ("closed", "slow_start")
        if before in working and health.breaker_state == "open":
            notices.append("opened")
        elif before not in working and health.breaker_state in working:
            notices.append("closed")
    health, warned = _warned(health, now)
    if _is_given_up(health, now):
        return Verdict(health, (*notices, "given_up"), 100)
    return Verdict(health, (*notices, "failing") if warned else tuple(notices), warned)


def answered(health: Health, now: datetime, concurrency: int, *, refused: bool = False) -> Health:
    """Return the health after a call that succeeded, or whose record was `refused`."""
    if refused and health.breaker_state == "closed":
        return health
    seen = health.last_success_at
    if health.breaker_state == "closed":
        seen = now if seen is None or now - seen >= SEEN or seen > now else seen
        if not health.breaker_failures and health.failing_since is None and seen == health.last_success_at:
            return health
        return Health(last_success_at=seen)
    seen = seen if refused else now
    allowed, count = health.breaker_allowed, health.breaker_arrived + 1
    if health.breaker_state != "slow_start":
        allowed, count = 1, 0
    elif count >= allowed:
        allowed, count = 2 * allowed, 0
    if allowed >= concurrency:
        return Health(last_success_at=seen)
    return Health(
        breaker_state="slow_start",
        breaker_probes=health.breaker_probes,
        breaker_allowed=allowed,
        breaker_arrived=count,
        breaker_opened_at=health.breaker_opened_at,
        last_success_at=seen,
    )


def failed(health: Health, call: Call, now: datetime) -> Health:
    """Return the health after a call that failed."""
    first = health.breaker_event or call.event_id
    health = replace(
        health,
        breaker_failures=health.breaker_failures + 1,
        breaker_event=first,
        breaker_mixed=health.breaker_mixed or first != call.event_id,
        failing_since=health.failing_since or now,
    )
    match health.breaker_state:
        case "closed":
            if health.breaker_failures >= FAILURES and health.breaker_mixed:
                return _opened(health, call, now, 0)
        case "open":  # the call was in flight when the breaker opened
            earliest = now + (call.pause or timedelta(0))
            return replace(health, breaker_probe_at=max(health.breaker_probe_at or earliest, earliest))
        case _:
            return _opened(health, call, now, health.breaker_probes + 1)
    return health


def probe_delay(probes: int) -> timedelta:
    """Return the wait before the next probe after `probes` failed ones."""
    return min(FIRST_PROBE * (1 << min(probes, 10)), LONGEST_PROBE)


def _opened(health: Health, call: Call, now: datetime, probes: int) -> Health:
    return replace(
        health,
        breaker_state="open",
        breaker_probes=probes,
        breaker_allowed=0,
        breaker_arrived=0,
        breaker_opened_at=health.breaker_opened_at or now,
        breaker_probe_at=now + max(probe_delay(probes), call.pause or timedelta(0)),
    )


def _is_given_up(health: Health, now: datetime) -> bool:
    since = health.failing_since
    return since is not None and health.breaker_failures >= 2 and now - since >= max(GIVEN_UP, APART)


def _warned(health: Health, now: datetime) -> tuple[Health, int]:
    if health.failing_since is None:
        return health, 0
    share = (now - health.failing_since) / GIVEN_UP * 100
    reached = max((step for step in WARNINGS if share >= step), default=0)
    if reached <= health.failing_told:
        return health, 0
    return replace(health, failing_told=reached), reached
