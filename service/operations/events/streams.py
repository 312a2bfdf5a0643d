"""Following the feed: the events that are there, then those that come, for as long as somebody listens."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from service.access.policy import Permission
from service.events.feed.sequencer import sequence
from service.events.feed.subscriptions import readable_types
from service.platform.errors import TooManyStreams
from service.queries.events import events as queries
from service.records.context import Context

HEARTBEAT_SECONDS = 15.0
"""A stream without events sends a sign of life at least this often."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order of the feed with the cursor behind each; none when nothing came for a while."""

    events: list[tuple[str, str]]


async def follow_events(
    ctx: Context,
    *,
    after: str | None = None,
    types: list[str] | None = None,
    account_id: str | None = None,
    heartbeat: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[Batch, None]:
    """Open a stream of events: what comes after the cursor, or from now on without one; then what happens.

    Raises CursorInvalid, CursorExpired, Invalid for a type that does not exist, Forbidden for one that the caller may
    not see, and TooManyStreams before it begins. Order and completeness are those of the feed: a stream is the feed,
    read again whenever there is more. It ends when the service stops; go on with the last cursor. Whoever opens it
    closes it.
    """
    ctx.require(Permission.EVENT_READ)
    stream = _follow(ctx, after, readable_types(ctx.principal.scopes, types), account_id, heartbeat)
    await anext(stream)
    return stream


async def _follow(
    ctx: Context, after: str | None, types: list[str] | None, account_id: str | None, heartbeat: float
) -> AsyncGenerator[Batch, None]:
    """Yield an empty batch once the start is known, then the stream. Counts against the open-stream limit from the
    first step until the generator is closed, so concurrent starts cannot exceed it.
    """
    services = ctx.services
    if services.streams >= services.settings.event_streams:
        raise TooManyStreams
    services.streams += 1
    try:
        await sequence(services.database, services.clock)
        async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
            kept = await queries.bounds(reader)
        position = kept.end if after is None else queries.position_of(ctx.cursors, after, kept)
        yield Batch([])
        while not services.watch.closed:
            if not await services.watch.beyond(position, heartbeat):
                yield Batch([])
                continue
            more = True
            while more:
                cursor = ctx.cursors.encode(queries.FEED, [position])
                async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
                    page = await queries.feed(
                        reader, ctx.cursors, after=cursor, types=types, account_id=account_id, limit=BATCH
                    )
                more = page.has_more
                position = int(ctx.cursors.decode(queries.FEED, str(page.next_cursor))[0])
                if page.items:
                    yield Batch(list(zip(page.cursors or [], page.items, strict=True)))
    finally:
        services.streams -= 1
