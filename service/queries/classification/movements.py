"""The portfolio at two instants side by side, and the entries of its histories in between."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Instant, bind
from service.framework.database.dialects import JsonDocument, json_row, one_of
from service.framework.database.filters import Condition, Filterable, clause, enum_field, filter_model
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.classification import classifications
from service.models.classification.movements import MovementChanges
from service.models.classification.scoring_models import scoring_models
from service.models.relationship.stages import stage_entries
from service.platform.kept import Kept
from service.queries.accounts.accounts import low
from service.queries.accounts.past import Then, existed
from service.queries.classification.classification import COLUMNS
from service.rules.vocabulary import AccountScope, Quadrant, Stage

a, h, e, m = accounts.c, classifications.c, stage_entries.c, scoring_models.c

CAUSES_LISTED = 20
"""Entries of each history that a movement lists, the latest; the count tells how many there are."""

BEFORE, AFTER = Then("from_at"), Then("to_at")
_WAS, _IS = existed(BEFORE.at), existed(AFTER.at)
_POSITION = tuple(
    name for name in COLUMNS if name not in ("computed_quadrant", "leading_verb", "classification_status")
)


def _there(there: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value of an account at an instant; null when it was not there."""
    return sa.type_coerce(sa.case((there, value)), value.type)


def _absent(there: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an account was not there, as a true or false that documents can show (a negation has no type)."""
    return sa.type_coerce(sa.case((there, sa.false()), else_=sa.true()), sa.Boolean())


_PREVIOUS, _CURRENT = _there(_WAS, BEFORE.position.c.quadrant), _there(_IS, AFTER.position.c.quadrant)
_STAGE_BEFORE, _STAGE_AFTER = _there(_WAS, BEFORE.stage.c.stage), _there(_IS, AFTER.stage.c.stage)
_QUADRANT_MOVED = _PREVIOUS.is_distinct_from(_CURRENT)
_STAGE_MOVED = sa.and_(_WAS, _IS, _STAGE_BEFORE.is_distinct_from(_STAGE_AFTER))
_SOURCE = AFTER.join(BEFORE.join(accounts))


def _position(then: Then, there: ColumnElement[bool]) -> ColumnElement[Any]:
    """Where an account stood, with the inputs that its factors are compared by."""
    c = then.columns()
    number = sa.select(m.number).where(m.id == then.position.c.model_id).scalar_subquery()
    members = {name: c[name] for name in (*_POSITION, "classification_status", "stage")}
    shown = json_row({**members, "model_version": number, "inputs": then.position.c.inputs})
    return sa.type_coerce(sa.case((there, shown)), JsonDocument())


_MEMBERS: dict[str, ColumnElement[Any]] = {
    "account_id": a.id,
    "name": a.name,
    "entered": _absent(_WAS),
    "left": _absent(_IS),
    "quadrant_changed": _QUADRANT_MOVED,
    "stage_changed": _STAGE_MOVED,
    "previous": _position(BEFORE, _WAS),
    "current": _position(AFTER, _IS),
}
MOVEMENT_FILTERS = {
    "previous_quadrant": enum_field(_PREVIOUS, Quadrant),
    "current_quadrant": enum_field(_CURRENT, Quadrant),
    "previous_stage": enum_field(_STAGE_BEFORE, Stage),
    "current_stage": enum_field(_STAGE_AFTER, Stage),
    "owner_id": Filterable(a.owner_id, "id"),
    "industry": Filterable(a.industry, "text"),
    "country": Filterable(a.country, "text"),
    "scope": enum_field(a.scope, AccountScope),
}
_CHANGED: dict[MovementChanges, ColumnElement[bool]] = {
    MovementChanges.QUADRANT: _QUADRANT_MOVED,
    MovementChanges.STAGE: _STAGE_MOVED,
    MovementChanges.ANY: sa.or_(_QUADRANT_MOVED, _STAGE_MOVED),
    MovementChanges.ALL: sa.true(),
}


def _listing(changes: MovementChanges) -> Listing:
    changed = _CHANGED[changes]

    def visible() -> ColumnElement[bool]:
        there = sa.or_(_WAS, _IS)
        return there if changes is MovementChanges.ALL else sa.and_(there, changed)

    return Listing(
        name=f"movements/{changes.value}",
        table=accounts,
        members=_MEMBERS,
        filters=MOVEMENT_FILTERS,
        sorts={"name": a.name, "revenue": low(a.revenue)},
        default_sort=(Sort("revenue", True),),
        source=_SOURCE,
        visible=visible,
    )


MOVEMENTS = {changes: _listing(changes) for changes in MovementChanges}
"""By what is listed; each takes `:from_at` and `:to_at`."""


MovementFilter = filter_model("MovementFilter", MOVEMENT_FILTERS)


def _between(column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    at = {name: bind(name, Instant()) for name in ("from_at", "to_at")}
    return column > at["from_at"], column <= at["to_at"]


def _earlier_quadrant() -> ColumnElement[Any]:
    """The quadrant of the entry before an entry."""
    before = classifications.alias("before")
    return (
        sa.select(before.c.quadrant)
        .where(before.c.account_id == h.account_id, before.c.account_version < h.account_version)
        .order_by(before.c.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(classifications)
        .scalar_subquery()
    )


def _ranked(history: sa.Table, *columns: Any, recorded: ColumnElement[Any]) -> sa.Subquery:
    """The entries of accounts in between, numbered from the latest, with how many there are."""
    c = history.c
    place = sa.func.row_number().over(partition_by=c.account_id, order_by=c.account_version.desc()).label("place")
    count = sa.func.count().over(partition_by=c.account_id).label("entries")
    chosen = sa.select(c.account_id, c.account_version, place, count, *columns)
    return chosen.where(one_of(c.account_id, "ids"), *_between(recorded)).subquery()


def _listed(ranked: sa.Subquery) -> sa.Select[Any]:
    most = sa.literal_column(str(CAUSES_LISTED), sa.BigInteger)
    return sa.select(ranked).where(ranked.c.place <= most).order_by(ranked.c.account_id, ranked.c.account_version)


_model_number = sa.select(m.number).where(m.id == h.model_id).scalar_subquery().label("model_version")
CLASSIFIED_BETWEEN = Statement(
    _listed(
        _ranked(
            classifications,
            h.classified_at,
            h.cause,
            h.reason,
            h.recorded_by,
            h.quadrant,
            _earlier_quadrant().label("previous"),
            _model_number,
            recorded=h.classified_at,
        )
    )
)
"""Of accounts (`:ids`) the latest classifications in between."""

MOVED_BETWEEN = Statement(
    _listed(_ranked(stage_entries, e.recorded_at, e.reason, e.recorded_by, e.stage, e.previous, recorded=e.recorded_at))
)
"""Of accounts (`:ids`) the latest entries of the stage history in between."""


def counted(shape: Any) -> Statement:
    """How many accounts went from which quadrant to which, and how many of them entered or left."""
    flags = (_WAS, _IS)
    entered, left = sa.case((flags[0], 0), else_=1), sa.case((flags[1], 0), else_=1)
    inner = sa.select(
        _PREVIOUS.label("previous"), _CURRENT.label("current"), entered.label("entered"), left.label("left")
    )
    inner = _filtered(inner.select_from(_SOURCE).where(sa.or_(*flags)), shape)
    c = inner.subquery().c
    return Statement(
        sa.select(
            c.previous,
            c.current,
            sa.func.count().label("count"),
            sa.func.sum(c.entered).label("entered"),
            sa.func.sum(c.left).label("left"),
        ).group_by(c.previous, c.current)
    )


def caused(shape: Any) -> Statement:
    """How many changes of quadrant in between had which cause."""
    found = _filtered(sa.select(a.id).select_from(_SOURCE).where(sa.or_(_WAS, _IS)), shape)
    query = sa.select(h.cause, sa.func.count().label("count")).where(
        *_between(h.classified_at), h.quadrant.is_distinct_from(_earlier_quadrant()), h.account_id.in_(found)
    )
    return Statement(query.group_by(h.cause))


def _filtered(query: sa.Select[Any], shape: Any) -> sa.Select[Any]:
    condition = clause(shape, MOVEMENT_FILTERS)
    return query if condition is None else query.where(condition)


_SUMMARIES: Kept[Any, tuple[Statement, Statement]] = Kept(100)


def summary_statements(condition: Condition) -> tuple[Statement, Statement]:
    """The two statements of a summary for a form of filter, compiled once per form."""
    shape = condition.shape
    return _SUMMARIES.made(shape, lambda: (counted(shape), caused(shape)))
