"""Named consumers of the feed over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.web.answers import Answer, created, found, no_content, page, unversioned
from service.framework.web.router import Inquiry, Part, PathId
from service.models.events.consumers import (
    EventConsumerCommit,
    EventConsumerCreate,
    EventConsumerPoll,
    EventConsumerRead,
    EventConsumerSeek,
)
from service.models.events.events import LeasedEvents
from service.operations.events import consumers as event_consumers
from service.platform.errors import (
    ConsumerLeased,
    ConsumerLeaseLost,
    CursorExpired,
    CursorInvalid,
    NameTaken,
    StaleVersion,
)
from service.queries.events.consumers import EVENT_CONSUMERS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("events")

EventConsumerListQuery = list_query("EventConsumerListQuery", EVENT_CONSUMERS)
EventConsumerPage = page_of("EventConsumerPage", EventConsumerRead)


@part.get("/event-consumers", response_model=EventConsumerPage, summary="List event consumers")
async def list_event_consumers(
    ctx: Caller,
    query: Annotated[EventConsumerListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists named consumers with how far they have come."""
    return page(await event_consumers.list_event_consumers(ctx, page_request(query, EVENT_CONSUMERS)))


@part.post(
    "/event-consumers",
    response_model=EventConsumerRead,
    summary="Create an event consumer",
    location="/v1/event-consumers/{id}",
    errors=[NameTaken],
)
async def create_event_consumer(ctx: Caller, data: Annotated[EventConsumerCreate, Body()]) -> Answer:
    """Names a reader of the feed whose place the service keeps."""
    return created(await event_consumers.create_event_consumer(ctx, data))


@part.get("/event-consumers/{id}", response_model=EventConsumerRead, summary="Read an event consumer")
async def read_event_consumer(ctx: Caller, id: PathId) -> Answer:
    """Reads one consumer: its place, its lease, how far it is behind."""
    return found(await event_consumers.get_event_consumer(ctx, id))


@part.delete("/event-consumers/{id}", summary="Delete an event consumer")
async def delete_event_consumer(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Forgets a consumer and its place."""
    return no_content(await event_consumers.delete_event_consumer(ctx, id, asked.expected))


@part.post(
    "/event-consumers/{id}/poll",
    response_model=LeasedEvents,
    summary="Lease events of a consumer",
    errors=[ConsumerLeased, CursorExpired],
)
async def poll_event_consumer(ctx: Caller, id: PathId, data: Annotated[EventConsumerPoll, Body()]) -> Answer:
    """Gives the events after the committed place and leases the consumer: until the lease ends nobody else gets them.
    Commit the cursor when they are done; without a commit they are given again, so each event comes at least once, and
    always in order.
    """
    return unversioned(await event_consumers.poll_event_consumer(ctx, id, data))


@part.post(
    "/event-consumers/{id}/commit",
    response_model=EventConsumerRead,
    summary="Commit a consumer's place",
    errors=[ConsumerLeaseLost, CursorInvalid, CursorExpired],
)
async def commit_event_consumer(ctx: Caller, id: PathId, data: Annotated[EventConsumerCommit, Body()]) -> Answer:
    """Says how far the leased events are done, and ends the lease unless `release` is false."""
    return found(await event_consumers.commit_event_consumer(ctx, id, data))


@part.post(
    "/event-consumers/{id}/seek",
    response_model=EventConsumerRead,
    summary="Move a consumer in the feed",
    errors=[StaleVersion, CursorInvalid, CursorExpired],
)
async def seek_event_consumer(
    ctx: Caller, id: PathId, data: Annotated[EventConsumerSeek, Body()], asked: Inquiry
) -> Answer:
    """Puts a consumer somewhere else in the feed, forwards or back; a reader at work loses its lease."""
    return found(await event_consumers.seek_event_consumer(ctx, id, data, asked.expected))
