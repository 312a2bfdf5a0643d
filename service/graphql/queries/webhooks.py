"""Queries of webhook endpoints beside their pages."""

from __future__ import annotations

from service.framework.graph.calls import Call, identifier, itself, shows
from service.models.webhooks.operating import WebhookStatsRead
from service.operations.webhooks import operating as webhook_operating

QUERIES = (
    Call(
        "webhookStats",
        webhook_operating.get_webhook_stats,
        (identifier("endpointId", "The endpoint"),),
        shows(WebhookStatsRead, itself),
    ),
)
