"""Read webhook endpoints, deliveries and attempts, never a secret."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.dialects import document, json_row
from service.framework.database.filters import Filterable
from service.framework.database.listing import Listing, Sort
from service.models.events.events import events
from service.models.webhooks.endpoints import (
    DELIVERY_STATES,
    AttemptRead,
    DeliveryRead,
    WebhookEndpointRead,
    attempts,
    deliveries,
    webhook_endpoints,
)

_COMPOSED: dict[str, ColumnElement[Any]] = {
    "state": sa.case(
        (webhook_endpoints.c.enabled.is_(sa.true()), sa.literal_column("'enabled'")),
        else_=sa.literal_column("'disabled'"),
    ),
    "breaker": json_row(
        {
            "state": webhook_endpoints.c.breaker_state,
            "opened_at": webhook_endpoints.c.breaker_opened_at,
            "probe_at": webhook_endpoints.c.breaker_probe_at,
            "failures": webhook_endpoints.c.breaker_failures,
        }
    ),
}

WEBHOOK_ENDPOINTS = Listing(
    name="webhook_endpoints",
    table=webhook_endpoints,
    members={
        name: _COMPOSED[name] if name in _COMPOSED else webhook_endpoints.c[name]
        for name in WebhookEndpointRead.model_fields
    },
    sorts={"created_at": webhook_endpoints.c.created_at, "url": webhook_endpoints.c.url},
)

TRANSPORT = document(
    json_row(
        {name: webhook_endpoints.c[name] for name in ("format", "body_map", "success", "headers", "auth", "handshake")}
    )
).label("transport")
"""An endpoint's transport (format, headers, authentication ...) as one text. The delivery engine passes it to the
destination, which parses it.
"""

DELIVERIES = Listing(
    name="webhook_deliveries",
    table=deliveries,
    source=deliveries.join(events, events.c.id == deliveries.c.event_id),
    members={name: events.c.type if name == "event_type" else deliveries.c[name] for name in DeliveryRead.model_fields},
    filters={
        "state": Filterable(deliveries.c.state, "enum", DELIVERY_STATES),
        "event_type": Filterable(events.c.type, "text"),
        "account_id": Filterable(events.c.account_id, "id"),
        "created_at": Filterable(deliveries.c.created_at, "instant"),
    },
    sorts={"created_at": deliveries.c.created_at},
    default_sort=(Sort("created_at", descending=True),),
)

ATTEMPTS = Listing(
    name="webhook_attempts",
    table=attempts,
    members={name: attempts.c[name] for name in AttemptRead.model_fields},
    sorts={"n": attempts.c.n},
    default_sort=(Sort("n"),),
)
