"""Members that name other records: found in the foreign keys of a table, and checked before a write."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import Uuid, bind
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.records.context import Transaction, refuse

_PLURALS = {"people": "person"}
_CHECKS: dict[tuple[str, bool], Statement] = {}


def links_of(table: sa.Table, members: Collection[str]) -> dict[str, sa.Table]:
    """Return those of the members of a table that name other records, with the tables of those."""
    columns = [table.c[name] for name in members if name in table.c]
    return {column.name: key.column.table for column in columns for key in column.foreign_keys}


def account_tables() -> tuple[sa.Table, ...]:
    """Return the tables of records that belong to an account, and are deleted and restored with it."""
    tables = sorted(accounts.metadata.tables.values(), key=lambda table: table.name)
    living = [table for table in tables if {"account_id", "version", "deleted_at"} <= set(table.c.keys())]
    return tuple(table for table in living if table.c.account_id.references(accounts.c.id))


async def require_links(
    tx: Transaction, links: Mapping[str, sa.Table], values: Mapping[str, Any], account_id: str | None
) -> None:
    """Raise Invalid at the member unless each record that the values name is live, and of the same account where it
    belongs to one. A named record can't be deleted before the transaction ends.
    """
    for name, target in links.items():
        identifier = values.get(name)
        if identifier is None:
            continue
        same_account = account_id is not None and "account_id" in target.c
        owner = {"account_id": account_id} if same_account else {}
        if await tx.value(_check(target, same_account), id=identifier, **owner) is None:
            whose = " of this account" if same_account else ""
            raise refuse(f"/{name}", "unknown_reference", f"There is no such {noun_of(target)}{whose}")


def noun_of(table: sa.Table) -> str:
    """Return the word for one row of a table: `person` of people, `purchase category` of purchase_categories."""
    plural = table.name.replace("_", " ")
    return _PLURALS.get(plural) or (f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s"))


def _check(target: sa.Table, same_account: bool) -> Statement:
    statement = _CHECKS.get((target.name, same_account))
    if statement is None:
        query = sa.select(target.c.id).where(target.c.id == bind("id", target.c.id), target.c.deleted_at.is_(None))
        if same_account:
            query = query.where(target.c.account_id == bind("account_id", Uuid()))
        statement = _CHECKS[target.name, same_account] = Statement(query.with_for_update(read=True))
    return statement
