"""How what people judge of an account is read (forecasts, the general portfolio): one judgement holds at a time, and
the earlier ones tell what was thought before.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Uuid, bind
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts

a = accounts.c


def holds(table: sa.Table) -> ColumnElement[bool]:
    """Whether a judgement is the one that holds now."""
    return table.c.superseded_at.is_(None)


def held_at(table: sa.Table, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a judgement is the one that held at an instant."""
    return sa.and_(table.c.recorded_at <= at, sa.or_(holds(table), table.c.superseded_at > at))


def beside_account(table: sa.Table, *columns: ColumnElement[Any]) -> Statement:
    """An account's version beside these columns of the judgement that holds and its id as `judgement_id`, or beside
    nulls.
    """
    joined = accounts.outerjoin(table, sa.and_(table.c.account_id == a.id, holds(table)))
    query = sa.select(a.version, table.c.id.label("judgement_id"), *columns).select_from(joined)
    return Statement(query.where(a.id == bind("id", Uuid()), a.deleted_at.is_(None)))
