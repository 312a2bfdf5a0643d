"""The pace and order of an endpoint's deliveries, and its health.

`owner` is the worker that serves the endpoint: one at a time, so that its limits hold for all workers together.
"""

from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, read_of
from service.platform.patterns import any_of
from service.platform.types import CallSeconds, Count, Flag, Id, InFlight, InstantText, RatePerSecond, Shape, Text

Ordering = Annotated[str, StringConstraints(strict=True, pattern=any_of(["per_key", "none", "strict"]))]
OnExhausted = Annotated[str, StringConstraints(strict=True, pattern=any_of(["continue", "block"]))]


def _with_default(value: str | int | bool) -> Any:
    """Return a field whose default is the database's too, for rows from before the column."""
    stored = value if isinstance(value, str) else sa.false() if value is False else sa.text(str(value))
    return Field(default=value, sa_column_kwargs={"server_default": stored})


class PaceColumns(Fields):
    """The columns of an endpoint's pace and health."""

    ordering: str = _with_default("per_key")
    on_exhausted: str = _with_default("continue")
    coalesce: bool = _with_default(False)
    rate_per_second: Decimal | None = Field(sa_type=Exact(9, 4))
    concurrency: int = _with_default(4)
    timeout_seconds: int | None
    owner: Id | None
    owner_until: InstantText | None
    breaker_state: str = _with_default("closed")
    breaker_failures: int = _with_default(0)
    breaker_event: Id | None
    breaker_mixed: bool = _with_default(False)
    breaker_probes: int = _with_default(0)
    breaker_allowed: int = _with_default(0)
    breaker_arrived: int = _with_default(0)
    breaker_opened_at: InstantText | None
    breaker_probe_at: InstantText | None
    failing_since: InstantText | None = Field(description="The first failure since the last success")
    failing_told: int = _with_default(0)
    last_success_at: InstantText | None = Field(description="The last call that succeeded, to within ten seconds")


class PaceShape(Shape):
    """The pace and order of an endpoint's deliveries."""

    ordering: Ordering = Member(
        default="per_key",
        description="per_key: the events of one account (else of one record) go out in order, one at a time; "
        "strict: all events of the endpoint in order, one at a time; none: in any order. Applies to events "
        "after the change",
    )
    on_exhausted: OnExhausted = Member(
        default="continue",
        description="When a delivery is given up: continue with the next of its queue, or block the queue until that "
        "delivery is sent again or canceled (its state is then blocked)",
    )
    coalesce: Flag = Member(
        default=False,
        description="Keep only the latest: a waiting delivery is superseded by a newer event about the same record "
        "(the first segment of its type, and its id). For receivers that mirror a state; operator events are never "
        "superseded",
    )
    rate_per_second: RatePerSecond | None = Member(
        default=None,
        description="The highest number of calls per second, 0.01 to 10,000, for all workers together; null for no "
        "limit",
        examples=[10],
    )
    concurrency: InFlight = Member(
        default=4, description="The highest number of calls at the same time, 1 to 64, for all workers together"
    )
    timeout_seconds: CallSeconds | None = Member(
        default=None,
        description="The time limit of a whole call in seconds, 1 to 30; null for the setting of the service (20)",
        examples=[15],
    )


class BreakerRead(Shape):
    """The circuit breaker, which holds back calls to a failing endpoint."""

    state: Annotated[str, StringConstraints(pattern=any_of(["closed", "open", "half_open", "slow_start"]))] = Member(
        description="closed: deliveries go out; open: they wait for the next probe; half_open: a probe is running; "
        "slow_start: they go out again, 1, 2, 4 ... at the same time"
    )
    opened_at: InstantText | None = Member(description="When it opened; null while closed")
    probe_at: InstantText | None = Member(description="The earliest time at which a single delivery is tried again")
    failures: Count = Member(description="The number of failed calls since the last success")


@read_of(
    PaceShape,
    PaceColumns,
    order="ordering on_exhausted coalesce rate_per_second concurrency timeout_seconds state breaker",
)
class PaceRead(Shape):
    """An endpoint's pace and health."""

    state: Annotated[str, StringConstraints(pattern=any_of(["enabled", "disabled"]))] = Member(
        description="enabled or disabled; health changes neither this nor the version"
    )
    breaker: BreakerRead = Member(description="Whether calls are held back because they failed")


class WebhookEndpointEnable(Shape):
    """How to treat the deliveries that were held while the endpoint was disabled."""

    held: Annotated[str, StringConstraints(strict=True, pattern=any_of(["resume", "drop", "replay"]))] = Member(
        default="resume",
        description="resume: held deliveries go out in order; drop: they are canceled; replay: they go out together "
        "with all events since `since`, again and with the same ids (10,000 at most)",
    )
    since: InstantText | None = Member(
        default=None, description="With replay: the time of the first event to send again"
    )


class WebhookEndpointDisable(Shape):
    """Why an endpoint is turned off."""

    reason: Text | None = Member(default=None, description="Shown as disabled_reason")
