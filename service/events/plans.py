"""Events about plans, their objectives and their actions."""

from service.access.policy import Permission
from service.events.content import FACETS
from service.events.event import RecordEvent, record_events
from service.events.payload import CHANGE, DELETED_WITH_PARTS, STEP
from service.models.plans.actions import ActionRead
from service.models.plans.objectives import ObjectiveRead
from service.models.plans.plans import PlanRead

PLAN = record_events("plan", PlanRead, Permission.PLAN_READ, deleted=DELETED_WITH_PARTS)
OBJECTIVE = record_events("objective", ObjectiveRead, Permission.PLAN_READ, deleted=DELETED_WITH_PARTS)
ACTION = record_events("action", ActionRead, Permission.PLAN_READ)


class _PlanEvent(RecordEvent, abstract=True):
    """A step of a plan."""

    record = PlanRead
    payload = STEP
    of_account = True
    facets = FACETS


class _ObjectiveEvent(RecordEvent, abstract=True):
    """The end of an objective."""

    record = ObjectiveRead
    payload = CHANGE
    of_account = True
    facets = FACETS


class PlanReopened(_PlanEvent):
    """A plan was reopened: it is a draft again."""

    type = "plan.reopened"
    permission = Permission.PLAN_READ


class PlanSubmitted(_PlanEvent):
    """A plan was submitted for approval."""

    type = "plan.submitted"
    permission = Permission.PLAN_READ


class PlanApproved(_PlanEvent):
    """A plan was approved."""

    type = "plan.approved"
    permission = Permission.PLAN_READ


class PlanActivated(_PlanEvent):
    """A plan came into force."""

    type = "plan.activated"
    permission = Permission.PLAN_READ


class PlanClosed(_PlanEvent):
    """A plan was closed."""

    type = "plan.closed"
    permission = Permission.PLAN_READ


class ObjectiveAchieved(_ObjectiveEvent):
    """An objective was achieved."""

    type = "objective.achieved"
    permission = Permission.PLAN_READ


class ObjectiveMissed(_ObjectiveEvent):
    """An objective was missed."""

    type = "objective.missed"
    permission = Permission.PLAN_READ


class ActionCompleted(RecordEvent):
    """An action was completed."""

    type = "action.completed"
    permission = Permission.PLAN_READ
    record = ActionRead
    payload = CHANGE
    of_account = True
    facets = FACETS
