"""The health of an endpoint, as rules: when its breaker opens, when it is probed, how it is let back in, when it is
given up. Pure: no clock, no I/O.

Closed -> open after 5 failures one after the other over at least two events. Open -> half open: one probe at 30 s,
then at 60, 120 ... up to 15 minutes after each other, never before the receiver's `Retry-After`. A probe that arrives
-> slow start: 1, 2, 4 ... calls at once, until the endpoint's concurrency is reached -> closed. Any failure meanwhile
-> open. After five days of failures and nothing else (two at least, twelve hours apart) the endpoint is turned off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

FAILURES = 5
"""So many failures one after the other, of two events at least, open the breaker."""
FIRST_PROBE = timedelta(seconds=30)
LONGEST_PROBE = timedelta(minutes=15)
GIVEN_UP = timedelta(days=5)
APART = timedelta(hours=12)
WARNINGS = (25, 50, 75)
"""Per cent of the way to being turned off at which its operators are told."""
SEEN = timedelta(seconds=10)
"""How exactly the last success is kept: a healthy endpoint's row is not written with every delivery."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is kept of an endpoint's recent calls; the names are those of its columns."""

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
        """The health in an endpoint's row."""
        return cls(**{name: row[name] for name in COLUMNS})

    def limit(self, concurrency: int) -> int:
        """How many calls may be in flight at once."""
        if self.breaker_state == "closed":
            return concurrency
        return min(max(self.breaker_allowed, 1), concurrency)


COLUMNS = tuple(Health.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Call:
    """What came of one call: whether it arrived, its event, and how long the receiver asked to be left alone."""

    arrived: bool
    event_id: str
    asked: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The health after some calls, and what is to be told: opened, closed, failing (with `percent`), given_up."""

    health: Health
    notices: tuple[str, ...] = ()
    percent: int = 0


def after(health: Health, calls: Sequence[Call], now: datetime, concurrency: int) -> Verdict:
    """The health after `calls`, in their order."""
    notices: list[str] = []
    for call in calls:
        before = health.breaker_state
        health = arrived(health, now, concurrency) if call.arrived else failed(health, call, now)
        calm = ("closed", "slow_start")
        if before in calm and health.breaker_state == "open":
            notices.append("opened")
        elif before not in calm and health.breaker_state in calm:
            notices.append("closed")
    health, warned = _warned(health, now)
    if _is_given_up(health, now):
        return Verdict(health, (*notices, "given_up"), 100)
    return Verdict(health, (*notices, "failing") if warned else tuple(notices), warned)


def arrived(health: Health, now: datetime, concurrency: int) -> Health:
    """After a call that arrived."""
    seen = health.last_success_at
    seen = now if seen is None or now - seen >= SEEN or seen > now else seen
    if health.breaker_state == "closed":
        if not health.breaker_failures and health.failing_since is None and seen == health.last_success_at:
            return health
        return Health(last_success_at=seen)
    allowed, count = health.breaker_allowed, health.breaker_arrived + 1
    if health.breaker_state != "slow_start":
        allowed, count = 1, 0
    elif count >= allowed:
        allowed, count = 2 * allowed, 0
    if allowed >= concurrency:
        return Health(last_success_at=now)
    return Health(
        breaker_state="slow_start",
        breaker_probes=health.breaker_probes,
        breaker_allowed=allowed,
        breaker_arrived=count,
        breaker_opened_at=health.breaker_opened_at,
        last_success_at=now,
    )


def failed(health: Health, call: Call, now: datetime) -> Health:
    """After a call that failed."""
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
        case "open":  # it was under way when the breaker opened
            asked = now + (call.asked or timedelta(0))
            return replace(health, breaker_probe_at=max(health.breaker_probe_at or asked, asked))
        case _:
            return _opened(health, call, now, health.breaker_probes + 1)
    return health


def probe_delay(probes: int) -> timedelta:
    """The wait before the next probe after so many probes that failed."""
    return min(FIRST_PROBE * (1 << min(probes, 10)), LONGEST_PROBE)


def _opened(health: Health, call: Call, now: datetime, probes: int) -> Health:
    return replace(
        health,
        breaker_state="open",
        breaker_probes=probes,
        breaker_allowed=0,
        breaker_arrived=0,
        breaker_opened_at=health.breaker_opened_at or now,
        breaker_probe_at=now + max(probe_delay(probes), call.asked or timedelta(0)),
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
