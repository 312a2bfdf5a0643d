"""Webhook endpoints, the deliveries of events to them, and every attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Json, Uuid
from service.framework.database.fields import patch_of
from service.models.shapes import Living, ReadBase
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
from service.platform.types import BigCount, Count, Flag, Id, InstantText, Shape, Text, WebUrl, Whole

EventPattern = Annotated[
    str, StringConstraints(strict=True, max_length=100, pattern=r"^(\*|[a-z_]+)(\.(\*|[a-z_]+))*$")
]


class WebhookEndpointCreate(TransportShape, PaceShape, SigningShape, SubscriptionShape):
    """Where events are to be sent."""

    url: WebUrl = Member(
        description="https:// (http:// only inside the allowed networks); no user name, no redirect is followed",
        examples=["https://example.com/hooks/kam"],
    )
    event_types: Annotated[list[EventPattern], Member(min_length=1, max_length=50)] = Member(
        description="Event types; a segment may be `*`: `plan.*` for all of a kind, `*.created`, `*` for all. What the "
        "key that creates the endpoint may not read is not sent",
        examples=[["account.quadrant_changed", "plan.*"]],
    )
    description: Text | None = Member(default=None, description="What this endpoint is for")
    enabled: Flag = Member(
        default=True, description="Whether deliveries are sent; those that come up meanwhile are held"
    )


WebhookEndpointPatch = patch_of(WebhookEndpointCreate, "WebhookEndpointPatch", SigningShape.model_fields)


class WebhookEndpoint(PaceColumns, TransportColumns, Living, SQLModel, table=True):
    """The table."""

    __tablename__ = "webhook_endpoints"

    url: str = Field(sa_type=sa.Text)
    event_types: Any = Field(sa_type=Json)
    filter: Any = Field(default=None, sa_type=Json, nullable=True)
    changed: Any = Field(default_factory=list, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'[]'")})
    channels: Any = Field(default_factory=list, sa_type=Json, sa_column_kwargs={"server_default": sa.text("'[]'")})
    description: str | None = Field(default=None, sa_type=sa.Text)
    enabled: bool = Field(default=True, sa_type=sa.Boolean)
    disabled_reason: str | None = Field(default=None, sa_type=sa.Text)
    secret_encrypted: str = Field(sa_type=sa.Text)
    created_by: str | None = Field(default=None, sa_type=sa.Text)


webhook_endpoints: sa.Table = WebhookEndpoint.__table__  # type: ignore[attr-defined]


class WebhookEndpointRead(TransportRead, PaceRead, SigningRead, SubscriptionRead, ReadBase):
    """A webhook endpoint; its secret is shown once, when it is created or rotated."""

    url: WebUrl = Member(description="Where events are sent")
    event_types: Annotated[list[EventPattern], Member(max_length=50)] = Member(description="Event types it gets")
    description: Text | None = Member(description="What this endpoint is for")
    enabled: Flag = Member(description="Whether deliveries are sent")
    disabled_reason: Text | None = Member(description="Why the service turned it off, if it did")
    created_by: Id | None = Member(
        description="The API key whose permissions decide what is sent: the one that created the endpoint. Once it is "
        "revoked or expired, the endpoint is turned off; the key that turns it on again takes its place"
    )


class WebhookEndpointCreated(SigningShown, WebhookEndpointRead):
    """A webhook endpoint with its new signing keys."""


class WebhookTestSent(Shape):
    """A test event on its way."""

    event_id: Id = Member(description="The event; the receiver finds the id in the header webhook-id")
    endpoint_id: Id = Member(description="The endpoint")


DELIVERY_STATES = ("pending", "leased", "succeeded", "dead", "blocked", "held", "superseded", "canceled")


class Delivery(SQLModel, table=True):
    """One event on its way to one endpoint.

    `behind` says that an older open delivery of the same endpoint and key goes first, so that a claim need not look
    at it: true only while there is such a one, whose end makes the next one false again; false is always safe.
    `released_at` is when it last came out of being held: its lifetime counts from there. `family` is what a newer event
    must share to supersede it, at an endpoint that coalesces. `probes` counts the attempts that only asked whether the
    endpoint is back: they do not count against the schedule.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "endpoint_id", "replay_no", name="uq_deliveries_once"),
        sa.CheckConstraint(
            "state IN ('pending', 'leased', 'succeeded', 'dead', 'blocked', 'held', 'superseded', 'canceled')",
            name="known_state",
        ),
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

    id: str = Field(primary_key=True, sa_type=Uuid)
    event_id: str = Field(sa_type=Uuid, foreign_key="events.id")
    event_position: int = Field(sa_type=sa.BigInteger)
    endpoint_id: str = Field(sa_type=Uuid, foreign_key="webhook_endpoints.id")
    order_key: str = Field(sa_type=sa.Text)
    state: str = Field(default="pending", sa_type=sa.Text)
    family: str | None = Field(default=None, sa_type=sa.Text)
    attempts: int = Field(default=0, sa_type=sa.BigInteger)
    probes: int = Field(default=0, sa_type=sa.BigInteger, sa_column_kwargs={"server_default": sa.text("0")})
    next_at: datetime = Field(sa_type=Instant)
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    lease_token: str | None = Field(default=None, sa_type=Uuid)
    behind: bool = Field(default=False, sa_type=sa.Boolean)
    lane: str = Field(default="first", sa_type=sa.Text)
    last_error_class: str | None = Field(default=None, sa_type=sa.Text)
    replay_no: int = Field(default=0, sa_type=sa.BigInteger)
    created_at: datetime = Field(sa_type=Instant)
    released_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


deliveries: sa.Table = Delivery.__table__  # type: ignore[attr-defined]


class Attempt(SQLModel, table=True):
    """One call of an endpoint; written before the call, so that a crash shows as unknown and not as nothing."""

    __tablename__ = "attempts"
    __table_args__ = (
        sa.CheckConstraint(
            "outcome IN ('open', 'ok', 'http', 'timeout', 'connect', 'dns', 'tls', 'auth', 'blocked', 'unknown')",
            name="known_outcome",
        ),
        sa.Index("ix_attempts_delivery", "delivery_id", "n"),
    )

    id: str = Field(primary_key=True, sa_type=Uuid)
    delivery_id: str = Field(sa_type=Uuid, foreign_key="deliveries.id")
    n: int = Field(sa_type=sa.BigInteger)
    trigger: str = Field(default="scheduled", sa_type=sa.Text)
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = Field(default="open", sa_type=sa.Text)
    status: int | None = Field(default=None, sa_type=sa.BigInteger)
    duration_ms: int | None = Field(default=None, sa_type=sa.BigInteger)
    request: Any = Field(default=None, sa_type=Json, nullable=True)
    response_headers: Any = Field(default=None, sa_type=Json, nullable=True)
    response_body: str | None = Field(default=None, sa_type=sa.Text)
    signing_key_ids: Any = Field(default=None, sa_type=Json, nullable=True)


attempts: sa.Table = Attempt.__table__  # type: ignore[attr-defined]

DeliveryState = Annotated[str, StringConstraints(pattern=f"^({'|'.join(DELIVERY_STATES)})$")]


class DeliveryRead(Shape):
    """The delivery of one event to one endpoint."""

    id: Id = Member(description="UUIDv7 of the delivery")
    event_id: Id = Member(description="The event; its id is also the header webhook-id")
    event_type: EventPattern = Member(description="The event's type")
    event_position: BigCount = Member(description="The event's place in the feed")
    endpoint_id: Id = Member(description="The endpoint")
    order_key: Text = Member(
        description="Deliveries of one endpoint with the same key go out in order: the account's id, else the "
        "record's (ordering per_key), the endpoint's (strict), or the event's (none)"
    )
    state: DeliveryState = Member(
        description="pending, leased (being sent), succeeded, dead (given up), blocked (given up, and its line waits), "
        "held (the endpoint is turned off), superseded (by a newer event) or canceled"
    )
    attempts: Count = Member(description="How many calls were begun, probes included")
    next_at: InstantText = Member(description="When it is tried next, while pending")
    last_error_class: Text | None = Member(
        description="What went wrong last: http, timeout, connect, dns, tls, auth, blocked, unknown"
    )
    created_at: InstantText = Member(description="When it came up")
    finished_at: InstantText | None = Member(description="When it ended")


class AttemptRequest(Shape):
    """The request of a call. Its body is the event (`/v1/events/{id}`) in the endpoint's format."""

    method: Text = Member(description="POST")
    url: WebUrl = Member(description="Where it was sent")
    headers: dict[str, str] = Member(
        description="Its headers, in lower case; those that may hold a secret (authorization and the endpoint's own) "
        "show `***` instead of their value"
    )


class AttemptRead(Shape):
    """One call of an endpoint."""

    id: Id = Member(description="UUIDv7 of the attempt")
    delivery_id: Id = Member(description="The delivery")
    n: Count = Member(description="1 for the first call")
    trigger: Text = Member(description="scheduled, probe (is the endpoint back?), manual or test")
    started_at: InstantText = Member(description="When the call began")
    finished_at: InstantText | None = Member(description="When it ended; null while it is open")
    outcome: Text = Member(
        description="open, ok, http (answered, not 2xx), timeout, connect, dns, tls, auth (no credentials could be "
        "had for the call), blocked, unknown"
    )
    status: Whole | None = Member(description="HTTP status of the answer")
    duration_ms: Count | None = Member(description="How long the call took, in milliseconds")
    request: AttemptRequest | None = Member(
        description="What was sent; null when the call was not made, or its end is unknown"
    )
    response_headers: dict[str, str] | None = Member(description="Headers of the answer")
    response_body: Annotated[str, StringConstraints(max_length=16384)] | None = Member(
        description="The answer's first 16 kB"
    )
    signing_key_ids: Annotated[list[Id], Member(max_length=5)] | None = Member(
        description="The keys that signed the call, newest first; null when it was not made, or its end is unknown"
    )
