"""Every event the service tells: its name, version and payload. An event is a fact in the past tense; no change, no
event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """A fact about one record. `data` is what the envelope carries; `account` orders deliveries: events of one
    account go out in order.
    """

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1

    subject_id: str
    subject_version: int
    data: dict[str, Any] = field(default_factory=dict)
    account_id: str | None = None

    @property
    def subject_kind(self) -> str:
        """What the event is about: the part of its name before the dot."""
        return self.type.partition(".")[0]


def account_summary(account: Mapping[str, Any]) -> dict[str, Any]:
    """What every event says of its account: id, name, version, refs."""
    return {name: account[name] for name in ("id", "name", "version", "refs")}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """`previous`, `current` and `changed` of two documents of the same record; what every write changes (version,
    updated_at) is left out.
    """
    changed = [name for name in after if name not in ("version", "updated_at") and before.get(name) != after[name]]
    return {
        "previous": {name: before.get(name) for name in changed},
        "current": {name: after[name] for name in changed},
        "changed": changed,
    }


class AccountEvent(Event):
    """An event whose subject is an account."""

    @classmethod
    def of(cls, account: Mapping[str, Any], **data: Any) -> Event:
        """The event about an account as it is now."""
        return cls(account["id"], account["version"], {"account": account_summary(account), **data}, account["id"])

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any], **data: Any) -> Event:
        """The event about an account's change from one document to another."""
        return cls.of(after, **difference(before, after), **data)


class AccountCreated(AccountEvent):
    """An account was taken in; `current` is the whole account, its stage history begins with pre_kam."""

    type = "account.created"


class AccountUpdated(AccountEvent):
    """Fields of an account changed; `changed` names them."""

    type = "account.updated"


class AccountDeleted(AccountEvent):
    """An account was deleted; it can be restored."""

    type = "account.deleted"


class AccountRestored(AccountEvent):
    """A deleted account came back."""

    type = "account.restored"


class AccountOwnerChanged(AccountEvent):
    """Another person is the account's key account manager, or none."""

    type = "account.owner_changed"


class AccountClassified(AccountEvent):
    """An account's scores, strength or position were computed anew and differ."""

    type = "account.classified"


class AccountQuadrantChanged(AccountEvent):
    """An account stands in another box of the four-box matrix, or in none; the first quadrant is a change from null."""

    type = "account.quadrant_changed"


class AccountStageChanged(AccountEvent):
    """An account moved to another relationship stage, with both names, reason, evidence and effective date."""

    type = "account.stage_changed"


class AccountTargetStageChanged(AccountEvent):
    """Another target stage, or another date for it."""

    type = "account.target_stage_changed"


class RecordEvent(Event):
    """An event about a record that may belong to an account: `data.account` sums the account up (its id alone when no
    summary is given), `data.<kind>` is the record.
    """

    @classmethod
    def of(cls, record: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any) -> Event:
        """The event about a record as it is now."""
        kind = cls.type.partition(".")[0]
        account_id = record.get("account_id")
        head: dict[str, Any] = {"account": {"id": account_id}} if account_id else {}
        if account is not None:
            head = {"account": account_summary(account)}
        return cls(record["id"], record["version"], {**head, kind: dict(record), **data}, account_id)

    @classmethod
    def between(
        cls, before: Mapping[str, Any], after: Mapping[str, Any], account: Mapping[str, Any] | None = None, **data: Any
    ) -> Event:
        """The event about a record's change."""
        return cls.of(after, account, **difference(before, after), **data)


class ScoringModelActivated(RecordEvent):
    """Another scoring model is the active one."""

    type = "scoring_model.activated"


class StakeholderCreated(RecordEvent):
    """A stakeholder was added to an account."""

    type = "stakeholder.created"


class StakeholderUpdated(RecordEvent):
    """Fields of a stakeholder changed."""

    type = "stakeholder.updated"


class StakeholderDeleted(RecordEvent):
    """A stakeholder was removed."""

    type = "stakeholder.deleted"


class PersonCreated(RecordEvent):
    """A person was added."""

    type = "person.created"


class PersonUpdated(RecordEvent):
    """Fields of a person changed."""

    type = "person.updated"


class PersonDeleted(RecordEvent):
    """A person was removed."""

    type = "person.deleted"


class PlanCreated(RecordEvent):
    """A plan was written for an account."""

    type = "plan.created"


class PlanUpdated(RecordEvent):
    """Fields of a plan changed."""

    type = "plan.updated"


class PlanDeleted(RecordEvent):
    """A plan was removed."""

    type = "plan.deleted"


class PlanReopened(RecordEvent):
    """A plan went back to draft."""

    type = "plan.reopened"


class PlanSubmitted(RecordEvent):
    """A plan was submitted for approval."""

    type = "plan.submitted"


class PlanApproved(RecordEvent):
    """A plan was approved."""

    type = "plan.approved"


class PlanActivated(RecordEvent):
    """A plan is in force."""

    type = "plan.activated"


class PlanClosed(RecordEvent):
    """A plan was closed."""

    type = "plan.closed"


class ObjectiveCreated(RecordEvent):
    """An objective was added to a plan."""

    type = "objective.created"


class ObjectiveUpdated(RecordEvent):
    """Fields of an objective changed."""

    type = "objective.updated"


class ObjectiveDeleted(RecordEvent):
    """An objective was removed."""

    type = "objective.deleted"


class ObjectiveAchieved(RecordEvent):
    """An objective was reached."""

    type = "objective.achieved"


class ObjectiveMissed(RecordEvent):
    """An objective was missed."""

    type = "objective.missed"


class ActionCreated(RecordEvent):
    """An action was added to an objective."""

    type = "action.created"


class ActionUpdated(RecordEvent):
    """Fields of an action changed."""

    type = "action.updated"


class ActionDeleted(RecordEvent):
    """An action was removed."""

    type = "action.deleted"


class ActionCompleted(RecordEvent):
    """An action was completed."""

    type = "action.completed"


class OperatorEvent(RecordEvent):
    """An event about the service's own deliveries. When its delivery is given up, no event tells of that: there would
    be no end to it.
    """


class WebhookEndpointDisabled(OperatorEvent):
    """The service turned a webhook endpoint off; its deliveries are held."""

    type = "webhook_endpoint.disabled"


class DeliveryExhausted(OperatorEvent):
    """A delivery was given up after its last attempt."""

    type = "delivery.exhausted"


class WebhookTest(OperatorEvent):
    """A test event, sent to one endpoint only."""

    type = "webhook.test"


def catalogue() -> dict[str, type[Event]]:
    """Every event type by name, in the catalogue's order."""
    found: dict[str, type[Event]] = {}
    waiting = [Event]
    while waiting:
        kind = waiting.pop(0)
        if kind.type:
            found[kind.type] = kind
        waiting.extend(kind.__subclasses__())
    return found


def known_types(pattern: str) -> list[str]:
    """The event types that a pattern takes, in the catalogue's order."""
    return [name for name in catalogue() if matches([pattern], name)]


def matches(patterns: list[str], event_type: str) -> bool:
    """Whether a subscription's patterns take an event type: exact, by leading segments (`plan.*`), or all (`*`)."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )
