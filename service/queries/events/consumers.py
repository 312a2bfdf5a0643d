"""Read named consumers of the feed."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.events.consumers import EventConsumerRead, event_consumers
from service.models.events.events import events

c = event_consumers.c
_LAST = sa.select(sa.func.coalesce(sa.func.max(events.c.position), sa.literal_column("0"))).scalar_subquery()
_BEHIND = sa.case((c.committed < _LAST, _LAST - c.committed), else_=sa.literal_column("0"))

EVENT_CONSUMERS = Listing(
    name="event_consumers",
    table=event_consumers,
    members={name: _BEHIND if name == "behind" else c[name] for name in EventConsumerRead.model_fields},
    sorts={"name": c.name, "created_at": c.created_at},
)

LEASE_OF = Statement(
    sa.select(c.lease_token, c.lease_until, c.created_by).where(c.id == bind("id", Uuid()), c.deleted_at.is_(None))
)
"""A consumer's lease (token and end) and its owner, read while its row is locked."""
