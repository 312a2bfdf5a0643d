"""Read forecast positions: the valid one, and the one that was valid at an instant."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Instant, bind
from service.framework.database.dialects import JsonDocument, json_row
from service.models.accounts.accounts import accounts
from service.models.classification.forecasts import forecast_positions
from service.queries.classification.judgements import beside_account, held_at, holds

STORED = (
    "attractiveness", "relative_strength", "business_strength", "forecast_on", "reason", "author_id", "recorded_by",
    "recorded_at",
)  # fmt: skip

FORECAST = beside_account(forecast_positions, *(forecast_positions.c[name] for name in STORED))
"""An account's version beside its forecast, or beside nulls."""


def forecast_of(as_of: bool) -> ColumnElement[Any]:
    """Return an account's forecast as a JSON object, or null. With `as_of`, the forecast valid at `:as_of`."""
    chosen = held_at(forecast_positions, bind("as_of", Instant())) if as_of else holds(forecast_positions)
    shown = json_row(
        {
            "attractiveness": forecast_positions.c.attractiveness,
            "relative_strength": forecast_positions.c.relative_strength,
            "business_strength": forecast_positions.c.business_strength,
            "on": forecast_positions.c.forecast_on,
        }
    )
    found = (
        sa.select(shown)
        .where(forecast_positions.c.account_id == accounts.c.id, chosen)
        .correlate(accounts)
        .scalar_subquery()
    )
    return sa.type_coerce(found, JsonDocument())
