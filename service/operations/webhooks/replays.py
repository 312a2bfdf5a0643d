"""Replay events to a webhook endpoint: a dry run counts them, a job sends them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from service.access.policy import Permission
from service.events.catalogue import known_types
from service.events.feed.sequencer import sequence
from service.events.feed.subscriptions import subscription
from service.framework.database.database import Resource, Row
from service.models.webhooks.replays import ReplayState, WebhookReplay
from service.platform.clock import instant_text
from service.platform.errors import Conflict, NotFound
from service.queries.events.events import span
from service.queries.webhooks.replays import ENDPOINT, MISSING, WINDOW, ReplayConditions, choose
from service.records.context import Context, Transaction, operation, refuse
from service.records.system.jobs import enqueue
from service.records.webhooks.endpoints import KIND

JOB = "webhook_replay"
MOST_COUNTED = 100_000
"""The highest number of events that a dry run counts."""


@operation
async def replay_webhook_endpoint(ctx: Context, identifier: str, data: WebhookReplay) -> Resource:
    """Send an endpoint the events of a range again, as a job. `states` restricts them to events whose last delivery
    ended so, `missing_only` to events that were never sent to the endpoint; `dry_run` counts them by type and state
    instead.

    A replayed event keeps its id (`webhook-id`). The events of one account go out in order, after deliveries that wait
    already. Raises NotFound, Invalid, and Conflict when the endpoint is disabled.
    """
    ctx.require(Permission.WEBHOOK_WRITE)
    _check(data)
    await sequence(ctx.services.database, ctx.services.clock)
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = await tx.one(ENDPOINT, id=identifier)
        if endpoint is None:
            raise NotFound(KIND)
        conditions = ReplayConditions(
            since=data.since,
            until=data.until or tx.now,
            types=data.types,
            states=[MISSING] if data.missing_only else _texts(data.states),
            account_id=data.account_id,
        )
        after, last = await span(tx.reader, conditions.since, conditions.until)
        if data.dry_run:
            counted = await _count(tx, endpoint, conditions, after, last)
            return tx.answer(Resource(1, orjson.dumps(counted)), "counted")
        if not endpoint["enabled"]:
            raise Conflict("The endpoint is disabled. Enable it before replaying events to it")
        params = {
            "endpoint_id": identifier,
            "since": instant_text(conditions.since),
            "until": instant_text(conditions.until),
            "types": conditions.types,
            "states": conditions.states,
            "account_id": conditions.account_id,
            "end": last,
        }
        job = await enqueue(tx, JOB, params, max(last - after, 0), cursor=after)
        started = {"dry_run": False, **dict.fromkeys(("events", "complete", "by_type", "by_state")), "job": job.data}
        return tx.answer(Resource(1, orjson.dumps(started)), "accepted")


async def _count(tx: Transaction, endpoint: Row, conditions: ReplayConditions, place: int, last: int) -> dict[str, Any]:
    subscribed = subscription(endpoint, tx.now)
    types: Counter[str] = Counter()
    states: Counter[str] = Counter()
    while place < last and types.total() < MOST_COUNTED:
        upto = min(last, place + WINDOW)
        for each in await choose(tx.reader, subscribed, conditions, place, upto):
            types[each.event["type"]] += 1
            states[each.state] += 1
        place = upto
    return {
        "dry_run": True,
        "events": types.total(),
        "complete": place >= last,
        "by_type": [{"type": name, "events": types[name]} for name in sorted(types)],
        "by_state": [{"state": name, "events": states[name]} for name in sorted(states)],
        "job": None,
    }


def _texts(states: list[ReplayState] | None) -> list[str] | None:
    return None if states is None else [str(state) for state in states]


def _check(data: WebhookReplay) -> None:
    if data.until is not None and data.until <= data.since:
        raise refuse("/until", "before_since", f"{instant_text(data.until)} is not later than since")
    if data.missing_only and data.states is not None:
        raise refuse("/states", "contradicting_states", "Give either states or missing_only, not both")
    for index, pattern in enumerate(data.types or ()):
        if not known_types(pattern):
            raise refuse(
                f"/types/{index}", "unknown_event_type", f'"{pattern}" matches no event type. See /v1/event-types'
            )
