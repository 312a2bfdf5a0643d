"""How an account's place in the general portfolio is read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.models.accounts.accounts import accounts
from service.models.classification.general_portfolios import general_portfolios
from service.queries.classification.judgements import beside_account, held_at

a, g = accounts.c, general_portfolios.c

STORED = ("strategic_importance", "difficulty", "reason", "author_id", "recorded_by", "recorded_at")

GENERAL_PORTFOLIO = beside_account(general_portfolios, a.general_portfolio, *(g[name] for name in STORED))
"""An account's version and cell beside the judgement that holds, or beside nulls."""


def cell_at(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The cell that a row of accounts was in at an instant; null while nobody had judged."""
    found = (
        sa.select(g.cell)
        .where(g.account_id == a.id, held_at(general_portfolios, at))
        .correlate(accounts)
        .scalar_subquery()
    )
    return sa.type_coerce(found, sa.Text())
