"""Read an account's place in the general portfolio."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.models.accounts.accounts import accounts
from service.models.classification.general_portfolios import general_portfolios
from service.queries.classification.judgements import beside_account, held_at

STORED = ("strategic_importance", "difficulty", "reason", "author_id", "recorded_by", "recorded_at")

GENERAL_PORTFOLIO = beside_account(
    general_portfolios, accounts.c.general_portfolio, *(general_portfolios.c[name] for name in STORED)
)
"""An account's version and cell beside the valid judgement, or beside nulls."""


def cell_at(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the cell of a row of accounts at an instant, or null when there was no judgement yet."""
    found = (
        sa.select(general_portfolios.c.cell)
        .where(general_portfolios.c.account_id == accounts.c.id, held_at(general_portfolios, at))
        .correlate(accounts)
        .scalar_subquery()
    )
    return sa.type_coerce(found, sa.Text())
