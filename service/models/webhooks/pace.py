"""How fast and in which order an endpoint is served, and what the engine remembers of its health.

The owner columns say which worker serves the endpoint: one at a time, so that its limits hold for all workers together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Exact, Instant, Uuid
from service.platform.types import CallSeconds, Count, Flag, InFlight, InstantText, RatePerSecond, Shape, Text

Ordering = Annotated[str, StringConstraints(strict=True, pattern=r"^(per_key|none|strict)$")]
OnExhausted = Annotated[str, StringConstraints(strict=True, pattern=r"^(continue|block)$")]


def _text(default: str) -> str:
    return Field(default=default, sa_type=sa.Text, sa_column_kwargs={"server_default": default})  # type: ignore[no-any-return]


def _number(default: int) -> int:
    return Field(  # type: ignore[no-any-return]
        default=default, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": sa.text(str(default))}
    )


def _flag() -> bool:
    return Field(default=False, sa_type=sa.Boolean, sa_column_kwargs={"server_default": sa.false()})  # type: ignore[no-any-return]


class PaceColumns(SQLModel):
    """The columns of an endpoint's pace and health."""

    ordering: str = _text("per_key")
    on_exhausted: str = _text("continue")
    coalesce: bool = _flag()
    rate_per_second: Decimal | None = Field(default=None, sa_type=Exact(9, 4))
    concurrency: int = _number(4)
    timeout_seconds: int | None = Field(default=None, sa_type=sa.BigInteger)
    owner: str | None = Field(default=None, sa_type=Uuid)
    owner_until: datetime | None = Field(default=None, sa_type=Instant)
    breaker_state: str = _text("closed")
    breaker_failures: int = _number(0)
    breaker_event: str | None = Field(default=None, sa_type=Uuid)
    breaker_mixed: bool = _flag()
    breaker_probes: int = _number(0)
    breaker_allowed: int = _number(0)
    breaker_arrived: int = _number(0)
    breaker_opened_at: datetime | None = Field(default=None, sa_type=Instant)
    breaker_probe_at: datetime | None = Field(default=None, sa_type=Instant)
    failing_since: datetime | None = Field(default=None, sa_type=Instant)
    failing_told: int = _number(0)
    last_success_at: datetime | None = Field(default=None, sa_type=Instant)


class PaceShape(Shape):
    """How fast and in which order an endpoint is served."""

    ordering: Ordering = Member(
        default="per_key",
        description="per_key: the events of one account (else of one record) go out in order, one at a time; "
        "strict: all events of the endpoint in order, one at a time; none: as they can. Holds for what comes up "
        "after it was set",
    )
    on_exhausted: OnExhausted = Member(
        default="continue",
        description="When a delivery is given up: continue with the next of its line, or block the line until that "
        "delivery is sent again or canceled (its state is then blocked)",
    )
    coalesce: Flag = Member(
        default=False,
        description="Keep only the latest: a delivery that waits is superseded by a newer event about the same record "
        "(the first segment of its type, and its id). For receivers that mirror a state; operator events are never "
        "superseded",
    )
    rate_per_second: RatePerSecond | None = Member(
        default=None, description="Most calls per second, all workers together; no limit when left out", examples=[10]
    )
    concurrency: InFlight = Member(default=4, description="Most calls in flight at once, all workers together: 1 to 64")
    timeout_seconds: CallSeconds | None = Member(
        default=None,
        description="Seconds that a whole call may take, 1 to 30; the service's setting (20) when left out",
        examples=[15],
    )


class BreakerRead(Shape):
    """What keeps a failing endpoint from being called over and over."""

    state: Annotated[str, StringConstraints(pattern=r"^(closed|open|half_open|slow_start)$")] = Member(
        description="closed: deliveries go out; open: they wait for the next probe; half_open: a probe is under way; "
        "slow_start: they go out again, 1, 2, 4 ... at once"
    )
    opened_at: InstantText | None = Member(description="When it opened; null while closed")
    probe_at: InstantText | None = Member(description="When a single delivery is tried again, at the earliest")
    failures: Count = Member(description="Calls that failed one after the other up to now")


class PaceRead(Shape):
    """An endpoint's pace and health."""

    ordering: Ordering = Member(description="per_key, none or strict")
    on_exhausted: OnExhausted = Member(description="continue or block")
    coalesce: Flag = Member(description="Whether a newer event supersedes an older one that waits")
    rate_per_second: RatePerSecond | None = Member(description="Most calls per second; null is no limit")
    concurrency: InFlight = Member(description="Most calls in flight at once")
    timeout_seconds: CallSeconds | None = Member(description="Seconds that a whole call may take; null is the setting")
    state: Annotated[str, StringConstraints(pattern=r"^(enabled|disabled)$")] = Member(
        description="enabled or disabled; health changes neither this nor the version"
    )
    breaker: BreakerRead = Member(description="Whether calls are held back because they failed")
    failing_since: InstantText | None = Member(description="The first failure since the last success")
    last_success_at: InstantText | None = Member(description="A call that arrived, to within ten seconds")


class WebhookEndpointEnable(Shape):
    """What becomes of the deliveries that an endpoint missed."""

    held: Annotated[str, StringConstraints(strict=True, pattern=r"^(resume|drop|replay)$")] = Member(
        default="resume",
        description="resume: what was held goes out, in its order; drop: it is canceled; replay: it goes out together "
        "with what was sent, given up or canceled since `since`, again and under the same ids (10,000 at most)",
    )
    since: InstantText | None = Member(default=None, description="With replay: how far back")


class WebhookEndpointDisable(Shape):
    """Why an endpoint is turned off."""

    reason: Text | None = Member(default=None, description="Shown as disabled_reason")
