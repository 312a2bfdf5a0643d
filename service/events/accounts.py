"""Events about accounts, the people on our side and stakeholders."""

from collections.abc import Mapping
from typing import Any, Self

from service.access.policy import Permission
from service.events.event import AccountEvent, RecordEvents, difference, record_events
from service.events.payload import CHANGE, CHANGED, CREATED, DELETED, REASON, Payload, before_and_after, text
from service.models.accounts.accounts import AccountRead
from service.models.accounts.people import PersonRead
from service.models.accounts.stakeholders import StakeholderRead


class AccountCreated(AccountEvent):
    """An account was created; `current` is the whole account. Its stage history begins with pre_kam."""

    type = "account.created"
    permission = Permission.ACCOUNT_READ
    record = AccountRead
    payload = CREATED


class AccountUpdated(AccountEvent):
    """Fields of an account changed; `changed` names them."""

    type = "account.updated"
    permission = Permission.ACCOUNT_READ
    record = AccountRead
    payload = CHANGE


class AccountDeleted(AccountEvent):
    """An account was deleted; it can be restored."""

    type = "account.deleted"
    permission = Permission.ACCOUNT_READ
    record = AccountRead
    payload = DELETED


class AccountRestored(AccountEvent):
    """A deleted account was restored."""

    type = "account.restored"
    permission = Permission.ACCOUNT_READ
    record = AccountRead
    payload = CREATED


class AccountOwnerChanged(AccountEvent):
    """The account has another key account manager, or none."""

    type = "account.owner_changed"
    permission = Permission.ACCOUNT_READ
    record = AccountRead
    payload = CHANGE

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any], **data: Any) -> Self:
        """Return the event about the change of the owner, whatever else changed with it."""
        was, now = ({"owner_id": account["owner_id"]} for account in (before, after))
        return cls.of(after, **difference(was, now), **data)


class AccountStatusChanged(AccountEvent):
    """An account took a step on the path from customer to managed key account, or left the path. Carries the reason
    and, for the step to agreed, the customer's agreement.
    """

    type = "account.status_changed"
    permission = Permission.ACCOUNT_READ
    payload = Payload(
        more={
            **before_and_after({"status": text("Where the account is on its path")}),
            "changed": CHANGED,
            "reason": REASON,
            "evidence": text("What it rests on", null=True),
            "agreement": {
                "type": ["object", "null"],
                "description": "With the step to agreed: who agreed for the customer, and when",
            },
        }
    )


ACCOUNT = RecordEvents(AccountCreated, AccountUpdated, AccountDeleted, AccountRestored)
STAKEHOLDER = record_events("stakeholder", StakeholderRead, Permission.STAKEHOLDER_READ)
PERSON = record_events("person", PersonRead, Permission.PERSON_READ, of_account=False)
