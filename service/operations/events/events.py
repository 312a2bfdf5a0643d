"""Events: the feed in commit order, single events, and the catalogue of their types.

A feed by commit order has to number events after their commit. Reading does it first (a read more when there is nothing
to number), so that a writer finds its own events at once, whether or not a worker runs. All of it asks the primary
database: a replica that lags would hide the positions just given.
"""

from __future__ import annotations

from datetime import UTC, datetime

from service.access.policy import Permission
from service.events.catalogue import catalogue
from service.events.examples import example
from service.events.feed.sequencer import sequence
from service.events.feed.subscriptions import may_see, readable_types, required_scopes
from service.events.schemas import schema
from service.framework.database.database import Page, Resource
from service.models.events.events import EventTypeDetail, EventTypeRead
from service.platform.errors import NotFound
from service.queries.events import events as queries
from service.records.context import Context

KIND = "event"
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


async def list_events(
    ctx: Context,
    *,
    after: str | None = None,
    types: list[str] | None = None,
    account_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> Page:
    """The next events after a cursor, oldest first, of those that the caller may see; raises CursorInvalid,
    CursorExpired when events after it are no longer kept, Invalid for a type that does not exist, Forbidden for one
    that the caller may not see.

    An event is seen by who may read what it tells: `plan.*` needs plans:read, and so on.
    `types` are patterns (`account.*`, `*`). The page always has a `next_cursor`; without more it stands at the end of
    the feed, and asking with it later gives what has come since.
    """
    ctx.require(Permission.EVENT_READ)
    wanted = readable_types(ctx.principal.scopes, types)
    await sequence(ctx.services.database, ctx.services.clock)
    async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
        between = None if since is None and until is None else (since or EARLIEST, until or LATEST)
        return await queries.feed(
            reader, ctx.cursors, after=after, types=wanted, account_id=account_id, between=between, limit=limit
        )


async def get_event(ctx: Context, identifier: str) -> Resource:
    """One event by id, as the feed shows it; raises NotFound, also for one that the caller may not see."""
    ctx.require(Permission.EVENT_READ)
    await sequence(ctx.services.database, ctx.services.clock)
    async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
        event = await queries.find(reader, ctx.cursors, identifier)
    if event is None or not may_see(ctx.principal.scopes, event.data["type"]):
        raise NotFound(KIND)
    return event


async def get_event_type(ctx: Context, event_type: str) -> EventTypeDetail:
    """One type of event with its JSON Schema, an example, and the scope that it takes to be told of it. Raises
    NotFound.
    """
    ctx.require(Permission.EVENT_READ)
    kind = catalogue().get(event_type)
    if kind is None:
        raise NotFound("event type")
    return EventTypeDetail(
        type=event_type,
        version=kind.version,
        description=kind.description(),
        required_scope=required_scopes(event_type)[0],
        required_scopes=required_scopes(event_type),
        event_schema=schema(kind),
        example=example(event_type),
    )


async def list_event_types(ctx: Context) -> list[EventTypeRead]:
    """Every type of event, with the version of its data and when it is sent."""
    ctx.require(Permission.EVENT_READ)
    return [
        EventTypeRead(type=name, version=kind.version, description=kind.description())
        for name, kind in catalogue().items()
    ]
