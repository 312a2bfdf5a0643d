"""How webhook endpoints, deliveries and attempts are read; never a secret."""

from __future__ import annotations

from service.models.events import events
from service.models.webhooks import (
    DELIVERY_STATES,
    AttemptRead,
    DeliveryRead,
    WebhookEndpointRead,
    attempts,
    deliveries,
    webhook_endpoints,
)
from service.platform.filters import Filterable
from service.queries.listing import Listing, Sort

WEBHOOK_ENDPOINTS = Listing(
    name="webhook_endpoints",
    table=webhook_endpoints,
    members={name: webhook_endpoints.c[name] for name in WebhookEndpointRead.model_fields},
    sorts={"created_at": webhook_endpoints.c.created_at, "url": webhook_endpoints.c.url},
)

DELIVERIES = Listing(
    name="webhook_deliveries",
    table=deliveries,
    source=deliveries.join(events, events.c.id == deliveries.c.event_id),
    members={name: events.c.type if name == "event_type" else deliveries.c[name] for name in DeliveryRead.model_fields},
    filters={"state": Filterable(deliveries.c.state, "enum", DELIVERY_STATES)},
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
