"""What can be followed as a GraphQL subscription: the feed of events, as it grows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson

from service.framework.graph.calls import Call, Gives, scalar
from service.graphql.queries.events import OF_EVENTS
from service.models.events.events import EventRead
from service.operations.events.streams import Batch, follow_events
from service.platform.types import Search
from service.records.context import Context


async def follow(
    ctx: Context, after: str | None, types: list[str] | None, account_id: str | None
) -> AsyncIterator[dict[str, Any] | None]:
    """Send each event after its commit, in the order of the feed: from a cursor, or from now on without one. A client
    that lost its connection continues after the cursor of its last event: it misses no event and receives none twice.
    """
    return _events(await follow_events(ctx, after=after, types=types, account_id=account_id))


async def _events(batches: AsyncGenerator[Batch, None]) -> AsyncGenerator[dict[str, Any] | None, None]:
    """Yield the events one by one; None when none came for a while. Closes the batches at the end."""
    async with aclosing(batches):
        async for each in batches:
            for _, item in each.events:
                yield orjson.loads(item)
            if not each.events:
                yield None


FOLLOWED = (scalar(Search, str | None, "after", "Begin behind this cursor; without it, now"), *OF_EVENTS)

SUBSCRIPTIONS = (Call("events", follow, FOLLOWED, (Gives("value", EventRead, lambda value: value),)),)
