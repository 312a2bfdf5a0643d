"""How forecast positions are read: the one that holds now, and the one that held at an instant."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Instant, bind
from service.framework.database.dialects import JsonDocument, json_row
from service.models.accounts.accounts import accounts
from service.models.classification.forecasts import forecast_positions
from service.queries.classification.judgements import beside_account, held_at, holds

a, f = accounts.c, forecast_positions.c

STORED = (
    "attractiveness", "relative_strength", "business_strength", "forecast_on", "reason", "author_id", "recorded_by",
    "recorded_at",
)  # fmt: skip

FORECAST = beside_account(forecast_positions, *(f[name] for name in STORED))
"""An account's version beside its forecast, or beside nulls."""


def forecast_of(as_of: bool) -> ColumnElement[Any]:
    """The forecast of a row of accounts as a JSON object, or null; with `as_of` the one that held at `:as_of`."""
    chosen = held_at(forecast_positions, bind("as_of", Instant())) if as_of else holds(forecast_positions)
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
