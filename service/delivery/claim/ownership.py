"""Which worker serves an endpoint: one at a time, so that its limits hold for all workers together.

A worker owns an endpoint for some seconds and renews that while it has work there; so the endpoint's concurrency, rate
and slow start are counted in one process and hold for all, and a probe is one probe. A worker that dies loses what it
owned when that time is over. A reading finds the endpoints with due work, so that an idle worker writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.claim.claim import EVER, FARTHEST, in_turn
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row, Writer
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.queries.webhooks.endpoints import TRANSPORT

OWNED = timedelta(seconds=15)
"""How long a worker owns an endpoint without renewing that."""

_e = webhook_endpoints.c
_now = bind("now", Instant())
_far = bind("far", Instant())
_LANES: tuple[sa.ColumnElement[str], ...] = (sa.literal_column("'first'"), sa.literal_column("'retry'"))


def _free(owner: sa.ColumnElement[Any], until: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    me = bind("me", Uuid())
    return sa.or_(owner.is_(None), owner == me, until <= _now, until > _far)


def _due() -> Statement:
    """Endpoints that this worker may serve and that have work: due, or (open breaker) anything to probe with."""
    probing = _e.breaker_state.in_([sa.literal_column("'open'"), sa.literal_column("'half_open'")])
    by = sa.case((probing, bind("ever", Instant())), else_=_now)
    arms = []
    for lane in _LANES:
        one = deliveries.alias("one")
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).where(
            one.c.endpoint_id == _e.id, in_turn(one, lane, by)
        )
        arms.append(found.limit(sa.literal_column("1")).correlate(webhook_endpoints).scalar_subquery().is_not(None))
    here = (
        sa.select(
            _e.id,
            _e.url,
            _e.secret_encrypted,
            _e.transport_sealed,
            TRANSPORT,
            _e.ordering,
            _e.on_exhausted,
            _e.concurrency,
            _e.rate_per_second,
            _e.allowed_per_minute,
            _e.timeout_seconds,
            _e.owner,
            _e.owner_until,
            _e.breaker_state,
            _e.breaker_allowed,
            arms[0].label("first_due"),
            arms[1].label("retry_due"),
        )
        .where(
            _e.enabled.is_(sa.true()),
            _e.deleted_at.is_(None),
            _e.awaits_consent.is_(sa.false()),
            _free(_e.owner, _e.owner_until),
            sa.not_(one_of(_e.id, "full")),
            sa.or_(sa.not_(probing), _e.breaker_probe_at <= _now),
        )
        .subquery("here")
    )
    return Statement(
        sa.select(here).where(sa.or_(here.c.first_due, here.c.retry_due)).limit(bind("most", sa.BigInteger))
    )


DUE = _due()

_mine = (
    sa.select(_e.id)
    .where(
        one_of(_e.id, "ids"),
        _e.enabled.is_(sa.true()),
        _e.deleted_at.is_(None),
        _e.awaits_consent.is_(sa.false()),
        _free(_e.owner, _e.owner_until),
        sa.or_(
            _e.breaker_state.in_([sa.literal_column("'closed'"), sa.literal_column("'slow_start'")]),
            _e.breaker_probe_at <= _now,
        ),
    )
    .order_by(_e.id)
    .with_for_update(skip_locked=True, key_share=True)
    .cte("mine")
)
_probed = _e.breaker_state.in_([sa.literal_column("'open'"), sa.literal_column("'half_open'")])
OWN = Statement(
    sa.update(webhook_endpoints)
    .values(
        owner=bind("me", Uuid()),
        owner_until=bind("owned_until", Instant()),
        breaker_state=sa.case((_probed, sa.literal_column("'half_open'")), else_=_e.breaker_state),
        breaker_probe_at=sa.case((_probed, bind("until", Instant())), else_=_e.breaker_probe_at),
    )
    .where(_e.id.in_(sa.select(_mine.c.id)))
    .returning(_e.id)
)
"""Makes endpoints this worker's for a while; what has an open breaker is probed by whoever gets it, until the lease of
the probe ends."""

RENEW = Statement(
    sa.update(webhook_endpoints)
    .values(owner_until=bind("owned_until", Instant()))
    .where(one_of(_e.id, "ids"), _e.owner == bind("me", Uuid()))
    .returning(_e.id)
)
DISOWN = Statement(
    sa.update(webhook_endpoints).values(owner=None, owner_until=None).where(_e.owner == bind("me", Uuid()))
)


async def due_endpoints(
    reader: Reader, me: str, now: datetime, *, full: Sequence[str] = (), most: int = 1000
) -> list[Row]:
    """The endpoints that have work for the worker `me`, with what it needs to know of them; `full` are left out. A
    reading, so that an idle worker writes nothing.
    """
    return await reader.all(DUE, me=me, now=now, far=now + FARTHEST, ever=now + EVER, full=list(full), most=most)


async def own(
    writer: Writer, me: str, endpoints: Sequence[str], now: datetime, until: datetime, owned: timedelta = OWNED
) -> set[str]:
    """Make endpoints the worker's; which ones it got. One with an open breaker is to be probed now, once until
    `until`.
    """
    got = await writer.column(
        OWN, ids=list(endpoints), me=me, now=now, far=now + FARTHEST, owned_until=now + owned, until=until
    )
    return set(got)


async def renew(writer: Writer, me: str, endpoints: Sequence[str], now: datetime, owned: timedelta = OWNED) -> set[str]:
    """Own endpoints for some more seconds; those that were still the worker's."""
    return set(await writer.column(RENEW, ids=list(endpoints), me=me, owned_until=now + owned))


async def disown(writer: Writer, me: str) -> None:
    """Let other workers serve at once what this one owned."""
    await writer.execute(DISOWN, me=me)
