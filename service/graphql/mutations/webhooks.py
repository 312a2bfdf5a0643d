"""Mutations of webhook endpoints and deliveries."""

from __future__ import annotations

from service.graphql.calls import Call, Gives, body, gives, identifier, if_version
from service.models.webhooks import WebhookEndpointCreate, WebhookEndpointPatch
from service.operations import webhooks

ENDPOINT = gives("webhookEndpoint", "WebhookEndpoint")
SECRET = Gives(
    "secret", "Optional[str]", lambda result: result.data.get("secret"), "The signing secret, shown this once"
)
EVENT = Gives("eventId", "ID", lambda result: result.data["event_id"], "The event; also the header webhook-id")
BODY = body(WebhookEndpointCreate, "CreateWebhookEndpointInput")
PATCH = body(WebhookEndpointPatch, "UpdateWebhookEndpointInput")

MUTATIONS = (
    Call("createWebhookEndpoint", webhooks.create_webhook_endpoint, (BODY,), (*ENDPOINT, SECRET)),
    Call("updateWebhookEndpoint", webhooks.update_webhook_endpoint, (identifier(), PATCH, if_version()), ENDPOINT),
    Call("deleteWebhookEndpoint", webhooks.delete_webhook_endpoint, (identifier(), if_version()), ENDPOINT),
    Call("rotateWebhookSecret", webhooks.rotate_webhook_secret, (identifier(), if_version()), (*ENDPOINT, SECRET)),
    Call("sendWebhookTest", webhooks.send_webhook_test, (identifier(),), (EVENT,)),
    Call("retryDelivery", webhooks.retry_delivery, (identifier(),), gives("delivery", "WebhookDelivery")),
)
