"""The feed of events, single events and the catalogue of their types over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from service.framework.web.answers import Answer, found, plain
from service.framework.web.router import Part, PathId
from service.models.events.events import EventPatterns, EventRead, EventTypeDetail, EventTypeRead
from service.operations.events import events
from service.platform.errors import CursorExpired
from service.platform.types import Id, InstantText, Shape
from service.rest.dependencies import Caller, Cursor, PageQuery

part = Part("events")

TypeName = Annotated[str, Path(description="The type's name, for example account.quadrant_changed")]


class EventListQuery(PageQuery):
    """Query of the feed."""

    types: EventPatterns | None = Field(
        default=None,
        description="Event types, comma-separated; `plan.*` for all of a kind, `*.created`",
        examples=["account.quadrant_changed,plan.*"],
    )
    account_id: Id | None = Field(default=None, description="Only events of this account")
    since: InstantText | None = Field(default=None, description="Only what happened from this instant on")
    until: InstantText | None = Field(default=None, description="Only what happened before this instant")


class EventPage(Shape):
    """One page of the feed."""

    items: Annotated[list[EventRead], Field(max_length=200)] = Field(description="Events, oldest first")
    next_cursor: Cursor = Field(description="Pass as `after` to go on, now or later; also there at the end of the feed")
    has_more: bool = Field(description="Whether there are more already; false when the end is reached")


class EventTypeList(Shape):
    """All event types."""

    items: Annotated[list[EventTypeRead], Field(max_length=500)] = Field(description="In the catalogue's order")


@part.get("/events", response_model=EventPage, summary="Read the feed of events", errors=[CursorExpired])
async def list_events(ctx: Caller, query: Annotated[EventListQuery, Query()]) -> Answer:
    """Gives events in the order in which they were committed, without a gap: whoever goes on with `next_cursor` misses
    none and sees none twice. Events of one account come in the order of its versions. Only events whose data the key
    may read are shown. A cursor is good for any filter and for as long as events are kept (90 days, unless the service
    is set otherwise): an older one gives 410 with the cursor `oldest` to go on from, because events between are gone.
    With `has_more` false the end is reached; ask again later with `next_cursor`.
    """
    shown = await events.list_events(
        ctx,
        after=query.after,
        types=None if query.types is None else query.types.split(","),
        account_id=query.account_id,
        since=query.since,
        until=query.until,
        limit=query.limit,
    )
    return Answer(shown.body, next_cursor=shown.next_cursor if shown.has_more else None)


@part.get("/events/{id}", response_model=EventRead, summary="Read an event")
async def read_event(ctx: Caller, id: PathId) -> Answer:
    """Reads one event as the feed shows it; it never changes."""
    return found(await events.get_event(ctx, id))


@part.get("/event-types", response_model=EventTypeList, summary="List event types")
async def list_event_types(ctx: Caller) -> Answer:
    """Lists what can happen: every type with its version and when it is sent."""
    return plain(EventTypeList(items=await events.list_event_types(ctx)))


@part.get("/event-types/{type}", response_model=EventTypeDetail, summary="Read an event type")
async def read_event_type(ctx: Caller, type: TypeName) -> Answer:
    """Reads one type: its JSON Schema, an example, and the scope that it takes to be told of it."""
    return plain(await events.get_event_type(ctx, type))
