"""Operating webhook endpoints over HTTP: sending events again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.models.webhook_replay import WebhookReplay, WebhookReplayRead
from service.operations import webhook_replays
from service.platform.errors import Conflict, NotFound
from service.rest.answers import Answer, plain
from service.rest.dependencies import Caller
from service.rest.router import Part, PathId

part = Part("webhooks")


@part.post(
    "/webhook-endpoints/{id}/replay",
    status_code=202,
    response_model=WebhookReplayRead,
    responses={200: {"model": WebhookReplayRead, "description": "The counts of a dry run"}},
    summary="Send events to a webhook endpoint again",
    errors=[NotFound, Conflict],
)
async def replay_webhook_endpoint(ctx: Caller, id: PathId, data: Annotated[WebhookReplay, Body()]) -> Answer:
    """Sends the events of a range again, or for the first time (`missing_only`), as a job: 202. With `dry_run` nothing
    is sent, and the answer counts what would be: 200. Each event keeps its id, so a receiver that has it can tell;
    those of one account go out in order, behind what happens now. An endpoint that is turned off gives 409.
    """
    asked = await webhook_replays.replay_webhook_endpoint(ctx, id, data)
    headers = {"Idempotent-Replayed": "true"} if asked.replayed else None
    return plain(asked.body, 200 if asked.data["dry_run"] else 202, headers)
