"""Every event the service tells: its name, version and payload. An event is a fact in the past tense; no change, no
event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.events.content import content_of
from service.events.event import Event, RecordEvent, account_summary, difference
from service.events.operator_events import OperatorEvent
from service.events.patterns import matches


class AccountEvent(Event):
    """An event whose subject is an account."""

    @classmethod
    def of(cls, account: Mapping[str, Any], **data: Any) -> Event:
        """The event about an account as it is now."""
        told = {"account": account_summary(account), **data}
        content = content_of(account, data.get("changed"), data.get("previous"), data.get("current"))
        return cls(account["id"], account["version"], told, account["id"], content)

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
    """An account's scores, strength or position were computed anew and differ. With a dead band, nothing is sent while
    an account moves to and fro inside it and its quadrant, Fiocca cell, status and missing inputs stay as they are.
    """

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


class AccountStatusChanged(AccountEvent):
    """An account took a step on the path from customer to managed key account, or left it; with the reason, and the
    customer's agreement of the step to agreed.
    """

    type = "account.status_changed"


class AccountForecastChanged(AccountEvent):
    """Another forecast position of an account, or none any more; where it stands today is as it was."""

    type = "account.forecast_changed"


class AccountGeneralPortfolioChanged(AccountEvent):
    """Another judgement of how important and how difficult an account is (the general portfolio of all accounts), or
    none any more; `general_portfolio` is the cell.
    """

    type = "account.general_portfolio_changed"


class ScoringModelActivated(RecordEvent):
    """Another scoring model is the active one."""

    type = "scoring_model.activated"


class PortfolioReclassified(Event):
    """All accounts were classified anew: by which model instead of which, why, how many changed and moved, counts of
    the boxes before and after, and how many went from where to where. Each account that moved has an
    account.quadrant_changed of its own, before this.
    """

    type = "portfolio.reclassified"


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


class JobFinished(RecordEvent):
    """A job has ended: its `state` is succeeded, failed or canceled."""

    type = "job.finished"


FAMILIES: tuple[type[Event], ...] = (AccountEvent, RecordEvent, PortfolioReclassified, OperatorEvent)
"""The families of events; every kind is in one of them."""


def catalogue() -> dict[str, type[Event]]:
    """Every event type by name, in the catalogue's order."""
    found: dict[str, type[Event]] = {}
    waiting = list(FAMILIES)
    while waiting:
        kind = waiting.pop(0)
        if kind.type:
            found[kind.type] = kind
        waiting.extend(kind.__subclasses__())
    return found


def known_types(pattern: str) -> list[str]:
    """The event types that a pattern takes, in the catalogue's order."""
    return [name for name in catalogue() if matches([pattern], name)]
