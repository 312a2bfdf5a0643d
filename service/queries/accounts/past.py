"""Accounts as they stood at an instant: their position and stage from the histories, and who was there at all.

Members that have a history are of then: everything a classification says, the stage, and the cell of the general
portfolio. The others are as today.
Every statement takes the instant as `:as_of`; it is read by the index of each account's history, newest entry first.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.dialects import JsonDocument, json_row
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.accounts.deletions import account_deletions
from service.models.classification.classification import classifications
from service.models.classification.model_periods import model_periods
from service.models.classification.scoring_models import scoring_models
from service.models.relationship.stages import stage_entries
from service.queries.accounts.accounts import Columns, account_listing
from service.queries.classification.classification import COLUMNS
from service.queries.classification.general_portfolios import cell_at
from service.queries.classification.scoring_models import RULES

a, d, y, m = accounts.c, account_deletions.c, model_periods.c, scoring_models.c


def instant(name: str = "as_of") -> ColumnElement[Any]:
    """The instant looked back to, as it is bound."""
    return bind(name, Instant())


def existed(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether an account was there: taken in by then, and not deleted just then."""
    gone = sa.exists().where(
        d.account_id == a.id, d.deleted_at <= at, sa.or_(d.restored_at.is_(None), d.restored_at > at)
    )
    return sa.and_(a.created_at <= at, ~gone.correlate(accounts))


def _held(entry: Any, history: sa.Table, recorded: str, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """What joins an account to the entry of its history that held: the last one recorded by then."""
    earlier = history.alias(f"{entry.name}_until")
    last = (
        sa.select(earlier.c.account_version)
        .where(earlier.c.account_id == a.id, earlier.c[recorded] <= at)
        .order_by(earlier.c.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(accounts)
        .scalar_subquery()
    )
    return sa.and_(entry.c.account_id == a.id, entry.c.account_version == last)


class Then:
    """The joins and the columns of accounts at one bound instant; several may stand in one statement."""

    def __init__(self, name: str = "as_of") -> None:
        self.at = instant(name)
        self.position = classifications.alias(f"position_{name}")
        self.stage = stage_entries.alias(f"stage_{name}")

    def join(self, source: Any) -> Any:
        """Accounts with their position and stage of then, nulls where there was none."""
        source = source.outerjoin(self.position, _held(self.position, classifications, "classified_at", self.at))
        return source.outerjoin(self.stage, _held(self.stage, stage_entries, "recorded_at", self.at))

    def columns(self) -> Columns:
        """The columns of accounts, those with a history as they were."""
        status = sa.func.coalesce(self.position.c.classification_status, sa.literal_column("'incomplete'"))
        return {
            **dict(a.items()),
            **{name: self.position.c[name] for name in COLUMNS},
            "classification_status": sa.type_coerce(status, sa.Text()),
            "stage": self.stage.c.stage,
            "general_portfolio": cell_at(self.at),
            "as_of": self.at,
        }


THEN = Then()
PAST = account_listing(THEN.columns(), source=THEN.join(accounts), visible=lambda: existed(THEN.at))
"""Accounts as they stood at `:as_of`; filters and sorts judge what was then."""

_HELD = (
    sa.select(*[y[name] if name.startswith("range_") else m[name] for name in RULES])
    .select_from(model_periods.join(scoring_models, m.id == y.model_id))
    .where(y.since <= THEN.at)
    .order_by(y.since.desc(), y.id.desc())
    .limit(sa.literal_column("1"))
)
MODEL_PERIOD = Statement(_HELD)
"""The scoring model that held at `:as_of`, with the range that its cut rested on then."""

_p = THEN.position.c


def _range(name: str) -> ColumnElement[Any]:
    """The end of the range that the cut of an entry's model rested on when the entry was written."""
    found = sa.select(y[name]).where(y.model_id == _p.model_id, y.since <= _p.classified_at)
    found = found.order_by(y.since.desc(), y.id.desc()).limit(sa.literal_column("1"))
    return sa.type_coerce(found.correlate(THEN.position).scalar_subquery(), y[name].type)


def _chosen(cause: str, **more: ColumnElement[Any]) -> ColumnElement[Any]:
    """Who chose something by hand and why: the last entry of that cause until the one that held."""
    entry = classifications.alias(cause).c
    members = {"reason": entry.reason, "recorded_by": entry.recorded_by, "recorded_at": entry.classified_at}
    shown = {**{name: entry[column.name] for name, column in more.items()}, **members}
    found = (
        sa.select(json_row(shown))
        .where(
            entry.account_id == _p.account_id,
            entry.account_version <= _p.account_version,
            entry.cause == sa.literal_column(f"'{cause}'"),
        )
        .order_by(entry.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(THEN.position)
        .scalar_subquery()
    )
    return sa.type_coerce(found, JsonDocument())


def _document(expression: Any) -> ColumnElement[Any]:
    return sa.type_coerce(expression, JsonDocument())


_model = {name: _range(name) if name.startswith("range_") else m[name] for name in RULES}
_model_period = _HELD.subquery("model_period")
STANDING_THEN: dict[str, ColumnElement[Any]] = {
    **{name: a[name] for name in ("id", "version")},
    **{name: _p[name] for name in (*COLUMNS, "model_id", "classified_at", "inputs")},
    "stage": THEN.stage.c.stage,
    "model": _document(
        sa.select(json_row(_model)).where(m.id == _p.model_id).correlate(THEN.position).scalar_subquery()
    ),
    "model_period": _document(sa.select(json_row({name: _model_period.c[name] for name in RULES})).scalar_subquery()),
    "override": sa.case(
        (_p.quadrant_source == sa.literal_column("'override'"), _chosen("override", quadrant=_p.quadrant))
    ),
    "leading": sa.case((_p.leading_verb.is_not(None), _chosen("leading_verb"))),
}
"""All that an account's classification of then is explained from: the entry that held, and the models."""
STANDING_THEN |= {name: _document(STANDING_THEN[name]) for name in ("override", "leading")}

CLASSIFIED_THEN = Statement(
    sa.select(sa.type_coerce(json_row(STANDING_THEN), Json()).label("standing"))
    .select_from(THEN.join(accounts))
    .where(a.id == bind("id", Uuid()), existed(THEN.at))
)
"""The same of one account."""
