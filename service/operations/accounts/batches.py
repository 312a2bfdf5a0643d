"""Many upserts of accounts in one transaction."""

from __future__ import annotations

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.models.accounts.accounts import AccountCreate
from service.queries.accounts.accounts import ACCOUNTS
from service.records.accounts.accounts import KIND, apply_upsert
from service.records.batches import Batch, Rows, batch_shapes
from service.records.context import Context, operation

SHAPES = batch_shapes("account", "accounts", "account", AccountCreate, body="BatchUpsert", row="BatchRow")


@operation
async def batch_upsert_accounts(ctx: Context, batch: Batch) -> Resource:
    """Upsert accounts by their references; each row has its own result, and a row that is refused changes nothing."""
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:

        async def upsert(before: Resource | None, own: dict[str, str], data: AccountCreate) -> Resource:
            return await apply_upsert(ctx, tx, before, own, data)

        return tx.answer(await Rows(ACCOUNTS, KIND, SHAPES.row, None, upsert).upserted(tx, batch.items))
