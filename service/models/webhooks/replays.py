"""What is asked of a replay, and what it would send or is sending."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.models.shapes import JobRead
from service.platform.types import BigCount, Flag, Id, InstantText, Shape, Slug

ReplayPattern = Annotated[
    str, StringConstraints(strict=True, max_length=100, pattern=r"^(\*|[a-z_]+)(\.(\*|[a-z_]+))*$")
]


class ReplayState(StrEnum):
    """How the last delivery of an event to an endpoint ended; missing when there was none."""

    SUCCEEDED = "succeeded"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    CANCELED = "canceled"
    MISSING = "missing"


class WebhookReplay(Shape):
    """Which events an endpoint is to get again, or for the first time: of those that it takes and its owner may see,
    all that happened in the range and are not on their way to it already.
    """

    since: InstantText = Member(description="From when on, inclusive")
    until: InstantText | None = Member(default=None, description="Until when, exclusive; until now when left out")
    types: Annotated[list[ReplayPattern], Member(min_length=1, max_length=50)] | None = Member(
        default=None, description="Only these types of events; `plan.*` for all of a kind", examples=[["account.*"]]
    )
    states: Annotated[list[ReplayState], Member(min_length=1, max_length=5)] | None = Member(
        default=None,
        description="Only events whose last delivery to this endpoint ended like this; missing for those that had none",
        examples=[["dead", "canceled"]],
    )
    account_id: Id | None = Member(default=None, description="Only events of this account")
    missing_only: Flag = Member(
        default=False, description="Only events of which the endpoint had no delivery: the same as states [missing]"
    )
    dry_run: Flag = Member(default=False, description="Count, and send nothing")


class ReplayTypeCount(Shape):
    """How many events of one type a replay would send."""

    type: Slug = Member(description="The type of event")
    events: BigCount = Member(description="How many")


class ReplayStateCount(Shape):
    """How many events a replay would send whose last delivery ended in one way."""

    state: ReplayState = Member(description="How the last delivery ended; missing when there was none")
    events: BigCount = Member(description="How many")


class WebhookReplayRead(Shape):
    """What a replay would send (dry run), or the job that sends it."""

    dry_run: Flag = Member(description="Whether this was only counted")
    events: BigCount | None = Member(description="How many events it would send; null for a replay that has begun")
    complete: Flag | None = Member(
        description="Whether the whole range was counted; false after 100,000 events, null for a replay that has begun"
    )
    by_type: Annotated[list[ReplayTypeCount], Member(max_length=500)] | None = Member(
        description="How many of each type, by name"
    )
    by_state: Annotated[list[ReplayStateCount], Member(max_length=5)] | None = Member(
        description="How many by how their last delivery ended"
    )
    job: JobRead | None = Member(
        description="The job, at /v1/jobs/{id}: `done` counts places in the feed that were looked at, of `total`; "
        "`result` has how many deliveries were made, by type; it can be canceled. Null for a dry run"
    )
