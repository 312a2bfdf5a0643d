"""Queries of the feed of events and its types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import Field

from service.framework.graph.calls import ID, Call, identifier, itself, scalar, shows
from service.models.events.events import EventRead, EventTypeDetail, EventTypeRead
from service.models.webhooks.endpoints import EventPattern
from service.operations.events import events
from service.platform.types import Flag, Id, InstantText, Limit, Search, Shape, Slug, Text
from service.records.context import Context


class PageInfo(Shape):
    """Where a page stands in its list."""

    has_next_page: Flag
    has_previous_page: Flag
    start_cursor: Text | None
    end_cursor: Text | None


class EventEdge(Shape):
    """An event of the feed."""

    cursor: Text = Field(description="Where this event stands in the feed")
    node: EventRead = Field(description="The event")


class EventConnection(Shape):
    """A page of the feed of events, oldest first."""

    edges: list[EventEdge] = Field(description="The events with their cursors")
    nodes: list[EventRead] = Field(description="The events")
    page_info: PageInfo = Field(
        description="Where the page stands; endCursor is always there, and asked with it later the feed gives what came"
    )


async def read_events(
    ctx: Context,
    first: int,
    after: str | None,
    types: list[str] | None,
    account_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Any:
    """Return a page of the feed: events in the order of their commits, without a gap. A reader that continues after
    endCursor misses no event and receives none twice.
    """
    page = await events.list_events(
        ctx, after=after, types=types, account_id=account_id, since=since, until=until, limit=first
    )
    nodes = [orjson.loads(item) for item in page.items]
    cursors = page.cursors or []
    info = {
        "has_next_page": page.has_more,
        "has_previous_page": after is not None,
        "start_cursor": cursors[0] if cursors else None,
        "end_cursor": page.next_cursor,
    }
    edges = [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)]
    return {"edges": edges, "nodes": nodes, "page_info": info}


async def read_event(ctx: Context, identifier: str) -> Any:
    """One event by id, as the feed shows it."""
    return (await events.get_event(ctx, identifier)).data


async def read_event_type(ctx: Context, event_type: str) -> Any:
    """Return one type of event with its JSON Schema, an example, and the scopes that a key needs to receive it."""
    return (await events.get_event_type(ctx, event_type)).model_dump(mode="json")


async def read_event_types(ctx: Context) -> Any:
    """Every type of event, with the version of its data and when it is sent."""
    return [kind.model_dump(mode="json") for kind in await events.list_event_types(ctx)]


OF_EVENTS = (
    scalar(
        Annotated[list[EventPattern], Field(max_length=50)],
        list[str] | None,
        "types",
        "Only these types of events; `plan.*` for all of a kind",
    ),
    scalar(Id, ID | None, "accountId", "Only events of this account"),
)
"""Which events of the feed."""

FEED = (
    scalar(Limit, int | None, "first", "How many, 50 unless said otherwise; at most 200", 50),
    scalar(Search, str | None, "after", "Only what comes after this cursor"),
    *OF_EVENTS,
    scalar(InstantText, str | None, "since", "Only what happened from this instant on"),
    scalar(InstantText, str | None, "until", "Only what happened before this instant"),
)


QUERIES = (
    Call("events", read_events, FEED, shows(EventConnection, itself)),
    Call("event", read_event, (identifier(),), shows(EventRead, itself)),
    Call(
        "eventType",
        read_event_type,
        (scalar(Slug, str, "type", "The type's name"),),
        shows(EventTypeDetail, itself),
    ),
    Call("eventTypes", read_event_types, (), shows(list[EventTypeRead], itself)),
)
