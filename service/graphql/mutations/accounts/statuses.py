"""Mutations of the path from customer to managed key account."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version
from service.models.accounts.accounts import AccountRead
from service.models.accounts.statuses import StatusEntryRead, StatusTransitionCreate
from service.operations.accounts import statuses as account_statuses

ACCOUNT = Gives(
    "account", AccountRead | None, lambda result: RecordId(result.data["account_id"]), "The account as it is now"
)

MUTATIONS = (
    Call(
        "moveStatus",
        account_statuses.move_status,
        (identifier("accountId", "The account"), body(StatusTransitionCreate, "MoveStatusInput"), if_version()),
        (*gives("entry", StatusEntryRead), ACCOUNT),
    ),
)
