"""Mutations of webhook endpoints and deliveries."""

from __future__ import annotations

from service.framework.graph.calls import ID, Call, Gives, body, gives, identifier, if_version, optional_body
from service.models.webhooks.endpoints import (
    DeliveryRead,
    WebhookEndpointCreate,
    WebhookEndpointPatch,
    WebhookEndpointRead,
)
from service.models.webhooks.pace import WebhookEndpointDisable, WebhookEndpointEnable
from service.models.webhooks.transport import WebhookSecretRotation
from service.operations.webhooks import endpoints as webhooks
from service.operations.webhooks import handshakes as webhook_handshakes
from service.operations.webhooks import secrets as webhook_secrets
from service.operations.webhooks import switches as webhook_switches

ENDPOINT = gives("webhookEndpoint", WebhookEndpointRead)
SECRET = Gives(
    "secret",
    str | None,
    lambda result: result.data.get("secret"),
    "The new symmetric secret, shown this once; null when the endpoint signs with v1a only",
)
PUBLIC_KEY = Gives(
    "publicKey",
    str | None,
    lambda result: result.data.get("public_key"),
    "The public half of the new ed25519 key; null when the endpoint signs with v1 only",
)
KEYS = (*ENDPOINT, SECRET, PUBLIC_KEY)
EVENT = Gives("eventId", ID, lambda result: result.data["event_id"], "The event; also the header webhook-id")
BODY = body(WebhookEndpointCreate, "CreateWebhookEndpointInput")
PATCH = body(WebhookEndpointPatch, "UpdateWebhookEndpointInput")
ROTATION = optional_body(WebhookSecretRotation, "RotateWebhookSecretInput")
ENABLE = body(WebhookEndpointEnable, "EnableWebhookEndpointInput")
DISABLE = body(WebhookEndpointDisable, "DisableWebhookEndpointInput")

MUTATIONS = (
    Call("createWebhookEndpoint", webhooks.create_webhook_endpoint, (BODY,), KEYS),
    Call("updateWebhookEndpoint", webhooks.update_webhook_endpoint, (identifier(), PATCH, if_version()), ENDPOINT),
    Call("deleteWebhookEndpoint", webhooks.delete_webhook_endpoint, (identifier(), if_version()), ENDPOINT),
    Call("rotateWebhookSecret", webhook_secrets.rotate_webhook_secret, (identifier(), ROTATION, if_version()), KEYS),
    Call("askWebhookConsent", webhook_handshakes.ask_webhook_consent, (identifier(),), ENDPOINT),
    Call(
        "enableWebhookEndpoint",
        webhook_switches.enable_webhook_endpoint,
        (identifier(), ENABLE, if_version()),
        ENDPOINT,
    ),
    Call(
        "disableWebhookEndpoint",
        webhook_switches.disable_webhook_endpoint,
        (identifier(), DISABLE, if_version()),
        ENDPOINT,
    ),
    Call("sendWebhookTest", webhooks.send_webhook_test, (identifier(),), (EVENT,)),
    Call("retryDelivery", webhooks.retry_delivery, (identifier(),), gives("delivery", DeliveryRead)),
)
