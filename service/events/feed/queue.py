"""Whose turn it is: statements that keep deliveries of one endpoint and key in a line, and take endpoints out of it.

Only the first open delivery of an endpoint and key may be sent. Finding it would mean to look at every delivery of a
long backlog again and again, so those that stand behind another are marked when they are made (`behind`), and the end
of one lets the next go. The mark only saves looking: a claim still checks the order, and a delivery whose mark is
missing is passed over there. A mark without an older open delivery would be a delivery forgotten; so the older one is
locked while the mark is written (its end must wait for it), and the sweep looks for such marks all the same.
"""

from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.dialects import json_rows, one_of
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import deliveries, webhook_endpoints

PENDING: sa.ColumnElement[str] = sa.literal_column("'pending'")
LEASED: sa.ColumnElement[str] = sa.literal_column("'leased'")
BLOCKED: sa.ColumnElement[str] = sa.literal_column("'blocked'")
HELD: sa.ColumnElement[str] = sa.literal_column("'held'")
OPEN = [PENDING, LEASED, BLOCKED]
# literals, not parameters: only so can both databases see that the partial indexes fit


def older_open(one: sa.FromClause, states: list[sa.ColumnElement[str]] | None = None) -> sa.Select[Any]:
    """The open deliveries that go before one of the same endpoint and key; `states` narrows them."""
    older = deliveries.alias("older")
    query = sa.select(older.c.id).where(
        older.c.endpoint_id == one.c.endpoint_id,
        older.c.order_key == one.c.order_key,
        older.c.state.in_(OPEN),
        sa.tuple_(older.c.event_position, older.c.id) < sa.tuple_(one.c.event_position, one.c.id),
    )
    return (query if states is None else query.where(older.c.state.in_(states))).correlate(one)


def none_before(one: sa.FromClause, states: list[sa.ColumnElement[str]] | None = None) -> sa.ColumnElement[bool]:
    """Whether no open delivery goes before one. Not NOT EXISTS, which PostgreSQL makes a join of, and in order: so
    that it takes the index by key with and without statistics of the table (a first backlog after the start).
    """
    older = older_open(one, states)
    position = older.get_final_froms()[0].c.event_position
    return older.order_by(position).limit(sa.literal_column("1")).scalar_subquery().is_(None)


def _first_behind(line: sa.FromClause) -> sa.ScalarSelect[str]:
    """The id of the next delivery of an endpoint and key that waits for its turn."""
    following = deliveries.alias("following")
    query = sa.select(following.c.id).where(
        following.c.endpoint_id == line.c.endpoint_id,
        following.c.order_key == line.c.order_key,
        following.c.state.in_(OPEN),
        following.c.state == PENDING,
        following.c.behind.is_(sa.true()),
    )
    query = query.order_by(following.c.event_position, following.c.id).limit(sa.literal_column("1"))
    return query.correlate(line).scalar_subquery()


def superseded_by_newer() -> sa.ColumnElement[bool]:
    """Whether a newer delivery of its family waits for the same endpoint, so that one that failed is not sent again."""
    newer = deliveries.alias("newer")
    return sa.exists(
        sa.select(newer.c.id).where(
            newer.c.endpoint_id == deliveries.c.endpoint_id,
            newer.c.family == deliveries.c.family,
            newer.c.state == PENDING,
            newer.c.family.is_not(None),
            newer.c.event_position > deliveries.c.event_position,
        )
    )


def locked(ids: sa.Select[Any] | sa.CompoundSelect[Any]) -> sa.CTE:
    """Those deliveries, locked in the order of their ids, so that two writers of several never wait for each other."""
    query = sa.select(deliveries.c.id).where(deliveries.c.id.in_(ids)).order_by(deliveries.c.id)
    return query.with_for_update().cte("locked")


def _mark_on_postgresql() -> Statement:
    one = deliveries.alias("one")
    older = older_open(one)
    table = older.get_final_froms()[0]
    nearest = older.order_by(table.c.event_position.desc(), table.c.id.desc()).limit(sa.literal_column("1"))
    nearest = nearest.with_for_update(read=True, skip_locked=True, of=table)
    found = (
        sa.select(one.c.id)
        .select_from(one.join(nearest.lateral("nearest"), sa.true()))
        .where(one_of(one.c.id, "ids"), one.c.state == PENDING)
        .cte("found")
    )
    return Statement(sa.update(deliveries).values(behind=True).where(deliveries.c.id.in_(sa.select(found.c.id))))


def _mark_on_sqlite() -> Statement:
    one = deliveries.alias("one")
    found = sa.select(one.c.id).where(one_of(one.c.id, "ids"), one.c.state == PENDING, sa.exists(older_open(one)))
    return Statement(sa.update(deliveries).values(behind=True).where(deliveries.c.id.in_(found)))


MARK_BEHIND = {"postgresql": _mark_on_postgresql(), "sqlite": _mark_on_sqlite()}
"""Marks those of the new deliveries `ids` that stand behind another which was there before."""

_FAMILIES: dict[str, sa.types.TypeEngine[Any]] = {"endpoint_id": Uuid(), "family": sa.Text()}
_LINES: dict[str, sa.types.TypeEngine[Any]] = {"endpoint_id": Uuid(), "order_key": sa.Text()}
_KINDS = ("postgresql", "sqlite")


def _superseding(kind: str) -> Statement:
    family = json_rows("families", _FAMILIES, kind)
    same = sa.and_(deliveries.c.endpoint_id == family.c.endpoint_id, deliveries.c.family == family.c.family)
    waiting = sa.select(deliveries.c.id).select_from(family.join(deliveries, same))
    pending = waiting.where(deliveries.c.state == PENDING, deliveries.c.family.is_not(None))
    held = waiting.where(deliveries.c.state == HELD)
    older = locked(sa.union_all(pending, held))
    return Statement(
        sa.update(deliveries)
        .values(state=sa.literal_column("'superseded'"), finished_at=bind("now", Instant()), behind=False)
        .where(deliveries.c.id.in_(sa.select(older.c.id)), deliveries.c.state.in_([PENDING, HELD]))
        .returning(deliveries.c.endpoint_id, deliveries.c.order_key)
    )


SUPERSEDE = {kind: _superseding(kind) for kind in _KINDS}
"""Supersedes what waits or is held for `families` (endpoint and family); their lines come back, for STEP_UP."""


def _stepping_up(kind: str) -> Statement:
    line = json_rows("lines", _LINES, kind)
    one = deliveries.alias("one")
    first = (
        sa.select(one.c.id)
        .select_from(
            line.join(one, sa.and_(one.c.endpoint_id == line.c.endpoint_id, one.c.order_key == line.c.order_key))
        )
        .where(one.c.state.in_(OPEN), one.c.state == PENDING, one.c.behind.is_(sa.true()), none_before(one))
    )
    return Statement(sa.update(deliveries).values(behind=False).where(deliveries.c.id.in_(first)))


STEP_UP = {kind: _stepping_up(kind) for kind in _KINDS}
"""Takes the mark from the first pending delivery of `lines` (endpoint and key) when nothing is open before it."""


def _release_next(kind: str) -> Statement:
    line = json_rows("lines", _LINES, kind)
    heads = sa.select(_first_behind(line).label("id")).select_from(line).cte("heads")
    mine = locked(sa.select(heads.c.id))
    return Statement(sa.update(deliveries).values(behind=False).where(deliveries.c.id.in_(sa.select(mine.c.id))))


RELEASE_NEXT = {kind: _release_next(kind) for kind in _KINDS}
"""Takes the mark from the next of `lines` (endpoint and key), whose delivery that was open has ended."""

_endpoint = deliveries.c.endpoint_id == bind("endpoint_id", Uuid())

HOLD = Statement(
    sa.update(deliveries)
    .values(state=HELD)
    .where(
        deliveries.c.id.in_(
            sa.select(
                locked(
                    sa.select(deliveries.c.id).where(
                        one_of(deliveries.c.endpoint_id, "endpoints"),
                        deliveries.c.state.in_(OPEN),
                        deliveries.c.state == PENDING,
                    )
                ).c.id
            )
        )
    )
)
"""Holds what is pending for `endpoints`, which the transaction has locked."""

RELEASE = Statement(
    sa.update(deliveries)
    .values(
        state=PENDING,
        behind=True,
        next_at=bind("now", Instant()),
        released_at=bind("now", Instant()),
    )
    .where(_endpoint, deliveries.c.state == HELD)
)
"""Makes what is held for an endpoint pending, all behind; LET_FIRST_GO follows."""


def _let_first_go() -> Statement:
    one = deliveries.alias("one")
    first = sa.select(one.c.id).where(
        one.c.endpoint_id == bind("endpoint_id", Uuid()),
        one.c.state.in_(OPEN),
        one.c.state == PENDING,
        one.c.behind.is_(sa.true()),
        none_before(one, [PENDING]),
    )
    return Statement(sa.update(deliveries).values(behind=False).where(deliveries.c.id.in_(first)))


LET_FIRST_GO = _let_first_go()
"""Takes the mark from the first pending delivery of every key of an endpoint."""


def _stuck() -> Statement:
    one = deliveries.alias("one")
    query = sa.select(one.c.id).where(
        one.c.state.in_(OPEN), one.c.state == PENDING, one.c.behind.is_(sa.true()), none_before(one)
    )
    return Statement(query.limit(sa.literal_column("1000")))


STUCK = _stuck()
"""Deliveries that are marked although none stands before them: there are none, and the sweep looks."""

UNSTICK = Statement(sa.update(deliveries).values(behind=False).where(one_of(deliveries.c.id, "ids")))

CANCEL = Statement(
    sa.update(deliveries)
    .values(state="canceled", finished_at=bind("now", Instant()))
    .where(_endpoint, deliveries.c.state.in_([PENDING, HELD, BLOCKED]))
)
"""Gives up what waits for an endpoint that is deleted."""

CANCEL_ORPHANS = Statement(
    sa.update(deliveries)
    .values(state="canceled", finished_at=bind("now", Instant()))
    .where(
        deliveries.c.endpoint_id.in_(
            sa.select(webhook_endpoints.c.id).where(webhook_endpoints.c.deleted_at.is_not(None))
        ),
        deliveries.c.state.in_(OPEN),
        deliveries.c.state == PENDING,
    )
)
"""Gives up what became pending again after its endpoint was deleted, because it was just being sent."""
