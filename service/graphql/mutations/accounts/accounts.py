"""Mutations of accounts."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, body, document, gives, identifier, if_version, reference
from service.models.accounts.accounts import AccountCreate, AccountPatch, AccountRead
from service.operations.accounts import accounts
from service.operations.accounts import batches as account_batches
from service.records.batches import BatchResult

ACCOUNT = gives("account", AccountRead)
BODY = body(AccountCreate, "CreateAccountInput")
BATCH = account_batches.SHAPES


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
        (body(BATCH.body, "BatchUpsertAccountsInput", BATCH.shown),),
        (Gives("result", BatchResult, document, "A result per row, and the sums"),),
    ),
)
