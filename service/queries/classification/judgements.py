"""Read people's judgements of an account (forecast, general portfolio): one is valid, earlier ones are kept."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Uuid, bind
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts


def holds(table: sa.Table) -> ColumnElement[bool]:
    """Return whether a judgement is the valid one."""
    return table.c.superseded_at.is_(None)


def held_at(table: sa.Table, at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a judgement was the valid one at an instant."""
    return sa.and_(table.c.recorded_at <= at, sa.or_(holds(table), table.c.superseded_at > at))


def beside_account(table: sa.Table, *columns: ColumnElement[Any]) -> Statement:
    """Return the statement that reads an account's version beside the valid judgement: these columns and its id as
    `judgement_id`.

    An account without a judgement has nulls.
    """
    joined = accounts.outerjoin(table, sa.and_(table.c.account_id == accounts.c.id, holds(table)))
    query = sa.select(accounts.c.version, table.c.id.label("judgement_id"), *columns).select_from(joined)
    return Statement(query.where(accounts.c.id == bind("id", Uuid()), accounts.c.deleted_at.is_(None)))
