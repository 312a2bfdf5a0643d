"""Mutations of accounts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.framework.graph.calls import Call, Gives, body, document, gives, identifier, if_version, reference
from service.models.accounts.accounts import AccountCreate, AccountPatch, AccountRead
from service.operations.accounts import accounts
from service.operations.accounts import batches as account_batches
from service.operations.accounts.batches import BatchResult, BatchRow, BatchUpsert
from service.platform.types import Shape

ACCOUNT = gives("account", AccountRead)
BODY = body(AccountCreate, "CreateAccountInput")


class BatchShown(Shape):
    """Accounts to upsert, at most 1,000. Rows are judged one by one: a bad row fails alone."""

    items: Annotated[list[BatchRow], Field(max_length=1000)] = Field(description="The accounts with their references")


MUTATIONS = (
    Call("createAccount", accounts.create_account, (BODY,), ACCOUNT),
    Call(
        "updateAccount",
        accounts.update_account,
        (identifier(), body(AccountPatch, "UpdateAccountInput"), if_version()),
        ACCOUNT,
    ),
    Call("upsertAccount", accounts.upsert_account, (*reference("account"), BODY), ACCOUNT),
    Call("deleteAccount", accounts.delete_account, (identifier(), if_version()), ACCOUNT),
    Call("restoreAccount", accounts.restore_account, (identifier(), if_version()), ACCOUNT),
    Call(
        "batchUpsertAccounts",
        account_batches.batch_upsert_accounts,
        (body(BatchUpsert, "BatchUpsertAccountsInput", BatchShown),),
        (Gives("result", BatchResult, document, "A result per row, and the sums"),),
    ),
)
