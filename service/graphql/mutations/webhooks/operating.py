"""Mutations for operating webhook endpoints."""

from __future__ import annotations

from typing import Any

from service.framework.graph.calls import Call, Gives, RecordId, body, document, gives, identifier
from service.models.shapes import JobRead
from service.models.webhooks.endpoints import DeliveryRead
from service.models.webhooks.operating import WebhookCallRead, WebhookExample
from service.models.webhooks.replays import ReplayStateCount, ReplayTypeCount, WebhookReplay
from service.operations.webhooks import operating as webhook_operating
from service.operations.webhooks import replays as webhook_replays


def _job(result: Any) -> Any:
    job = result.data["job"]
    return None if job is None else RecordId(job["id"])


REPLAY = (
    Gives("job", JobRead | None, _job, "The job that sends; null for a dry run"),
    Gives("events", int | None, lambda result: result.data["events"], "How many events a dry run counted"),
    Gives(
        "complete",
        bool | None,
        lambda result: result.data["complete"],
        "Whether the whole range was counted; false after 100,000 events",
    ),
    Gives(
        "byType",
        list[ReplayTypeCount] | None,
        lambda result: result.data["by_type"],
        "How many of each type a dry run counted",
    ),
    Gives(
        "byState",
        list[ReplayStateCount] | None,
        lambda result: result.data["by_state"],
        "How many by how their last delivery ended",
    ),
)

CALLED = (Gives("call", WebhookCallRead, document, "What came of the call"),)

MUTATIONS = (
    Call("pingWebhookEndpoint", webhook_operating.ping_webhook_endpoint, (identifier(),), CALLED),
    Call(
        "sendWebhookExample",
        webhook_operating.send_webhook_example,
        (identifier(), body(WebhookExample, "SendWebhookExampleInput")),
        CALLED,
    ),
    Call("cancelDelivery", webhook_operating.cancel_delivery, (identifier(),), gives("delivery", DeliveryRead)),
    Call(
        "replayWebhookEndpoint",
        webhook_replays.replay_webhook_endpoint,
        (identifier(), body(WebhookReplay, "ReplayWebhookEndpointInput")),
        REPLAY,
    ),
)
