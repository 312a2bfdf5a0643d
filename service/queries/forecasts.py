"""How forecast positions are read: the one that holds now, and the one that held at an instant."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.models.accounts import accounts
from service.models.forecasts import forecast_positions
from service.platform.columns import Instant, Uuid
from service.platform.dialects import JsonDocument, json_row
from service.platform.statements import Statement

a, f = accounts.c, forecast_positions.c

STORED = (
    "attractiveness", "relative_strength", "business_strength", "forecast_on", "reason", "author_id", "recorded_by",
    "recorded_at",
)  # fmt: skip

FORECAST = Statement(
    sa.select(a.version, f.id.label("forecast_id"), *(f[name] for name in STORED))
    .select_from(accounts.outerjoin(forecast_positions, sa.and_(f.account_id == a.id, f.superseded_at.is_(None))))
    .where(a.id == sa.bindparam("id", type_=Uuid()), a.deleted_at.is_(None))
)
"""An account's version beside its forecast, or beside nulls."""


def expected_at(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Which forecast held at an instant."""
    return sa.and_(f.recorded_at <= at, sa.or_(f.superseded_at.is_(None), f.superseded_at > at))


def forecast_of(as_of: bool) -> ColumnElement[Any]:
    """The forecast of a row of accounts as a JSON object, or null; with `as_of` the one that held at `:as_of`."""
    chosen = expected_at(sa.bindparam("as_of", type_=Instant())) if as_of else f.superseded_at.is_(None)
    shown = json_row(
        {
            "attractiveness": f.attractiveness,
            "relative_strength": f.relative_strength,
            "business_strength": f.business_strength,
            "on": f.forecast_on,
        }
    )
    found = sa.select(shown).where(f.account_id == a.id, chosen).correlate(accounts).scalar_subquery()
    return sa.type_coerce(found, JsonDocument())
