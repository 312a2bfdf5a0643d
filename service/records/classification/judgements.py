"""Judgements of an account as records: stated, replaced, withdrawn; earlier ones are kept."""

from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Row
from service.framework.database.statements import Statement, inserting
from service.platform.errors import NotFound
from service.platform.ids import new_id
from service.records.context import Transaction

KIND = "account"


class Judgements:
    """The judgements of one table; `query` reads an account beside the one that holds, `kind` names it in errors."""

    def __init__(self, table: sa.Table, query: Statement, kind: str) -> None:
        self._query, self._kind = query, kind
        self._add = inserting(table, "superseded_at")
        self._supersede = Statement(
            sa.update(table)
            .where(table.c.account_id == bind("b_account_id", Uuid()), table.c.superseded_at.is_(None))
            .values(superseded_at=bind("b_now", Instant()))
        )

    async def stored(self, reader: Reader, account_id: str) -> Row:
        """The account's version with the judgement that holds, if there is one; raises NotFound for the account."""
        row = await reader.one(self._query, id=account_id)
        if row is None:
            raise NotFound(KIND)
        return row

    async def standing(self, reader: Reader, account_id: str) -> Row:
        """The judgement that holds; raises NotFound, also where there is none."""
        row = await self.stored(reader, account_id)
        if row["judgement_id"] is None:
            raise NotFound(self._kind)
        return row

    async def state(self, tx: Transaction, account_id: str, before: Row, values: dict[str, Any]) -> None:
        """Let these values hold from now on, in the place of what was `stored` before."""
        if before["judgement_id"] is not None:
            await self.take_back(tx, account_id)
        await tx.execute(self._add, id=new_id(tx.now), account_id=account_id, **values)

    async def take_back(self, tx: Transaction, account_id: str) -> None:
        """Let none hold from now on."""
        await tx.execute(self._supersede, b_account_id=account_id, b_now=tx.now)
