"""Read accounts as they were at an instant: their position and stage from the histories, and which accounts existed.

Members that have a history show the past: every value of the classification, the stage, and the cell of the general
portfolio. The other members show the present. Every statement takes the instant as `:as_of` and reads it by the index
of each account's history, newest entry first.
"""

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


def instant(name: str = "as_of") -> ColumnElement[Any]:
    """Return the bind parameter of the instant."""
    return bind(name, Instant())


def existed(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether an account existed at an instant: it was created by then and not deleted at that time."""
    gone = sa.exists().where(
        account_deletions.c.account_id == accounts.c.id,
        account_deletions.c.deleted_at <= at,
        sa.or_(account_deletions.c.restored_at.is_(None), account_deletions.c.restored_at > at),
    )
    return sa.and_(accounts.c.created_at <= at, ~gone.correlate(accounts))


def _held(entry: Any, history: sa.Table, recorded: str, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that joins an account to the entry of its history that was valid: the last one recorded by
    then.
    """
    earlier = history.alias(f"{entry.name}_until")
    last = (
        sa.select(earlier.c.account_version)
        .where(earlier.c.account_id == accounts.c.id, earlier.c[recorded] <= at)
        .order_by(earlier.c.account_version.desc())
        .limit(sa.literal_column("1"))
        .correlate(accounts)
        .scalar_subquery()
    )
    return sa.and_(entry.c.account_id == accounts.c.id, entry.c.account_version == last)


class Then:
    """The joins and the columns of accounts at one bound instant. One statement may hold several."""

    def __init__(self, name: str = "as_of") -> None:
        self.at = instant(name)
        self.position = classifications.alias(f"position_{name}")
        self.stage = stage_entries.alias(f"stage_{name}")

    def join(self, source: Any) -> Any:
        """Join accounts to their position and stage at the instant, with nulls where an account had none."""
        source = source.outerjoin(self.position, _held(self.position, classifications, "classified_at", self.at))
        return source.outerjoin(self.stage, _held(self.stage, stage_entries, "recorded_at", self.at))

    def columns(self) -> Columns:
        """Return the columns of accounts, those with a history as they were at the instant."""
        status = sa.func.coalesce(self.position.c.classification_status, sa.literal_column("'incomplete'"))
        return {
            **dict(accounts.c.items()),
            **{name: self.position.c[name] for name in COLUMNS},
            "classification_status": sa.type_coerce(status, sa.Text()),
            "stage": self.stage.c.stage,
            "general_portfolio": cell_at(self.at),
            "as_of": self.at,
        }


THEN = Then()
PAST = account_listing(THEN.columns(), source=THEN.join(accounts), visible=lambda: existed(THEN.at))
"""Accounts as they were at `:as_of`. Filters and sorts use the values of that instant."""

_HELD = (
    sa.select(*[model_periods.c[name] if name.startswith("range_") else scoring_models.c[name] for name in RULES])
    .select_from(model_periods.join(scoring_models, scoring_models.c.id == model_periods.c.model_id))
    .where(model_periods.c.since <= THEN.at)
    .order_by(model_periods.c.since.desc(), model_periods.c.id.desc())
    .limit(sa.literal_column("1"))
)
MODEL_PERIOD = Statement(_HELD)
"""The scoring model that was active at `:as_of`, with the range that its cut was based on then."""

_entry = THEN.position.c


def _range(name: str) -> ColumnElement[Any]:
    """Return one end of the range that the cut of the entry's model was based on when the entry was written."""
    found = sa.select(model_periods.c[name]).where(
        model_periods.c.model_id == _entry.model_id, model_periods.c.since <= _entry.classified_at
    )
    found = found.order_by(model_periods.c.since.desc(), model_periods.c.id.desc()).limit(sa.literal_column("1"))
    return sa.type_coerce(found.correlate(THEN.position).scalar_subquery(), model_periods.c[name].type)


def _chosen(cause: str, **more: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return who made a manual choice, when and why: the last entry of this cause up to the valid entry."""
    entry = classifications.alias(cause).c
    members = {"reason": entry.reason, "recorded_by": entry.recorded_by, "recorded_at": entry.classified_at}
    shown = {**{name: entry[column.name] for name, column in more.items()}, **members}
    found = (
        sa.select(json_row(shown))
        .where(
            entry.account_id == _entry.account_id,
            entry.account_version <= _entry.account_version,
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


_model = {name: _range(name) if name.startswith("range_") else scoring_models.c[name] for name in RULES}
_model_period = _HELD.subquery("model_period")
PAST_INPUTS: dict[str, ColumnElement[Any]] = {
    **{name: accounts.c[name] for name in ("id", "version")},
    **{name: _entry[name] for name in (*COLUMNS, "model_id", "classified_at", "inputs")},
    "stage": THEN.stage.c.stage,
    "model": _document(
        sa.select(json_row(_model))
        .where(scoring_models.c.id == _entry.model_id)
        .correlate(THEN.position)
        .scalar_subquery()
    ),
    "model_period": _document(sa.select(json_row({name: _model_period.c[name] for name in RULES})).scalar_subquery()),
    "override": sa.case(
        (_entry.quadrant_source == sa.literal_column("'override'"), _chosen("override", quadrant=_entry.quadrant))
    ),
    "leading": sa.case((_entry.leading_verb.is_not(None), _chosen("leading_verb"))),
}
"""The inputs of the explanation of an account's classification at `:as_of`: the valid entry, and the models."""
PAST_INPUTS |= {name: _document(PAST_INPUTS[name]) for name in ("override", "leading")}

PAST_CLASSIFICATION_INPUTS = Statement(
    sa.select(sa.type_coerce(json_row(PAST_INPUTS), Json()).label("inputs"))
    .select_from(THEN.join(accounts))
    .where(accounts.c.id == bind("id", Uuid()), existed(THEN.at))
)
"""The same inputs of one account."""
