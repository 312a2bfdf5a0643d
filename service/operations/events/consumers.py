"""Named consumers of the feed: the service remembers how far a program has come, and lets one of its readers at a time
read on.

poll leases the consumer and gives the events after the committed place; commit says how far they are done. A reader
that dies loses its lease when it runs out, and the next one gets the same events again: at least once, in order. The
token fences off a reader that wakes up late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from service.access.policy import Permission
from service.events.catalogue import known_types
from service.events.feed.sequencer import sequence
from service.events.feed.subscriptions import missing_scope, readable_types
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.models.events.consumers import (
    EventConsumerCommit,
    EventConsumerCreate,
    EventConsumerPoll,
    EventConsumerSeek,
)
from service.platform.clock import instant_text
from service.platform.errors import Conflict, ConsumerLeased, ConsumerLeaseLost, Forbidden, NameTaken
from service.platform.ids import new_id
from service.queries.events import events as feed
from service.queries.events.consumers import EVENT_CONSUMERS, LEASE_OF
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, change, insert, lock, require

KIND = "event consumer"
_FREE: dict[str, Any] = {"lease_token": None, "lease_until": None}


async def list_event_consumers(ctx: Context, request: PageRequest) -> Page:
    """A page of named consumers, with how far they have come."""
    async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
        return await EVENT_CONSUMERS.page(reader, request, ctx.cursors)


async def get_event_consumer(ctx: Context, identifier: str) -> Resource:
    """One named consumer by id; raises NotFound."""
    async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
        return await require(reader, EVENT_CONSUMERS, identifier, KIND)


@operation
async def create_event_consumer(ctx: Context, data: EventConsumerCreate) -> Resource:
    """Name a reader of the feed, from its oldest event or from now on. Raises Invalid for types that do not exist,
    Forbidden for those that the caller may not see, and NameTaken.
    """
    ctx.require(Permission.EVENT_WRITE)
    for index, pattern in enumerate(data.event_types):
        if not known_types(pattern):
            raise refuse(f"/event_types/{index}", "unknown_event_type", "No event type is like this")
    readable_types(ctx.principal.scopes, data.event_types)
    await sequence(ctx.services.database, ctx.services.clock)
    async with ctx.transaction(Permission.EVENT_WRITE) as tx:
        stored = {name: getattr(data, name) for name in EventConsumerCreate.model_fields if name != "begin"}
        begun = {"committed": await _place(tx, data.begin), "created_by": ctx.principal.id}
        try:
            return tx.answer(await insert(tx, EVENT_CONSUMERS, {**stored, **begun}), "created")
        except Conflict:
            raise NameTaken from None


@operation
async def delete_event_consumer(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Forget a consumer and its place; raises NotFound, StaleVersion, and Forbidden for a consumer of another key whose
    types the caller may not all see.
    """
    async with ctx.transaction(Permission.EVENT_WRITE) as tx:
        before = await lock(tx, EVENT_CONSUMERS, identifier, expected, KIND)
        if _lacking(ctx, before.data["event_types"]) is not None:
            _check_sight(ctx, before.data["event_types"], await tx.one(LEASE_OF, id=identifier) or _FREE)
        return tx.answer(await change(tx, EVENT_CONSUMERS, identifier, {"deleted_at": tx.now}), "deleted")


@operation
async def poll_event_consumer(ctx: Context, identifier: str, data: EventConsumerPoll) -> Resource:
    """Lease a consumer and read the events after its committed place, oldest first; raises NotFound and, while another
    reader has it, ConsumerLeased, CursorExpired, and Forbidden for types that the caller may not see. Polling
    again with the token prolongs the lease and gives the same events until some are committed.
    """
    ctx.require(Permission.EVENT_WRITE)
    await sequence(ctx.services.database, ctx.services.clock)
    if data.wait_seconds:
        await ctx.recall()
        await _wait(ctx, identifier, data)
    async with ctx.transaction(Permission.EVENT_WRITE) as tx:
        before = await lock(tx, EVENT_CONSUMERS, identifier, None, KIND)
        held = await tx.one(LEASE_OF, id=identifier) or _FREE
        mine = _is_mine(held, data)
        if not mine and _is_leased(held, tx.now):
            raise ConsumerLeased((held["lease_until"] - tx.now).total_seconds())
        _check_sight(ctx, before.data["event_types"], held)
        token, until = data.lease_token if mine else new_id(), tx.now + timedelta(seconds=data.lease_seconds)
        known = before.data
        page = await feed.feed(
            tx.reader,
            ctx.cursors,
            after=ctx.cursors.encode(feed.FEED, [known["committed"]]),
            types=readable_types(ctx.principal.scopes, known["event_types"]),
            account_id=known["account_id"],
            limit=data.limit,
        )
        after = await change(tx, EVENT_CONSUMERS, identifier, {"lease_token": token, "lease_until": until})
        document = {
            "consumer_id": identifier,
            "lease_token": token,
            "lease_until": instant_text(until),
            "items": [orjson.Fragment(item) for item in page.items],
            "cursor": page.next_cursor,
            "has_more": page.has_more,
        }
        return tx.answer(Resource(after.version, orjson.dumps(document)), "leased")


@operation
async def commit_event_consumer(ctx: Context, identifier: str, data: EventConsumerCommit) -> Resource:
    """Say how far a consumer's events are done; raises NotFound, CursorInvalid, ConsumerLeaseLost when the lease is not
    the caller's any more (somebody else may have read on), and Invalid for a cursor before the committed place.
    """
    async with ctx.transaction(Permission.EVENT_WRITE) as tx:
        before = await lock(tx, EVENT_CONSUMERS, identifier, None, KIND)
        held = await tx.one(LEASE_OF, id=identifier) or _FREE
        if held["lease_token"] != data.lease_token or held["lease_until"] <= tx.now:
            raise ConsumerLeaseLost
        position = feed.position_of(ctx.cursors, data.cursor, await feed.bounds(tx.reader))
        if position < before.data["committed"]:
            raise refuse("/cursor", "cursor_behind", "The cursor lies before the committed place; use seek to go back")
        changes = {"committed": position, "committed_at": tx.now, **(_FREE if data.release else {})}
        return tx.answer(await change(tx, EVENT_CONSUMERS, identifier, changes), "committed")


@operation
async def seek_event_consumer(
    ctx: Context, identifier: str, data: EventConsumerSeek, expected: Expected = None
) -> Resource:
    """Put a consumer somewhere else in the feed, forwards or back; a reader at work loses its lease. Raises NotFound,
    StaleVersion, CursorInvalid, and Invalid unless exactly one place is given.
    """
    if (data.to is None) == (data.cursor is None):
        raise refuse("", "one_place", "Give either to or cursor")
    ctx.require(Permission.EVENT_WRITE)
    await sequence(ctx.services.database, ctx.services.clock)
    async with ctx.transaction(Permission.EVENT_WRITE) as tx:
        before = await lock(tx, EVENT_CONSUMERS, identifier, expected, KIND)
        _check_sight(ctx, before.data["event_types"], await tx.one(LEASE_OF, id=identifier) or _FREE)
        if data.cursor is not None:
            place = feed.position_of(ctx.cursors, data.cursor, await feed.bounds(tx.reader))
        else:
            place = await _place(tx, str(data.to))
        changes = {"committed": place, "committed_at": tx.now, **_FREE}
        return tx.answer(await change(tx, EVENT_CONSUMERS, identifier, changes), "sought")


def _check_sight(ctx: Context, patterns: list[str], held: Mapping[str, Any]) -> None:
    """Raise Forbidden for a caller who may not see everything that a consumer of another key tells: what it passes over
    unseen, and commits, the other would never get.
    """
    if held.get("created_by") == ctx.principal.id:
        return
    lacking = _lacking(ctx, patterns)
    if lacking is not None:
        raise Forbidden(lacking, "This consumer reads events that this key may not read")


def _lacking(ctx: Context, patterns: list[str]) -> str | None:
    """Return the first scope that the caller lacks to see every type that matches the patterns."""
    types = (name for pattern in patterns for name in known_types(pattern))
    scopes = (missing_scope(ctx.principal.scopes, name) for name in types)
    return next((scope for scope in scopes if scope is not None), None)


def _is_mine(held: Mapping[str, Any], asked: EventConsumerPoll) -> bool:
    return asked.lease_token is not None and held["lease_token"] == asked.lease_token


def _is_leased(held: Mapping[str, Any], now: datetime) -> bool:
    return held["lease_until"] is not None and bool(held["lease_until"] > now)


async def _wait(ctx: Context, identifier: str, asked: EventConsumerPoll) -> None:
    """Wait until there is an event for a consumer's reader, as long as it asked for at most; not while somebody else
    has the lease. What its types and account leave out does not end the waiting. Raises NotFound, CursorExpired,
    Forbidden.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + asked.wait_seconds
    async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
        consumer = (await require(reader, EVENT_CONSUMERS, identifier, KIND)).data
        held = await reader.one(LEASE_OF, id=identifier) or _FREE
    if _is_leased(held, ctx.services.clock.now()) and not _is_mine(held, asked):
        return
    types = readable_types(ctx.principal.scopes, consumer["event_types"])
    place = consumer["committed"]
    while True:
        after = ctx.cursors.encode(feed.FEED, [place])
        async with ctx.reading(Permission.EVENT_READ, fresh=True) as reader:
            page = await feed.feed(
                reader, ctx.cursors, after=after, types=types, account_id=consumer["account_id"], limit=1
            )
        place = int(ctx.cursors.decode(feed.FEED, str(page.next_cursor))[0])
        if page.items or not await ctx.services.watch.beyond(place, max(until - clock(), 0.0)):
            return


async def _place(tx: Transaction, begin: str) -> int:
    kept = await feed.bounds(tx.reader)
    return kept.end if begin == "now" else kept.removed_to
