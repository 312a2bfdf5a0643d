"""Ownership of endpoints: one worker at a time serves an endpoint, so that its limits hold across all workers.

A worker owns an endpoint for some seconds and renews that while the endpoint has work. So one process counts the
endpoint's concurrency, rate and slow start, and sends its only probe. The ownership of a worker that dies expires.
Endpoints with due work are found by a read, so that an idle worker writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.claim.claim import EVER, FARTHEST, is_next
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row, Writer
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.queries.webhooks.endpoints import TRANSPORT

OWNED = timedelta(seconds=15)
"""How long a worker owns an endpoint without a renewal."""

_endpoints = webhook_endpoints.c
_now = bind("now", Instant())
_far = bind("far", Instant())
_probing = _endpoints.breaker_state.in_([sa.literal_column("'open'"), sa.literal_column("'half_open'")])
_LANES: tuple[sa.ColumnElement[str], ...] = (sa.literal_column("'first'"), sa.literal_column("'retry'"))


def _free(owner: sa.ColumnElement[Any], until: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    me = bind("me", Uuid())
    return sa.or_(owner.is_(None), owner == me, until <= _now, until > _far)


def _due() -> Statement:
    """The endpoints that this worker may serve and that have a due delivery, or with an open breaker any delivery."""
    by = sa.case((_probing, bind("ever", Instant())), else_=_now)
    arms = []
    for lane in _LANES:
        one = deliveries.alias("one")
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).where(
            one.c.endpoint_id == _endpoints.id, is_next(one, lane, by)
        )
        arms.append(found.limit(sa.literal_column("1")).correlate(webhook_endpoints).scalar_subquery().is_not(None))
    here = (
        sa.select(
            _endpoints.id,
            _endpoints.url,
            _endpoints.secret_encrypted,
            _endpoints.transport_sealed,
            TRANSPORT,
            _endpoints.ordering,
            _endpoints.on_exhausted,
            _endpoints.concurrency,
            _endpoints.rate_per_second,
            _endpoints.allowed_per_minute,
            _endpoints.timeout_seconds,
            _endpoints.owner,
            _endpoints.owner_until,
            _endpoints.breaker_state,
            _endpoints.breaker_allowed,
            arms[0].label("first_due"),
            arms[1].label("retry_due"),
        )
        .where(
            _endpoints.enabled.is_(sa.true()),
            _endpoints.deleted_at.is_(None),
            _endpoints.awaits_consent.is_(sa.false()),
            _free(_endpoints.owner, _endpoints.owner_until),
            sa.not_(one_of(_endpoints.id, "full")),
            sa.or_(sa.not_(_probing), _endpoints.breaker_probe_at <= _now),
        )
        .subquery("here")
    )
    return Statement(
        sa.select(here).where(sa.or_(here.c.first_due, here.c.retry_due)).limit(bind("most", sa.BigInteger))
    )


DUE = _due()

_owned = (
    sa.select(_endpoints.id)
    .where(
        one_of(_endpoints.id, "ids"),
        _endpoints.enabled.is_(sa.true()),
        _endpoints.deleted_at.is_(None),
        _endpoints.awaits_consent.is_(sa.false()),
        _free(_endpoints.owner, _endpoints.owner_until),
        sa.or_(
            _endpoints.breaker_state.in_([sa.literal_column("'closed'"), sa.literal_column("'slow_start'")]),
            _endpoints.breaker_probe_at <= _now,
        ),
    )
    .order_by(_endpoints.id)
    .with_for_update(skip_locked=True, key_share=True)
    .cte("owned")
)
OWN = Statement(
    sa.update(webhook_endpoints)
    .values(
        owner=bind("me", Uuid()),
        owner_until=bind("owned_until", Instant()),
        breaker_state=sa.case((_probing, sa.literal_column("'half_open'")), else_=_endpoints.breaker_state),
        breaker_probe_at=sa.case((_probing, bind("until", Instant())), else_=_endpoints.breaker_probe_at),
    )
    .where(_endpoints.id.in_(sa.select(_owned.c.id)))
    .returning(_endpoints.id)
)
"""Gives endpoints to this worker for a while. An endpoint with an open breaker becomes half open until the lease of its
probe ends."""

RENEW = Statement(
    sa.update(webhook_endpoints)
    .values(owner_until=bind("owned_until", Instant()))
    .where(one_of(_endpoints.id, "ids"), _endpoints.owner == bind("me", Uuid()))
    .returning(_endpoints.id)
)
DISOWN = Statement(
    sa.update(webhook_endpoints).values(owner=None, owner_until=None).where(_endpoints.owner == bind("me", Uuid()))
)


async def due_endpoints(
    reader: Reader, me: str, now: datetime, *, full: Sequence[str] = (), most: int = 1000
) -> list[Row]:
    """Return the rows of the endpoints that have work for the worker `me`, without those in `full`."""
    return await reader.all(DUE, me=me, now=now, far=now + FARTHEST, ever=now + EVER, full=list(full), most=most)


async def own(
    writer: Writer, me: str, endpoints: Sequence[str], now: datetime, until: datetime, owned: timedelta = OWNED
) -> set[str]:
    """Give endpoints to the worker. Return the ids it got. An endpoint with an open breaker may be probed once until
    `until`.
    """
    got = await writer.column(
        OWN, ids=list(endpoints), me=me, now=now, far=now + FARTHEST, owned_until=now + owned, until=until
    )
    return set(got)


async def renew(writer: Writer, me: str, endpoints: Sequence[str], now: datetime, owned: timedelta = OWNED) -> set[str]:
    """Renew the ownership of endpoints. Return the ids that the worker still owned."""
    return set(await writer.column(RENEW, ids=list(endpoints), me=me, owned_until=now + owned))


async def disown(writer: Writer, me: str) -> None:
    """Give up every endpoint of a worker, so that others can serve them at once."""
    await writer.execute(DISOWN, me=me)
