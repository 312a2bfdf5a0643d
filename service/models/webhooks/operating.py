"""Operating an endpoint: calls made by hand, and its statistics."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.patterns import fitting
from service.platform.types import BigCount, Count, Flag, Id, InstantText, Shape, Slug, Text, Whole


class WebhookCallRead(Shape):
    """The result of one call of an endpoint that was made at once, beside all deliveries."""

    endpoint_id: Id = Member(description="The endpoint")
    event_id: Id = Member(description="The id in the header webhook-id; no event of the feed has it")
    event_type: Slug = Member(description="The type of the event in the body")
    ok: Flag = Member(description="Whether the receiver answered 2xx")
    outcome: Text = Member(
        description="ok, http (answered, not 2xx), timeout, connect, dns, tls, auth, blocked, refused, unknown"
    )
    status: Whole | None = Member(description="HTTP status of the answer")
    duration_ms: Count = Member(description="The duration of the call in milliseconds")
    response_headers: dict[str, str] | None = Member(description="Headers of the answer")
    response_body: Annotated[str, StringConstraints(max_length=16384)] | None = Member(
        description="The answer's first 16 kB"
    )


class WebhookExample(Shape):
    """The example to send."""

    event_type: Annotated[
        str,
        StringConstraints(
            strict=True,
            max_length=100,
            pattern=fitting(r"^[a-z_]+(\.[a-z_]+)+$", "Must be an event type, such as account.created"),
        ),
    ] = Member(description="A type of event", examples=["account.quadrant_changed"])


class OutcomeCount(Shape):
    """The number of attempts with one outcome."""

    outcome: Text = Member(description="ok, http, timeout, connect, dns, tls, auth, blocked, refused, unknown")
    attempts: BigCount = Member(description="The number of attempts")


class WebhookWindow(Shape):
    """The attempts of an endpoint over the last hours."""

    hours: Count = Member(description="1, 24 or 168 (7 days)")
    attempts: BigCount = Member(description="Attempts that started in this time and have ended")
    succeeded: BigCount = Member(description="The number of them that succeeded")
    success_rate: Annotated[float, Member(ge=0, le=1)] | None = Member(
        description="succeeded divided by attempts, 0 to 1; null without attempts"
    )
    p50_ms: Count | None = Member(description="Half of the answered calls took no longer, in milliseconds")
    p95_ms: Count | None = Member(description="95 of 100 answered calls took no longer, in milliseconds")
    p99_ms: Count | None = Member(description="99 of 100 answered calls took no longer, in milliseconds")
    by_outcome: Annotated[list[OutcomeCount], Member(max_length=20)] = Member(description="Attempts by outcome")


class WebhookStatsRead(Shape):
    """The statistics of an endpoint."""

    endpoint_id: Id = Member(description="The endpoint")
    pending: BigCount = Member(description="Deliveries that wait in a queue or for their next attempt")
    leased: BigCount = Member(description="Deliveries that are being sent")
    blocked: BigCount = Member(description="Deliveries that were given up and whose queue waits")
    held: BigCount = Member(description="Deliveries held while the endpoint is disabled")
    succeeded: BigCount = Member(description="Deliveries of the last 7 days that succeeded")
    dead: BigCount = Member(description="Deliveries of the last 7 days that were given up")
    superseded: BigCount = Member(description="Deliveries of the last 7 days that were superseded by a newer event")
    canceled: BigCount = Member(description="Deliveries of the last 7 days that were canceled")
    oldest_pending_seconds: BigCount = Member(
        description="For how many seconds the oldest due delivery has waited; 0 when none is due"
    )
    last_success_at: InstantText | None = Member(description="When a call last succeeded")
    last_failure_at: InstantText | None = Member(description="When a call last failed, within the last 7 days")
    windows: Annotated[list[WebhookWindow], Member(max_length=3)] = Member(
        description="The last hour, the last day, the last 7 days"
    )
