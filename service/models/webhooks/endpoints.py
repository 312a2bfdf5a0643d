"""Webhook endpoints, the deliveries of events to them, and every attempt."""

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import Fields, check_in, patch_of, read_of, table_of
from service.models.shapes import EVENT_PATTERN, Living, ReadBase
from service.models.webhooks.pace import PaceColumns, PaceRead, PaceShape
from service.models.webhooks.subscription import SubscriptionRead, SubscriptionShape
from service.models.webhooks.transport import (
    SigningRead,
    SigningShape,
    SigningShown,
    TransportColumns,
    TransportRead,
    TransportShape,
)
from service.platform.patterns import any_of
from service.platform.types import BigCount, Count, Flag, Id, InstantText, Shape, Text, WebUrl, Whole

EventPattern = Annotated[str, StringConstraints(strict=True, max_length=100, pattern=EVENT_PATTERN)]


class EndpointShape(Shape):
    """The members of an endpoint that clients write, beside how, when and which events it gets."""

    url: WebUrl = Member(
        description="Where events are sent: https:// (http:// only inside the allowed networks); no user name, no "
        "redirect is followed",
        examples=["https://example.com/hooks/kam"],
    )
    event_types: Annotated[list[EventPattern], Member(min_length=1, max_length=50)] = Member(
        description="Event types; a segment may be `*`: `plan.*` for all about plans, `*.created`, `*` for all. Events "
        "that the key which creates the endpoint may not read are not sent",
        examples=[["account.quadrant_changed", "plan.*"]],
    )
    description: Text | None = Member(default=None, description="The purpose of this endpoint")
    enabled: Flag = Member(default=True, description="Whether deliveries are sent; while false, new ones are held")


class WebhookEndpointCreate(EndpointShape, TransportShape, PaceShape, SigningShape, SubscriptionShape):
    """An endpoint to send events to."""


WebhookEndpointPatch = patch_of(WebhookEndpointCreate, "WebhookEndpointPatch", SigningShape.model_fields)


def _empty_list() -> Any:
    """Return a field of a list that is empty by default, in the database too."""
    return Field(default_factory=list, sa_column_kwargs={"server_default": sa.text("'[]'")})


class WebhookEndpoint(PaceColumns, TransportColumns, Living, table=True):
    """The table."""

    __tablename__ = "webhook_endpoints"

    url: WebUrl
    event_types: list[str]
    filter: dict[str, Any] | None
    changed: list[str] = _empty_list()
    channels: list[str] = _empty_list()
    description: Text | None
    enabled: bool = True
    disabled_reason: Text | None = Field(description="Why the service disabled it; null when it did not")
    secret_encrypted: str
    created_by: Id | None = Field(
        sa_type=sa.Text,
        description="The API key whose permissions decide which events are sent: the one that created the endpoint. "
        "When it is revoked or expires, the endpoint is disabled; the key that enables it again takes its place",
    )


webhook_endpoints = table_of(WebhookEndpoint)


@read_of(EndpointShape, WebhookEndpoint, order="url event_types")
class WebhookEndpointRead(TransportRead, PaceRead, SigningRead, SubscriptionRead, ReadBase):
    """A webhook endpoint; its secret is shown once, when it is created or rotated."""

    event_types: Annotated[list[EventPattern], Member(max_length=50)] = Member(description="Event types it gets")


class WebhookEndpointCreated(SigningShown, WebhookEndpointRead):
    """A webhook endpoint with its new signing keys."""


class WebhookTestSent(Shape):
    """A test event that is queued."""

    event_id: Id = Member(description="The event; the receiver finds the id in the header webhook-id")
    endpoint_id: Id = Member(description="The endpoint")


DELIVERY_STATES = ("pending", "leased", "succeeded", "dead", "blocked", "held", "superseded", "canceled")
DeliveryState = Annotated[str, StringConstraints(pattern=any_of(DELIVERY_STATES))]


class Delivery(Fields, table=True):
    """The delivery of one event to one endpoint.

    `behind` says that an older open delivery of the same endpoint and key goes first, so that a claim need not look at
    this one; the end of the older one makes it false again, and false is always safe. `released_at` is when it was
    last released from being held: its lifetime counts from there. A newer event of the same `family` supersedes it at
    an endpoint that coalesces. `probes` counts the attempts that only asked whether the endpoint is back: they do not
    count against the schedule.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "endpoint_id", "replay_no", name="uq_deliveries_once"),
        check_in("state", DELIVERY_STATES),
        sa.Index(
            "ix_deliveries_due",
            "endpoint_id",
            "lane",
            "next_at",
            "event_position",
            postgresql_where=sa.text("state = 'pending' AND behind IS false"),
            sqlite_where=sa.text("state = 'pending' AND behind IS 0"),
        ),
        sa.Index(
            "ix_deliveries_lease",
            "lease_until",
            postgresql_where=sa.text("state = 'leased'"),
            sqlite_where=sa.text("state = 'leased'"),
        ),
        sa.Index(
            "ix_deliveries_held",
            "endpoint_id",
            postgresql_where=sa.text("state = 'held'"),
            sqlite_where=sa.text("state = 'held'"),
        ),
        sa.Index(
            "ix_deliveries_key",
            "endpoint_id",
            "order_key",
            "event_position",
            postgresql_where=sa.text("state IN ('pending', 'leased', 'blocked')"),
            sqlite_where=sa.text("state IN ('pending', 'leased', 'blocked')"),
        ),
        sa.Index(
            "ix_deliveries_family",
            "endpoint_id",
            "family",
            postgresql_where=sa.text("state = 'pending' AND family IS NOT NULL"),
            sqlite_where=sa.text("state = 'pending' AND family IS NOT NULL"),
        ),
        sa.Index("ix_deliveries_endpoint", "endpoint_id", "created_at", "id"),
    )

    id: Id = Field(primary_key=True, description="UUIDv7 of the delivery")
    event_id: Id = Field(foreign_key="events.id", description="The event; its id is also the header webhook-id")
    event_position: BigCount = Field(description="The event's position in the feed")
    endpoint_id: Id = Field(foreign_key="webhook_endpoints.id", description="The endpoint")
    order_key: Text = Field(
        description="Deliveries of one endpoint with the same key go out in order: the account's id, else the "
        "record's (ordering per_key), the endpoint's (strict), or the event's (none)"
    )
    state: DeliveryState = Field(
        default="pending",
        description="pending, leased (being sent), succeeded, dead (given up), blocked (given up; its queue waits), "
        "held (the endpoint is disabled), superseded (by a newer event) or canceled",
    )
    family: str | None
    attempts: Count = Field(default=0, description="The number of calls that were started, probes included")
    probes: int = Field(default=0, sa_column_kwargs={"server_default": sa.text("0")})
    next_at: InstantText = Field(description="When it is tried next, while pending")
    lease_until: InstantText | None
    lease_token: Id | None
    behind: bool = False
    lane: str = "first"
    last_error_class: Text | None = Field(
        description="The latest error: http, timeout, connect, dns, tls, auth, blocked, refused or unknown"
    )
    replay_no: int = 0
    created_at: InstantText = Field(description="When the delivery was created")
    released_at: InstantText | None
    finished_at: InstantText | None = Field(description="When it ended")


deliveries = table_of(Delivery)


@read_of(Delivery, order="id event_id event_type")
class DeliveryRead(Shape):
    """The delivery of one event to one endpoint."""

    event_type: EventPattern = Member(description="The event's type")


class AttemptRequest(Shape):
    """The request of a call. Its body is the event (`/v1/events/{id}`) in the endpoint's format."""

    method: Text = Member(description="POST")
    url: WebUrl = Member(description="The URL it was sent to")
    headers: dict[str, str] = Member(
        description="Its headers, in lower case; those that may hold a secret (authorization and the endpoint's own) "
        "show `***` instead of their value"
    )


class Attempt(Fields, table=True):
    """One call of an endpoint; inserted before the call, so that a crash leaves an attempt with an unknown outcome."""

    __tablename__ = "attempts"
    __table_args__ = (
        check_in(
            "outcome",
            ("open", "ok", "http", "timeout", "connect", "dns", "tls", "auth", "blocked", "refused", "unknown"),
        ),
        sa.Index("ix_attempts_delivery", "delivery_id", "n"),
    )

    id: Id = Field(primary_key=True, description="UUIDv7 of the attempt")
    delivery_id: Id = Field(foreign_key="deliveries.id", description="The delivery")
    n: Count = Field(description="The number of the call, from 1")
    trigger: Text = Field(default="scheduled", description="scheduled, probe (is the endpoint back?), manual or test")
    started_at: InstantText = Field(description="When the call began")
    finished_at: InstantText | None = Field(description="When it ended; null while it is open")
    outcome: Text = Field(
        default="open",
        description="open, ok, http (answered, not 2xx), timeout, connect, dns, tls, auth (no credentials for the call "
        "could be got), blocked, refused (the answer did not meet the endpoint's `success`) or unknown",
    )
    status: Whole | None = Field(description="HTTP status of the answer")
    duration_ms: Count | None = Field(description="The duration of the call in milliseconds")
    request: AttemptRequest | None = Field(
        description="The request; null when the call was not made, or its end is unknown"
    )
    response_headers: dict[str, str] | None = Field(description="Headers of the answer")
    response_body: Annotated[str, StringConstraints(max_length=16384)] | None = Field(
        description="The answer's first 16 kB"
    )
    signing_key_ids: Annotated[list[Id], Member(max_length=5)] | None = Field(
        description="The keys that signed the call, newest first; null when it was not made, or its end is unknown"
    )


attempts = table_of(Attempt)


@read_of(Attempt)
class AttemptRead(Shape):
    """One call of an endpoint."""
