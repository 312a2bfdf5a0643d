"""How an account's place in the general portfolio is read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.models.accounts import accounts
from service.models.general_portfolios import general_portfolios
from service.platform.columns import Uuid
from service.platform.statements import Statement

a, g = accounts.c, general_portfolios.c

STORED = ("strategic_importance", "difficulty", "reason", "author_id", "recorded_by", "recorded_at")

GENERAL_PORTFOLIO = Statement(
    sa.select(a.version, a.general_portfolio, g.id.label("general_id"), *(g[name] for name in STORED))
    .select_from(accounts.outerjoin(general_portfolios, sa.and_(g.account_id == a.id, g.superseded_at.is_(None))))
    .where(a.id == sa.bindparam("id", type_=Uuid()), a.deleted_at.is_(None))
)
"""An account's version and cell beside the judgement that holds, or beside nulls."""


def cell_at(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """The cell that a row of accounts was in at an instant; null while nobody had judged."""
    held = sa.and_(g.recorded_at <= at, sa.or_(g.superseded_at.is_(None), g.superseded_at > at))
    found = sa.select(g.cell).where(g.account_id == a.id, held).correlate(accounts).scalar_subquery()
    return sa.type_coerce(found, sa.Text())
