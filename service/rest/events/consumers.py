"""Named consumers of the feed over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.access.policy import Permission
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

part = Part("events", reads=Permission.EVENT_READ, writes=Permission.EVENT_WRITE)

EventConsumerListQuery = list_query("EventConsumerListQuery", EVENT_CONSUMERS)
EventConsumerPage = page_of("EventConsumerPage", EventConsumerRead)


@part.get("/event-consumers", response_model=EventConsumerPage, summary="List event consumers")
async def list_event_consumers(
    ctx: Caller,
    query: Annotated[EventConsumerListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists named consumers with their positions in the feed."""
    return page(await event_consumers.list_event_consumers(ctx, page_request(query, EVENT_CONSUMERS)))


@part.post(
    "/event-consumers",
    response_model=EventConsumerRead,
    summary="Create an event consumer",
    location="/v1/event-consumers/{id}",
    errors=[NameTaken],
)
async def create_event_consumer(ctx: Caller, data: Annotated[EventConsumerCreate, Body()]) -> Answer:
    """Creates a named reader of the feed; the service stores its position."""
    return created(await event_consumers.create_event_consumer(ctx, data))


@part.get("/event-consumers/{id}", response_model=EventConsumerRead, summary="Read an event consumer")
async def read_event_consumer(ctx: Caller, id: PathId) -> Answer:
    """Reads a consumer: its position, its lease, and how many events it is behind."""
    return found(await event_consumers.get_event_consumer(ctx, id))


@part.delete("/event-consumers/{id}", summary="Delete an event consumer")
async def delete_event_consumer(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes a consumer and its position."""
    return no_content(await event_consumers.delete_event_consumer(ctx, id, info.expected))


@part.post(
    "/event-consumers/{id}/poll",
    response_model=LeasedEvents,
    summary="Lease the next events of an event consumer",
    errors=[ConsumerLeased, CursorExpired],
)
async def poll_event_consumer(ctx: Caller, id: PathId, data: Annotated[EventConsumerPoll, Body()]) -> Answer:
    """Returns the events after the committed position and leases the consumer: until the lease ends no other reader
    gets them. Commit the cursor when the events are processed. Without a commit they are returned again, so each event
    comes at least once, and always in order.
    """
    return unversioned(await event_consumers.poll_event_consumer(ctx, id, data))


@part.post(
    "/event-consumers/{id}/commit",
    response_model=EventConsumerRead,
    summary="Commit an event consumer's position",
    errors=[ConsumerLeaseLost, CursorInvalid, CursorExpired],
)
async def commit_event_consumer(ctx: Caller, id: PathId, data: Annotated[EventConsumerCommit, Body()]) -> Answer:
    """Stores up to which cursor the leased events are processed, and ends the lease unless `release` is false."""
    return found(await event_consumers.commit_event_consumer(ctx, id, data))


@part.post(
    "/event-consumers/{id}/seek",
    response_model=EventConsumerRead,
    summary="Move an event consumer in the feed",
    errors=[StaleVersion, CursorInvalid, CursorExpired],
)
async def seek_event_consumer(
    ctx: Caller, id: PathId, data: Annotated[EventConsumerSeek, Body()], info: Inquiry
) -> Answer:
    """Moves a consumer forwards or back in the feed; a reader that holds a lease loses it."""
    return found(await event_consumers.seek_event_consumer(ctx, id, data, info.expected))
