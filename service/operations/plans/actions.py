"""Actions of an objective: one owner, a date, an expected result, a state."""

from collections.abc import Iterable
from typing import Any

from service.access.policy import Permission
from service.events import plans as events
from service.events.event import RecordEvent
from service.models.plans.actions import ActionCreate, ActionPatch, ActionRead
from service.operations.plans.closed import refuse_change, refuse_closed
from service.operations.plans.objectives import OBJECTIVE
from service.platform.errors import Conflict, StateTransitionNotAllowed
from service.queries.plans.plans import ACTIONS, PLAN_STATE_OF_OBJECTIVE
from service.records.context import Transaction
from service.records.kinds import Members, Place, Rule
from service.records.plain import PlainRecord
from service.records.rows import allow, require_person
from service.rules.plans.states import judge_action
from service.rules.vocabulary import ActionState

_TO_DO = (ActionState.OPEN, ActionState.IN_PROGRESS)


async def check_new(tx: Transaction, place: Place, values: Members) -> None:
    """Raise Conflict when the plan is closed."""
    refuse_closed(await tx.value(PLAN_STATE_OF_OBJECTIVE, id=place.parent["id"]), "no action can be added to it")


async def check_state(tx: Transaction, before: Members, changes: dict[str, Any]) -> None:
    """Check a change against the plan's state and the action's own; a new state sets `completed_on`. An action to do
    has a living owner: one that is reopened after its owner was deleted needs a new one.
    """
    await refuse_change(tx, PLAN_STATE_OF_OBJECTIVE, before["objective_id"], changes)
    if "state" not in changes:
        return
    was, to = ActionState(before["state"]), ActionState(changes["state"])
    allow(judge_action(was, to), "/state")
    changes["completed_on"] = tx.today if to is ActionState.COMPLETED else None
    if to in _TO_DO and was not in _TO_DO and "owner_id" not in changes:
        await require_person(tx, before["owner_id"], "/owner_id")


async def refuse_in_closed_plan(tx: Transaction, before: Members, _: Any) -> None:
    """Raise Conflict when the plan is closed: what was planned stays."""
    refuse_closed(await tx.value(PLAN_STATE_OF_OBJECTIVE, id=before["objective_id"]), "its actions stay")


def completed_event(before: Members, after: Members) -> Iterable[type[RecordEvent]]:
    """Return the event of an action that was completed."""
    completed = after["state"] == ActionState.COMPLETED and before["state"] != after["state"]
    return (events.ActionCompleted,) if completed else ()


ACTION = PlainRecord(
    "action",
    "actions",
    ACTIONS,
    create=ActionCreate,
    patch=ActionPatch,
    read=ActionRead,
    reads=Permission.PLAN_READ,
    writes=Permission.PLAN_WRITE,
    events=events.ACTION,
    parent=OBJECTIVE,
    whole_list_first=True,
    creating=Rule(
        check_new, says="It has one owner, a date and an expected result; the plan is not closed.", errors=(Conflict,)
    ),
    changing=Rule(
        check_state,
        says="A new `state` sets `completed_on`, and a completed action sends action.completed too. Once the plan is "
        "closed, only `state`, `notes` and `refs` can change.",
        errors=(StateTransitionNotAllowed, Conflict),
    ),
    deleting=Rule(refuse_in_closed_plan, says="Refused when the plan is closed.", errors=(Conflict,)),
    restoring=Rule(refuse_in_closed_plan),
    also_emits=completed_event,
)
