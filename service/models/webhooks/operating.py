"""What operating an endpoint shows: calls made by hand, and how it has been doing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import BigCount, Count, Flag, Id, InstantText, Shape, Slug, Text, Whole


class WebhookCallRead(Shape):
    """What came of one call of an endpoint that was made at once, beside all deliveries."""

    endpoint_id: Id = Member(description="The endpoint")
    event_id: Id = Member(description="The id that was sent as webhook-id; no event of the feed has it")
    event_type: Slug = Member(description="The type of event that the body showed")
    ok: Flag = Member(description="Whether the receiver answered 2xx")
    outcome: Text = Member(
        description="ok, http (answered, not 2xx), timeout, connect, dns, tls, auth, blocked, unknown"
    )
    status: Whole | None = Member(description="HTTP status of the answer")
    duration_ms: Count = Member(description="How long the call took, in milliseconds")
    response_headers: dict[str, str] | None = Member(description="Headers of the answer")
    response_body: Annotated[str, StringConstraints(max_length=16384)] | None = Member(
        description="The answer's first 16 kB"
    )


class WebhookExample(Shape):
    """Which example to send."""

    event_type: Annotated[str, StringConstraints(strict=True, max_length=100, pattern=r"^[a-z_]+(\.[a-z_]+)+$")] = (
        Member(description="A type of event", examples=["account.quadrant_changed"])
    )


class OutcomeCount(Shape):
    """How many attempts ended in one way."""

    outcome: Text = Member(description="ok, http, timeout, connect, dns, tls, auth, blocked, unknown")
    attempts: BigCount = Member(description="How many attempts")


class WebhookWindow(Shape):
    """How an endpoint has been doing over the last hours."""

    hours: Count = Member(description="1, 24 or 168 (7 days)")
    attempts: BigCount = Member(description="Attempts that were begun in this time and have ended")
    succeeded: BigCount = Member(description="How many of them succeeded")
    success_rate: Annotated[float, Member(ge=0, le=1)] | None = Member(
        description="succeeded of attempts, 0 to 1; null without attempts"
    )
    p50_ms: Count | None = Member(description="Half of the calls that were answered took no longer, in milliseconds")
    p95_ms: Count | None = Member(description="95 of 100 took no longer")
    p99_ms: Count | None = Member(description="99 of 100 took no longer")
    by_outcome: Annotated[list[OutcomeCount], Member(max_length=20)] = Member(description="Attempts by how they ended")


class WebhookStatsRead(Shape):
    """How an endpoint is doing."""

    endpoint_id: Id = Member(description="The endpoint")
    pending: BigCount = Member(description="Deliveries that wait for their turn or their next attempt")
    leased: BigCount = Member(description="Deliveries that are being sent")
    blocked: BigCount = Member(description="Deliveries given up whose line waits")
    held: BigCount = Member(description="Deliveries held while the endpoint is turned off")
    succeeded: BigCount = Member(description="Of the deliveries of the last 7 days, those that arrived")
    dead: BigCount = Member(description="Of the deliveries of the last 7 days, those that were given up")
    superseded: BigCount = Member(
        description="Of the deliveries of the last 7 days, those a newer event took the place of"
    )
    canceled: BigCount = Member(description="Of the deliveries of the last 7 days, those that were canceled")
    oldest_pending_seconds: BigCount = Member(
        description="How long the oldest delivery that is due has been waiting; 0 when none is"
    )
    last_success_at: InstantText | None = Member(description="When a call last succeeded")
    last_failure_at: InstantText | None = Member(description="When a call last failed, within the last 7 days")
    windows: Annotated[list[WebhookWindow], Member(max_length=3)] = Member(
        description="The last hour, the last day, the last 7 days"
    )
