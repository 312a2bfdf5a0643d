"""Replays: the events to send again, and the result of a dry run."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.models.shapes import EVENT_PATTERN, JobRead
from service.platform.types import BigCount, Flag, Id, InstantText, Shape, Slug

ReplayPattern = Annotated[str, StringConstraints(strict=True, max_length=100, pattern=EVENT_PATTERN)]


class ReplayState(StrEnum):
    """How the last delivery of an event to an endpoint ended; missing when there was none."""

    SUCCEEDED = "succeeded"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"
    MISSING = "missing"


class WebhookReplay(Shape):
    """The events to send to an endpoint, again or for the first time.

    Those of the range that the endpoint takes and its owner may read, except those with an open delivery.
    """

    since: InstantText = Member(description="The start of the range, inclusive")
    until: InstantText | None = Member(default=None, description="The end of the range, exclusive; by default now")
    types: Annotated[list[ReplayPattern], Member(min_length=1, max_length=50)] | None = Member(
        default=None, description="Only these types of events; `plan.*` for all about plans", examples=[["account.*"]]
    )
    states: Annotated[list[ReplayState], Member(min_length=1, max_length=5)] | None = Member(
        default=None,
        description="Only events whose last delivery to this endpoint ended in these states; missing: there was none",
        examples=[["dead", "canceled"]],
    )
    account_id: Id | None = Member(default=None, description="Only events of this account")
    missing_only: Flag = Member(
        default=False, description="Only events of which the endpoint had no delivery: the same as states [missing]"
    )
    dry_run: Flag = Member(default=False, description="Whether to count only and send nothing")


class ReplayTypeCount(Shape):
    """The number of events of one type in a replay."""

    type: Slug = Member(description="The type of event")
    events: BigCount = Member(description="The number of events")


class ReplayStateCount(Shape):
    """The number of events in a replay whose last delivery ended in one state."""

    state: ReplayState = Member(description="How the last delivery ended; missing when there was none")
    events: BigCount = Member(description="The number of events")


class WebhookReplayRead(Shape):
    """The counts of a dry run, or the job that sends the events."""

    dry_run: Flag = Member(description="Whether this is a dry run")
    events: BigCount | None = Member(description="The number of events; null for a replay that has started")
    complete: Flag | None = Member(
        description="Whether the whole range was counted; false after 100,000 events, null once it has started"
    )
    by_type: Annotated[list[ReplayTypeCount], Member(max_length=500)] | None = Member(
        description="The number of events of each type, by name"
    )
    by_state: Annotated[list[ReplayStateCount], Member(max_length=5)] | None = Member(
        description="The number of events by the state of their last delivery"
    )
    job: JobRead | None = Member(
        description="The job, at /v1/jobs/{id}: `done` counts the processed positions of the feed, of `total`; "
        "`result` has the number of new deliveries by type; it can be canceled. Null for a dry run"
    )
