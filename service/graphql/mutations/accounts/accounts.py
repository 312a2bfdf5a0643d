"""Mutations of accounts."""

from service.framework.graph.calls import Call, gives, identifier, if_version
from service.graphql.plain import mutations_of
from service.models.accounts.accounts import AccountRead
from service.operations.accounts.accounts import ACCOUNT_RECORD, restore_account

MUTATIONS = (
    *mutations_of(ACCOUNT_RECORD),
    Call("restoreAccount", restore_account, (identifier(), if_version()), gives("account", AccountRead)),
)
