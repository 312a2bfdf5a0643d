"""The feed of events, single events and the catalogue of their types over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from service.access.policy import Permission
from service.framework.web.answers import Answer, found, plain
from service.framework.web.router import Part, PathId
from service.models.events.events import EventPatterns, EventRead, EventTypeDetail, EventTypeRead
from service.operations.events import events
from service.platform.errors import CursorExpired
from service.platform.types import Id, InstantText, Shape
from service.rest.dependencies import Caller, Cursor, PageQuery

part = Part("events", reads=Permission.EVENT_READ, writes=Permission.EVENT_WRITE)

TypeName = Annotated[str, Path(description="The type's name, for example account.quadrant_changed")]


class EventListQuery(PageQuery):
    """Query of the feed."""

    types: EventPatterns | None = Field(
        default=None,
        description="Event types, comma-separated; a segment may be `*`: `plan.*` for all about plans, `*.created`",
        examples=["account.quadrant_changed,plan.*"],
    )
    account_id: Id | None = Field(default=None, description="Only events of this account")
    since: InstantText | None = Field(default=None, description="Only events that happened at this instant or later")
    until: InstantText | None = Field(default=None, description="Only events that happened before this instant")


class EventPage(Shape):
    """One page of the feed."""

    items: Annotated[list[EventRead], Field(max_length=200)] = Field(description="Events, oldest first")
    next_cursor: Cursor = Field(description="Pass as `after` to go on, now or later; never null")
    has_more: bool = Field(description="Whether the feed already has more; false at its end")


class EventTypeList(Shape):
    """All event types."""

    items: Annotated[list[EventTypeRead], Field(max_length=500)] = Field(description="In the catalogue's order")


@part.get("/events", response_model=EventPage, summary="Read the feed of events", errors=[CursorExpired])
async def list_events(ctx: Caller, query: Annotated[EventListQuery, Query()]) -> Answer:
    """Lists events in the order in which they were committed, without gaps: a client that goes on with `next_cursor`
    misses no event and gets none twice. Events of one account come in the order of its versions. Only events whose data
    the key may read are shown. A cursor works with any filter, for as long as events are kept (90 days by default). An
    older cursor gives 410, with `oldest` as the cursor to go on from, because the events between are deleted.
    `has_more: false` means the end; ask again later with `next_cursor`.
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
    """Reads an event as it is in the feed; events never change."""
    return found(await events.get_event(ctx, id))


@part.get("/event-types", response_model=EventTypeList, summary="List event types")
async def list_event_types(ctx: Caller) -> Answer:
    """Lists the event types, each with its version and when it is sent."""
    return plain(EventTypeList(items=await events.list_event_types(ctx)))


@part.get("/event-types/{type}", response_model=EventTypeDetail, summary="Read an event type")
async def read_event_type(ctx: Caller, type: TypeName) -> Answer:
    """Reads an event type: its JSON Schema, an example, and the scope that a key needs to read it."""
    return plain(await events.get_event_type(ctx, type))
