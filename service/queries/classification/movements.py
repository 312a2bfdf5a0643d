"""Compare the portfolio at two instants, and read the entries of its histories between them."""

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

CAUSES_LISTED = 20
"""The number of entries of each history that a movement lists, latest first. A count gives their total number."""

BEFORE, AFTER = Then("from_at"), Then("to_at")
_WAS, _IS = existed(BEFORE.at), existed(AFTER.at)
_POSITION = tuple(
    name for name in COLUMNS if name not in ("computed_quadrant", "leading_verb", "classification_status")
)


def _there(there: ColumnElement[bool], value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a value of an account at an instant, or null when the account did not exist then."""
    return sa.type_coerce(sa.case((there, value)), value.type)


def _absent(there: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether an account did not exist, as a typed boolean that documents can show (a negation has no type)."""
    return sa.type_coerce(sa.case((there, sa.false()), else_=sa.true()), sa.Boolean())


_PREVIOUS, _CURRENT = _there(_WAS, BEFORE.position.c.quadrant), _there(_IS, AFTER.position.c.quadrant)
_STAGE_BEFORE, _STAGE_AFTER = _there(_WAS, BEFORE.stage.c.stage), _there(_IS, AFTER.stage.c.stage)
_QUADRANT_MOVED = _PREVIOUS.is_distinct_from(_CURRENT)
_STAGE_MOVED = sa.and_(_WAS, _IS, _STAGE_BEFORE.is_distinct_from(_STAGE_AFTER))
_SOURCE = AFTER.join(BEFORE.join(accounts))


def _position(then: Then, there: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return an account's position at an instant, with the inputs by which its factors are compared."""
    c = then.columns()
    number = sa.select(scoring_models.c.number).where(scoring_models.c.id == then.position.c.model_id).scalar_subquery()
    members = {name: c[name] for name in (*_POSITION, "classification_status", "stage")}
    shown = json_row({**members, "model_version": number, "inputs": then.position.c.inputs})
    return sa.type_coerce(sa.case((there, shown)), JsonDocument())


_MEMBERS: dict[str, ColumnElement[Any]] = {
    "account_id": accounts.c.id,
    "name": accounts.c.name,
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
    "owner_id": Filterable(accounts.c.owner_id, "id"),
    "industry": Filterable(accounts.c.industry, "text"),
    "country": Filterable(accounts.c.country, "text"),
    "scope": enum_field(accounts.c.scope, AccountScope),
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
        sorts={"name": accounts.c.name, "revenue": low(accounts.c.revenue)},
        default_sort=(Sort("revenue", True),),
        source=_SOURCE,
        visible=visible,
    )


MOVEMENTS = {changes: _listing(changes) for changes in MovementChanges}
"""The listings by kind of change. Each takes `:from_at` and `:to_at`."""


MovementFilter = filter_model("MovementFilter", MOVEMENT_FILTERS)


def _between(column: ColumnElement[Any]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    at = {name: bind(name, Instant()) for name in ("from_at", "to_at")}
    return column > at["from_at"], column <= at["to_at"]


def _earlier_quadrant() -> ColumnElement[Any]:
    """Return the quadrant of the entry before an entry."""
    before = classifications.alias("before")
    return (
        sa.select(before.c.quadrant)
        .where(
            before.c.account_id == classifications.c.account_id,
            before.c.account_version < classifications.c.account_version,
        )
        .order_by(before.c.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(classifications)
        .scalar_subquery()
    )


def _ranked(history: sa.Table, *columns: Any, recorded: ColumnElement[Any]) -> sa.Subquery:
    """Number the entries of accounts between the instants from the latest, with their total number."""
    c = history.c
    place = sa.func.row_number().over(partition_by=c.account_id, order_by=c.account_version.desc()).label("place")
    count = sa.func.count().over(partition_by=c.account_id).label("entries")
    chosen = sa.select(c.account_id, c.account_version, place, count, *columns)
    return chosen.where(one_of(c.account_id, "ids"), *_between(recorded)).subquery()


def _listed(ranked: sa.Subquery) -> sa.Select[Any]:
    most = sa.literal_column(str(CAUSES_LISTED), sa.BigInteger)
    return sa.select(ranked).where(ranked.c.place <= most).order_by(ranked.c.account_id, ranked.c.account_version)


_model_number = (
    sa.select(scoring_models.c.number)
    .where(scoring_models.c.id == classifications.c.model_id)
    .scalar_subquery()
    .label("model_version")
)
CLASSIFIED_BETWEEN = Statement(
    _listed(
        _ranked(
            classifications,
            *(classifications.c[name] for name in ("classified_at", "cause", "reason", "recorded_by", "quadrant")),
            _earlier_quadrant().label("previous"),
            _model_number,
            recorded=classifications.c.classified_at,
        )
    )
)
"""The latest classifications of accounts (`:ids`) between the instants."""

MOVED_BETWEEN = Statement(
    _listed(
        _ranked(
            stage_entries,
            *(stage_entries.c[name] for name in ("recorded_at", "reason", "recorded_by", "stage", "previous")),
            recorded=stage_entries.c.recorded_at,
        )
    )
)
"""The latest entries of the stage history of accounts (`:ids`) between the instants."""


def counted(shape: Any) -> Statement:
    """Return the statement that counts accounts, and who entered or left, by previous and current quadrant."""
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
    """Return the statement that counts the changes of quadrant between the instants by their cause."""
    found = _filtered(sa.select(accounts.c.id).select_from(_SOURCE).where(sa.or_(_WAS, _IS)), shape)
    query = sa.select(classifications.c.cause, sa.func.count().label("count")).where(
        *_between(classifications.c.classified_at),
        classifications.c.quadrant.is_distinct_from(_earlier_quadrant()),
        classifications.c.account_id.in_(found),
    )
    return Statement(query.group_by(classifications.c.cause))


def _filtered(query: sa.Select[Any], shape: Any) -> sa.Select[Any]:
    condition = clause(shape, MOVEMENT_FILTERS)
    return query if condition is None else query.where(condition)


_SUMMARIES: Kept[Any, tuple[Statement, Statement]] = Kept(100)


def summary_statements(condition: Condition) -> tuple[Statement, Statement]:
    """Return the two statements of a summary for a form of filter. Each form is compiled once."""
    shape = condition.shape
    return _SUMMARIES.made(shape, lambda: (counted(shape), caused(shape)))
