"""Webhook endpoints, their deliveries and attempts over HTTP.

A secret can't be read again: it is shown when it is made, by creating or rotating. What `secret` reads is which keys
there are, and the public half of those that have one.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

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

part = Part("webhooks")

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
    """Has events sent to a URL from now on, as signed POSTs (Standard Webhooks). The secret is shown in this answer
    only. The URL must be https and public, unless the service's settings allow its network. The endpoint gets what
    the key that creates it may read: events whose data it could not read are not sent.
    """
    return created(await webhooks.create_webhook_endpoint(ctx, data))


@part.get("/webhook-endpoints", response_model=WebhookEndpointPage, summary="List webhook endpoints")
async def list_webhook_endpoints(
    ctx: Caller,
    query: Annotated[WebhookEndpointListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists endpoints without their secrets."""
    return page(await webhooks.list_webhook_endpoints(ctx, page_request(query, WEBHOOK_ENDPOINTS)))


@part.get("/webhook-endpoints/{id}", response_model=WebhookEndpointRead, summary="Read a webhook endpoint")
async def read_webhook_endpoint(ctx: Caller, id: PathId) -> Answer:
    """Reads one endpoint without its secret."""
    return found(await webhooks.get_webhook_endpoint(ctx, id))


@part.patch("/webhook-endpoints/{id}", response_model=WebhookEndpointRead, summary="Change a webhook endpoint")
async def update_webhook_endpoint(
    ctx: Caller,
    id: PathId,
    patch: Annotated[WebhookEndpointPatch, Body()],  # type: ignore[valid-type]
    asked: Inquiry,
) -> Answer:
    """Changes the members that are sent. While an endpoint is not enabled its deliveries are held, none is lost;
    enabled again, they go out in their order. A `url` of another host, port or scheme needs `auth` with it, if there
    is one: credentials that were given for one host are never sent to another.
    """
    return found(await webhooks.update_webhook_endpoint(ctx, id, patch, asked.expected))


@part.delete("/webhook-endpoints/{id}", summary="Delete a webhook endpoint")
async def delete_webhook_endpoint(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Ends the subscription: deliveries that wait are canceled."""
    return no_content(await webhooks.delete_webhook_endpoint(ctx, id, asked.expected))


@part.get("/webhook-endpoints/{id}/secret", response_model=WebhookKeysRead, summary="Read which keys sign")
async def read_webhook_secret(ctx: Caller, id: PathId) -> Answer:
    """Reads the keys that deliveries are signed with now, newest first: id, kind, when each was made and when it ends,
    and the public half of v1a keys. A symmetric secret is not shown again.
    """
    return plain((await webhook_secrets.get_webhook_secret(ctx, id)).body)


@part.post(
    "/webhook-endpoints/{id}/secret/rotate",
    response_model=WebhookEndpointCreated,
    summary="Rotate the signing keys",
    errors=[StaleVersion],
)
async def rotate_webhook_secret(
    ctx: Caller, id: PathId, asked: Inquiry, data: Annotated[WebhookSecretRotation | None, Body()] = None
) -> Answer:
    """Makes new signing keys, shown in this answer only. Until the grace is over deliveries carry a signature with the
    new keys and one with each key before; at most five keys live at once. `grace_seconds: 0` ends the others at once,
    for a secret that leaked. The body may be left out.
    """
    return found(await webhook_secrets.rotate_webhook_secret(ctx, id, data, asked.expected))


@part.post(
    "/webhook-endpoints/{id}/enable",
    response_model=WebhookEndpointRead,
    summary="Turn a webhook endpoint on",
    errors=[StaleVersion],
)
async def enable_webhook_endpoint(
    ctx: Caller, id: PathId, data: Annotated[WebhookEndpointEnable, Body()], asked: Inquiry
) -> Answer:
    """Turns the endpoint on, with a clean history and a closed breaker; `held` says what becomes of the deliveries it
    missed: resume, drop, or replay since an instant.
    """
    return found(await webhook_switches.enable_webhook_endpoint(ctx, id, data, asked.expected))


@part.post(
    "/webhook-endpoints/{id}/disable",
    response_model=WebhookEndpointRead,
    summary="Turn a webhook endpoint off",
    errors=[StaleVersion],
)
async def disable_webhook_endpoint(
    ctx: Caller, id: PathId, data: Annotated[WebhookEndpointDisable, Body()], asked: Inquiry
) -> Answer:
    """Turns the endpoint off: its deliveries are held, none is lost, until it is turned on."""
    return found(await webhook_switches.disable_webhook_endpoint(ctx, id, data, asked.expected))


@part.post(
    "/webhook-endpoints/{id}/handshake",
    status_code=202,
    response_model=WebhookEndpointRead,
    summary="Ask a receiver for its consent again",
    errors=[Conflict],
)
async def ask_webhook_consent(ctx: Caller, id: PathId) -> Answer:
    """Has the receiver asked again within moments, as CloudEvents' web hooks do it: OPTIONS with
    WebHook-Request-Origin. The answer is the endpoint; read it again to see its `consent`. An endpoint
    without a handshake gives 409.
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
    """Sends webhook.test to this endpoint only, whatever event types it takes. An endpoint that is not enabled gives
    409.
    """
    return unversioned(await webhooks.send_webhook_test(ctx, id), 202)


@part.get(
    "/webhook-endpoints/{id}/deliveries",
    response_model=DeliveryPage,
    summary="List the deliveries of a webhook endpoint",
)
async def list_webhook_deliveries(ctx: Caller, id: PathId, query: Annotated[DeliveryListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists what was or will be sent to an endpoint, newest first; `state=pending,dead` for what has not arrived."""
    return page(await webhooks.list_deliveries(ctx, id, page_request(query, DELIVERIES)))


@part.get("/webhook-deliveries/{id}", response_model=DeliveryRead, summary="Read a delivery")
async def read_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Reads one delivery: its state, how often it was tried, when it is tried next."""
    return plain((await webhooks.get_delivery(ctx, id)).body)


@part.get("/webhook-deliveries/{id}/attempts", response_model=AttemptPage, summary="List the attempts of a delivery")
async def list_webhook_attempts(ctx: Caller, id: PathId, query: Annotated[AttemptListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the calls that were made for a delivery, with what the receiver answered."""
    return page(await webhooks.list_attempts(ctx, id, page_request(query, ATTEMPTS)))


@part.post(
    "/webhook-deliveries/{id}/retry",
    status_code=202,
    response_model=DeliveryRead,
    summary="Send a delivery again",
    errors=[Conflict],
)
async def retry_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Sends the event again with the same webhook-id, as a new delivery, which is the answer. A delivery that waits
    for its next attempt is tried now instead; one that is being sent or held gives 409.
    """
    return unversioned(await webhooks.retry_delivery(ctx, id), 202)
