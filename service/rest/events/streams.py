"""Events as they are committed, over HTTP: server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import Query
from pydantic import Field

from service.access.policy import Permission
from service.framework.web.answers import Answer
from service.framework.web.router import Inquiry, Part
from service.models.events.events import EventPatterns
from service.operations.events import streams as event_streams
from service.operations.events.streams import Batch
from service.platform.errors import CursorExpired, CursorInvalid, TooManyStreams
from service.platform.types import Id, Shape
from service.rest.dependencies import Caller, Cursor

part = Part("events", reads=Permission.EVENT_READ, writes=Permission.EVENT_WRITE)

MEDIA = "text/event-stream"
RETRY_MILLISECONDS = 2000
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the last event that arrived; browsers send it when they connect again. It takes "
    "precedence over `after`",
    "schema": {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": "^[A-Za-z0-9_-]+$"},
}
_CONTENT = {
    MEDIA: {
        "schema": {"type": "string", "description": "Server-sent events"},
        "examples": {
            "one": {
                "summary": "One event",
                "value": 'id: AbC1\nevent: account.stage_changed\ndata: {"id": "...", "type": "..."}\n\n',
            }
        },
    }
}


class StreamQuery(Shape):
    """Query of the stream."""

    types: EventPatterns | None = Field(
        default=None, description="Event types, comma-separated; `plan.*` for all about plans"
    )
    account_id: Id | None = Field(default=None, description="Only events of this account")
    after: Cursor | None = Field(
        default=None,
        description="Start after this cursor of the feed; the stream starts now without it and Last-Event-ID",
    )


@part.get(
    "/events/stream",
    summary="Follow the events as they happen",
    errors=[CursorInvalid, CursorExpired, TooManyStreams],
    produces=(MEDIA,),
    openapi_extra={"parameters": [_LAST_EVENT_ID]},
    responses={200: {"description": "The events, each when it is committed", "content": _CONTENT}},
)
async def stream_events(ctx: Caller, query: Annotated[StreamQuery, Query()], info: Inquiry) -> Answer:
    """Sends each event when it is committed, in the order of the feed: `id` is the feed's cursor, `event` the type,
    `data` the same JSON as in the feed. A client that lost its connection sends the last `id` as `Last-Event-ID`
    (browsers do) and goes on from there: no event is missed and none comes twice. A comment every 15 seconds shows that
    the stream is alive. It ends when the service stops or the key is revoked.
    """
    last = info.headers.get(b"last-event-id")
    batches = await event_streams.follow_events(
        ctx,
        after=last.decode("latin-1") if last else query.after,
        types=None if query.types is None else query.types.split(","),
        account_id=query.account_id,
    )
    return Answer(
        media=MEDIA.encode() + b"; charset=utf-8", stream=_written(batches), headers=((b"x-accel-buffering", b"no"),)
    )


async def _written(batches: AsyncGenerator[Batch, None]) -> AsyncGenerator[bytes, None]:
    """Yield the stream's text with the stored bytes of each event. Closing it closes the batches."""
    async with aclosing(batches):
        yield b"retry: %d\n\n" % RETRY_MILLISECONDS
        async for each in batches:
            if not each.events:
                yield b": alive\n\n"
                continue
            yield b"".join(
                b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor.encode(), _type(item), item.encode())
                for cursor, item in each.events
            )


def _type(item: str) -> bytes:
    name: str = orjson.loads(item)["type"]
    return name.encode()
