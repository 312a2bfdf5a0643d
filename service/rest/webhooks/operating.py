"""Operating webhook endpoints over HTTP: calls at once, statistics, replays, canceling a delivery."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.access.policy import Permission
from service.framework.web.answers import Answer, plain, unversioned
from service.framework.web.router import Part, PathId
from service.models.webhooks.endpoints import DeliveryRead
from service.models.webhooks.operating import WebhookCallRead, WebhookExample, WebhookStatsRead
from service.models.webhooks.replays import WebhookReplay, WebhookReplayRead
from service.operations.webhooks import operating as webhook_operating
from service.operations.webhooks import replays as webhook_replays
from service.platform.errors import Conflict, RateLimited
from service.rest.dependencies import Caller

part = Part("webhooks", reads=Permission.WEBHOOK_READ, writes=Permission.WEBHOOK_WRITE)


@part.post(
    "/webhook-endpoints/{id}/replay",
    status_code=202,
    response_model=WebhookReplayRead,
    responses={200: {"model": WebhookReplayRead, "description": "The counts of a dry run"}},
    summary="Replay events to a webhook endpoint",
    errors=[Conflict],
)
async def replay_webhook_endpoint(ctx: Caller, id: PathId, data: Annotated[WebhookReplay, Body()]) -> Answer:
    """Sends the events of a range to the endpoint again, or for the first time (`missing_only`), as a job (202). With
    `dry_run` nothing is sent and the answer counts the events (200). Each event keeps its id, so a receiver can
    recognise events that it has. The events of one account go out in order, after deliveries that wait already. A
    disabled endpoint gives 409.
    """
    replay = await webhook_replays.replay_webhook_endpoint(ctx, id, data)
    return unversioned(replay, 200 if replay.data["dry_run"] else 202)


@part.post(
    "/webhook-endpoints/{id}/ping",
    response_model=WebhookCallRead,
    summary="Call a webhook endpoint now",
    errors=[RateLimited],
)
async def ping_webhook_endpoint(ctx: Caller, id: PathId) -> Answer:
    """Calls the endpoint at once with a signed `webhook.test` event and answers with the outcome, whether the endpoint
    is enabled or not. A failed call is not repeated and nothing is stored. To test the whole way of a delivery use
    `test`. Five calls are allowed in short order, then one a second. A receiver that has not given its consent gives
    409.
    """
    return plain((await webhook_operating.ping_webhook_endpoint(ctx, id)).body)


@part.post(
    "/webhook-endpoints/{id}/send-example",
    response_model=WebhookCallRead,
    summary="Send an example event to a webhook endpoint",
    errors=[RateLimited],
)
async def send_webhook_example(ctx: Caller, id: PathId, data: Annotated[WebhookExample, Body()]) -> Answer:
    """Calls the endpoint at once with an example of any event type, signed and in the endpoint's format, and answers
    with the outcome. The example is not in the feed: its `cause.kind` is example, and no event has its id. A receiver
    that has not given its consent gives 409.
    """
    return plain((await webhook_operating.send_webhook_example(ctx, id, data)).body)


@part.get(
    "/webhook-endpoints/{id}/stats", response_model=WebhookStatsRead, summary="Read a webhook endpoint's statistics"
)
async def read_webhook_stats(ctx: Caller, id: PathId) -> Answer:
    """Counts the endpoint's deliveries by state and shows how long the oldest one has been due. For the last hour, day
    and week it shows how many attempts succeeded, how the others failed, and how long calls took.
    """
    return plain(await webhook_operating.get_webhook_stats(ctx, id))


@part.post(
    "/webhook-deliveries/{id}/cancel", response_model=DeliveryRead, summary="Cancel a delivery", errors=[Conflict]
)
async def cancel_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Cancels a delivery that waits, is held or blocks its queue, and releases the next delivery of that queue. A
    delivery that is being sent or has ended gives 409.
    """
    return unversioned(await webhook_operating.cancel_delivery(ctx, id))
