"""Which events a replay sends: window by window through the feed, judged as the sequencer judges them.

A window is so many places of the feed, not so many events that fit: so a step takes the same short time whether
everything or nothing in it is wanted. Reading only; whoever replays writes the deliveries with the window's end in one
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
"""Places of the feed in one step."""
MISSING = "missing"
ON_ITS_WAY = frozenset({"pending", "leased", "blocked", "held"})

_e, _d = events.c, deliveries.c
_IN_WINDOW = Statement(
    sa.select(_e.id, _e.position, _e.type, _e.account_id, _e.subject_id, _e.occurred_at, _e.cause, _e.content)
    .where(
        _e.position > bind("after", sa.BigInteger),
        _e.position <= bind("end", sa.BigInteger),
    )
    .order_by(_e.position)
)
_DELIVERED = Statement(
    sa.select(_d.event_id, _d.state, _d.replay_no)
    .where(_d.endpoint_id == bind("endpoint_id", Uuid()), one_of(_d.event_id, "ids"))
    .order_by(_d.replay_no)
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
"""An endpoint as a replay needs it, which is not turned on or off meanwhile, nor replayed to by another: the next
replay number of an event is counted from those that are there. New events may still be put in its line.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay's conditions, beside the range of places."""

    since: datetime
    until: datetime
    types: list[str] | None = None
    states: list[str] | None = None
    account_id: str | None = None

    def wants(self, event: Row, state: str) -> bool:
        """Whether an event whose last delivery ended so is asked for."""
        return (
            self.since <= event["occurred_at"] < self.until
            and (self.account_id is None or event["account_id"] == self.account_id)
            and (self.states is None or state in self.states)
            and (self.types is None or matches(self.types, event["type"]))
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """An event to send, how its last delivery ended, and the number of the next one."""

    event: Row
    state: str
    replay_no: int


async def choose(reader: Reader, wants: Subscription, asked: Asked, after: int, end: int) -> list[Chosen]:
    """The events to replay between two places of the feed (`after` exclusive), in order."""
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
        if event["id"] not in open_ and asked.wants(event, state):
            out.append(Chosen(event, state, number + 1))
    return out
