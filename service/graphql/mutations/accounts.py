"""Mutations of accounts."""

from __future__ import annotations

from service.graphql.calls import Call, body, gives, identifier, if_version, scalar
from service.models.accounts import AccountCreate, AccountPatch
from service.operations import accounts
from service.platform.types import Name, Slug

ACCOUNT = gives("account", "Account")
BODY = body(AccountCreate, "CreateAccountInput")
REFERENCE = (
    scalar(Slug, "str", "system", "The other system, for example salesforce, hubspot or erp"),
    scalar(Name, "str", "externalId", "The account's id there"),
)

MUTATIONS = (
    Call("createAccount", accounts.create_account, (BODY,), ACCOUNT),
    Call(
        "updateAccount",
        accounts.update_account,
        (identifier(), body(AccountPatch, "UpdateAccountInput"), if_version()),
        ACCOUNT,
    ),
    Call("upsertAccount", accounts.upsert_account, (*REFERENCE, BODY), ACCOUNT),
    Call("deleteAccount", accounts.delete_account, (identifier(), if_version()), ACCOUNT),
    Call("restoreAccount", accounts.restore_account, (identifier(), if_version()), ACCOUNT),
)
