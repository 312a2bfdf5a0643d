"""Webhook endpoints, their deliveries and attempts over HTTP.

A secret is shown once, by creating an endpoint or rotating its keys. `secret` reads which keys are in use and the
public half of those that have one.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.access.policy import Permission
from service.framework.web.answers import Answer, created, found, no_content, page, plain, unversioned
from service.framework.web.router import Inquiry, Part, PathId
from service.models.webhooks.endpoints import (
    AttemptRead,
    DeliveryRead,
    WebhookEndpointCreate,
    WebhookEndpointCreated,
    WebhookEndpointPatch,
    WebhookEndpointRead,
    WebhookTestSent,
)
from service.models.webhooks.pace import WebhookEndpointDisable, WebhookEndpointEnable
from service.models.webhooks.transport import WebhookKeysRead, WebhookSecretRotation
from service.operations.webhooks import endpoints as webhooks
from service.operations.webhooks import handshakes as webhook_handshakes
from service.operations.webhooks import secrets as webhook_secrets
from service.operations.webhooks import switches as webhook_switches
from service.platform.errors import Conflict, StaleVersion
from service.queries.webhooks.endpoints import ATTEMPTS, DELIVERIES, WEBHOOK_ENDPOINTS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("webhooks", reads=Permission.WEBHOOK_READ, writes=Permission.WEBHOOK_WRITE)

WebhookEndpointListQuery = list_query("WebhookEndpointListQuery", WEBHOOK_ENDPOINTS)
WebhookEndpointPage = page_of("WebhookEndpointPage", WebhookEndpointRead)
DeliveryListQuery = list_query("DeliveryListQuery", DELIVERIES)
DeliveryPage = page_of("DeliveryPage", DeliveryRead)
AttemptListQuery = list_query("AttemptListQuery", ATTEMPTS)
AttemptPage = page_of("AttemptPage", AttemptRead)


@part.post(
    "/webhook-endpoints",
    response_model=WebhookEndpointCreated,
    summary="Create a webhook endpoint",
    location="/v1/webhook-endpoints/{id}",
)
async def create_webhook_endpoint(ctx: Caller, data: Annotated[WebhookEndpointCreate, Body()]) -> Answer:
    """Creates an endpoint: events that happen from now on are sent to its URL as signed POSTs (Standard Webhooks). The
    secret is shown in this answer only. The URL must be https and public, unless the service's settings allow its
    network. The endpoint gets the events whose data the creating key may read.
    """
    return created(await webhooks.create_webhook_endpoint(ctx, data))


@part.get("/webhook-endpoints", response_model=WebhookEndpointPage, summary="List webhook endpoints")
async def list_webhook_endpoints(
    ctx: Caller,
    query: Annotated[WebhookEndpointListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists endpoints, without their secrets."""
    return page(await webhooks.list_webhook_endpoints(ctx, page_request(query, WEBHOOK_ENDPOINTS)))


@part.get("/webhook-endpoints/{id}", response_model=WebhookEndpointRead, summary="Read a webhook endpoint")
async def read_webhook_endpoint(ctx: Caller, id: PathId) -> Answer:
    """Reads an endpoint, without its secret."""
    return found(await webhooks.get_webhook_endpoint(ctx, id))


@part.patch("/webhook-endpoints/{id}", response_model=WebhookEndpointRead, summary="Change a webhook endpoint")
async def update_webhook_endpoint(
    ctx: Caller,
    id: PathId,
    patch: Annotated[WebhookEndpointPatch, Body()],  # type: ignore[valid-type]
    info: Inquiry,
) -> Answer:
    """Changes the given members. While an endpoint is disabled its deliveries are held and none is lost; enabled again,
    it gets them in their order. A `url` with another host, port or scheme needs `auth` with it if the endpoint has
    credentials: those of one host are never sent to another.
    """
    return found(await webhooks.update_webhook_endpoint(ctx, id, patch, info.expected))


@part.delete("/webhook-endpoints/{id}", summary="Delete a webhook endpoint")
async def delete_webhook_endpoint(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes an endpoint. Deliveries that wait are canceled; past deliveries stay readable."""
    return no_content(await webhooks.delete_webhook_endpoint(ctx, id, info.expected))


@part.get(
    "/webhook-endpoints/{id}/secret", response_model=WebhookKeysRead, summary="Read a webhook endpoint's signing keys"
)
async def read_webhook_secret(ctx: Caller, id: PathId) -> Answer:
    """Reads the keys that sign deliveries now, newest first: id, kind, when each was made and when it ends, and the
    public half of v1a keys. A symmetric secret is never shown again.
    """
    return plain((await webhook_secrets.get_webhook_secret(ctx, id)).body)


@part.post(
    "/webhook-endpoints/{id}/secret/rotate",
    response_model=WebhookEndpointCreated,
    summary="Rotate a webhook endpoint's signing keys",
    errors=[StaleVersion],
)
async def rotate_webhook_secret(
    ctx: Caller, id: PathId, info: Inquiry, data: Annotated[WebhookSecretRotation | None, Body()] = None
) -> Answer:
    """Makes new signing keys, shown in this answer only. Until the grace is over, deliveries carry a signature by the
    new keys and one by each previous key. At most five keys are in use at once. `grace_seconds: 0` ends the previous
    keys at once: use it when a secret leaked. The body may be left out.
    """
    return found(await webhook_secrets.rotate_webhook_secret(ctx, id, data, info.expected))


@part.post(
    "/webhook-endpoints/{id}/enable",
    response_model=WebhookEndpointRead,
    summary="Enable a webhook endpoint",
    errors=[StaleVersion],
)
async def enable_webhook_endpoint(
    ctx: Caller, id: PathId, data: Annotated[WebhookEndpointEnable, Body()], info: Inquiry
) -> Answer:
    """Enables the endpoint, with no failures and a closed circuit breaker. `held` decides on the deliveries that were
    held: resume, drop, or replay since an instant.
    """
    return found(await webhook_switches.enable_webhook_endpoint(ctx, id, data, info.expected))


@part.post(
    "/webhook-endpoints/{id}/disable",
    response_model=WebhookEndpointRead,
    summary="Disable a webhook endpoint",
    errors=[StaleVersion],
)
async def disable_webhook_endpoint(
    ctx: Caller, id: PathId, data: Annotated[WebhookEndpointDisable, Body()], info: Inquiry
) -> Answer:
    """Disables the endpoint. Its deliveries are held until it is enabled; none is lost."""
    return found(await webhook_switches.disable_webhook_endpoint(ctx, id, data, info.expected))


@part.post(
    "/webhook-endpoints/{id}/handshake",
    status_code=202,
    response_model=WebhookEndpointRead,
    summary="Ask a receiver for its consent again",
    errors=[Conflict],
)
async def ask_webhook_consent(ctx: Caller, id: PathId) -> Answer:
    """Asks the receiver for its consent again within moments (CloudEvents web hooks: OPTIONS with
    WebHook-Request-Origin). The answer is the endpoint; read it again later to see its `consent`. An endpoint without a
    handshake, or a disabled one, gives 409.
    """
    return unversioned(await webhook_handshakes.ask_webhook_consent(ctx, id), 202)


@part.post(
    "/webhook-endpoints/{id}/test",
    status_code=202,
    response_model=WebhookTestSent,
    summary="Send a test event",
    errors=[Conflict],
)
async def send_webhook_test(ctx: Caller, id: PathId) -> Answer:
    """Sends a `webhook.test` event to this endpoint only, whatever its event types. A disabled endpoint gives 409."""
    return unversioned(await webhooks.send_webhook_test(ctx, id), 202)


@part.get(
    "/webhook-endpoints/{id}/deliveries",
    response_model=DeliveryPage,
    summary="List the deliveries of a webhook endpoint",
)
async def list_webhook_deliveries(ctx: Caller, id: PathId, query: Annotated[DeliveryListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the deliveries of an endpoint, newest first; `state=pending,dead` finds those that have not arrived."""
    return page(await webhooks.list_deliveries(ctx, id, page_request(query, DELIVERIES)))


@part.get("/webhook-deliveries/{id}", response_model=DeliveryRead, summary="Read a delivery")
async def read_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Reads a delivery: its state, the number of attempts, when the next one is due."""
    return plain((await webhooks.get_delivery(ctx, id)).body)


@part.get("/webhook-deliveries/{id}/attempts", response_model=AttemptPage, summary="List the attempts of a delivery")
async def list_webhook_attempts(ctx: Caller, id: PathId, query: Annotated[AttemptListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the calls that were made for a delivery, with the receiver's answers."""
    return page(await webhooks.list_attempts(ctx, id, page_request(query, ATTEMPTS)))


@part.post(
    "/webhook-deliveries/{id}/retry",
    status_code=202,
    response_model=DeliveryRead,
    summary="Send a delivery again",
    errors=[Conflict],
)
async def retry_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Sends the event again with the same webhook-id. The answer is the new delivery. A delivery that waits for its
    next attempt or blocks its queue is sent now instead; one that is being sent or held gives 409.
    """
    return unversioned(await webhooks.retry_delivery(ctx, id), 202)
