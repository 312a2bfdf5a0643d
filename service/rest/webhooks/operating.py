"""Operating webhook endpoints over HTTP: calls by hand, statistics, sending events again, canceling."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, plain, unversioned
from service.framework.web.router import Part, PathId
from service.models.webhooks.endpoints import DeliveryRead
from service.models.webhooks.operating import WebhookCallRead, WebhookExample, WebhookStatsRead
from service.models.webhooks.replays import WebhookReplay, WebhookReplayRead
from service.operations.webhooks import operating as webhook_operating
from service.operations.webhooks import replays as webhook_replays
from service.platform.errors import Conflict, RateLimited
from service.rest.dependencies import Caller

part = Part("webhooks")


@part.post(
    "/webhook-endpoints/{id}/replay",
    status_code=202,
    response_model=WebhookReplayRead,
    responses={200: {"model": WebhookReplayRead, "description": "The counts of a dry run"}},
    summary="Send events to a webhook endpoint again",
    errors=[Conflict],
)
async def replay_webhook_endpoint(ctx: Caller, id: PathId, data: Annotated[WebhookReplay, Body()]) -> Answer:
    """Sends the events of a range again, or for the first time (`missing_only`), as a job: 202. With `dry_run` nothing
    is sent, and the answer counts what would be: 200. Each event keeps its id, so a receiver that has it can tell;
    those of one account go out in order, behind what happens now. An endpoint that is turned off gives 409.
    """
    asked = await webhook_replays.replay_webhook_endpoint(ctx, id, data)
    return unversioned(asked, 200 if asked.data["dry_run"] else 202)


@part.post(
    "/webhook-endpoints/{id}/ping",
    response_model=WebhookCallRead,
    summary="Call a webhook endpoint now",
    errors=[RateLimited],
)
async def ping_webhook_endpoint(ctx: Caller, id: PathId) -> Answer:
    """Calls the endpoint at once with a signed webhook.test and answers with what came of it, whether it is turned on
    or not. Nothing is repeated, and nothing is written: to see a delivery take the way of all events, use `test`. Five
    calls in short order, then one a second.
    """
    return plain((await webhook_operating.ping_webhook_endpoint(ctx, id)).body)


@part.post(
    "/webhook-endpoints/{id}/send-example",
    response_model=WebhookCallRead,
    summary="Send an example of an event to a webhook endpoint",
    errors=[RateLimited],
)
async def send_webhook_example(ctx: Caller, id: PathId, data: Annotated[WebhookExample, Body()]) -> Answer:
    """Calls the endpoint at once with an example of an event type, signed and in its format like a real one, whatever
    types it takes. The example is no event of the feed: its `cause.kind` is example, and no event has its id.
    """
    return plain((await webhook_operating.send_webhook_example(ctx, id, data)).body)


@part.get(
    "/webhook-endpoints/{id}/stats", response_model=WebhookStatsRead, summary="Read how a webhook endpoint is doing"
)
async def read_webhook_stats(ctx: Caller, id: PathId) -> Answer:
    """Counts its deliveries by state, says how long the oldest that is due has been waiting, and for the last hour, day
    and week how many attempts succeeded, how the others ended and how long calls took.
    """
    return plain(await webhook_operating.get_webhook_stats(ctx, id))


@part.post(
    "/webhook-deliveries/{id}/cancel", response_model=DeliveryRead, summary="Cancel a delivery", errors=[Conflict]
)
async def cancel_webhook_delivery(ctx: Caller, id: PathId) -> Answer:
    """Gives up a delivery that waits, is held or blocks its line, and lets the next of its line go. One that is being
    sent or has ended gives 409.
    """
    return unversioned(await webhook_operating.cancel_delivery(ctx, id))
