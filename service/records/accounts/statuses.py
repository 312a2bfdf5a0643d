"""The history entry and the event of a step of an account on its path."""

from collections.abc import Mapping
from typing import Any

from service.events.accounts import AccountStatusChanged
from service.events.event import Event
from service.framework.database.database import Resource
from service.platform.ids import new_id
from service.records.context import Transaction
from service.rules.vocabulary import AccountStatus

NO_AGREEMENT: Mapping[str, Any] = {"agreed_by": None, "stakeholder_id": None, "agreed_on": None}


def step_entry(
    tx: Transaction, account: Resource, before: str, reason: str, evidence: str | None,
    agreed: Mapping[str, Any] = NO_AGREEMENT,
) -> dict[str, Any]:  # fmt: skip
    """Return the columns of the history entry of an account that has taken a step."""
    return {
        "id": new_id(tx.now),
        "account_id": account.id,
        "account_version": account.version,
        "previous": before,
        "status": account.data["status"],
        "reason": reason,
        "evidence": evidence,
        **agreed,
        "recorded_at": tx.now,
        "recorded_by": tx.principal_id,
    }


def step_event(
    account: Resource, before: str | AccountStatus, reason: str, evidence: str | None,
    agreement: Mapping[str, Any] | None = None,
) -> Event:  # fmt: skip
    """Return the event of the step that an account has taken."""
    return AccountStatusChanged.of(
        account.data,
        previous={"status": str(before)},
        current={"status": account.data["status"]},
        changed=["status"],
        reason=reason,
        evidence=evidence,
        agreement=agreement,
    )
