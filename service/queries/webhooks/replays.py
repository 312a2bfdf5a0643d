"""Choose the events that a replay sends, window by window through the feed, by the sequencer's own rules.

A window is a fixed number of positions, not of matching events. So a step takes the same short time whether all events
of the window match or none. This module only reads: the replay writes the deliveries and the window's end in one
transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.events.feed.subscriptions import MEMBERS, OWNER, EventRow, Subscription
from service.events.patterns import matches
from service.events.webhooks import WebhookTest
from service.framework.database.columns import Uuid, bind
from service.framework.database.database import Reader, Row
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints

WINDOW = 1000
"""Positions of the feed in one step."""
MISSING = "missing"
ON_ITS_WAY = frozenset({"pending", "leased", "blocked", "held"})

_IN_WINDOW = Statement(
    sa.select(
        events.c.id,
        events.c.position,
        events.c.type,
        events.c.account_id,
        events.c.subject_id,
        events.c.occurred_at,
        events.c.cause,
        events.c.content,
    )
    .where(
        events.c.position > bind("after", sa.BigInteger),
        events.c.position <= bind("end", sa.BigInteger),
    )
    .order_by(events.c.position)
)
_DELIVERED = Statement(
    sa.select(deliveries.c.event_id, deliveries.c.state, deliveries.c.replay_no)
    .where(deliveries.c.endpoint_id == bind("endpoint_id", Uuid()), one_of(deliveries.c.event_id, "ids"))
    .order_by(deliveries.c.replay_no)
)
ENDPOINT = Statement(
    sa.select(
        webhook_endpoints.c.id,
        webhook_endpoints.c.enabled,
        webhook_endpoints.c.ordering,
        *(webhook_endpoints.c[name] for name in MEMBERS),
        *(api_keys.c[name] for name in OWNER),
    )
    .select_from(
        webhook_endpoints.outerjoin(api_keys, sa.cast(api_keys.c.id, sa.Text) == webhook_endpoints.c.created_by)
    )
    .where(webhook_endpoints.c.id == bind("id", Uuid()), webhook_endpoints.c.deleted_at.is_(None))
    .with_for_update(key_share=True, of=webhook_endpoints)
)
"""An endpoint as a replay needs it, locked against being turned on or off and against another replay.

The lock is needed because the next replay number of an event is counted from the deliveries that exist. New events may
still be queued for the endpoint meanwhile.
"""


@dataclass(frozen=True, slots=True)
class ReplayConditions:
    """A replay's conditions, beside the range of positions."""

    since: datetime
    until: datetime
    types: list[str] | None = None
    states: list[str] | None = None
    account_id: str | None = None

    def include(self, event: Row, state: str) -> bool:
        """Return whether the conditions include an event whose last delivery has this state."""
        return (
            self.since <= event["occurred_at"] < self.until
            and (self.account_id is None or event["account_id"] == self.account_id)
            and (self.states is None or state in self.states)
            and (self.types is None or matches(self.types, event["type"]))
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """An event to send, the state of its last delivery, and the number of its next replay."""

    event: Row
    state: str
    replay_no: int


async def choose(
    reader: Reader, wants: Subscription, conditions: ReplayConditions, after: int, end: int
) -> list[Chosen]:
    """Return the events to replay between two positions of the feed (`after` exclusive), in order."""
    found: list[Row] = await reader.all(_IN_WINDOW, after=after, end=end)
    found = [row for row in found if row["type"] != WebhookTest.type and wants.match(EventRow.of(row))]
    if not found:
        return []
    last: dict[str, tuple[str, int]] = {}
    open_: set[str] = set()
    rows: list[dict[str, Any]] = await reader.all(
        _DELIVERED, endpoint_id=wants.endpoint_id, ids=[row["id"] for row in found]
    )
    for row in rows:
        last[row["event_id"]] = (row["state"], row["replay_no"])
        if row["state"] in ON_ITS_WAY:
            open_.add(row["event_id"])
    out = []
    for event in found:
        state, number = last.get(event["id"], (MISSING, 0))
        if event["id"] not in open_ and conditions.include(event, state):
            out.append(Chosen(event, state, number + 1))
    return out
