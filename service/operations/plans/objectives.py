"""Objectives of a plan: measurable, dated, with an outcome."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.access.policy import Permission
from service.events import plans as events
from service.events.event import RecordEvent
from service.models.plans.objectives import ObjectiveCreate, ObjectivePatch, ObjectiveRead
from service.operations.plans.closed import refuse_change, refuse_closed
from service.operations.plans.plans import PLAN
from service.platform.errors import Conflict, StateTransitionNotAllowed
from service.queries.plans.plans import ACTIONS, OBJECTIVES, PLAN_STATE
from service.records.context import Transaction
from service.records.kinds import Members, Place, Rule
from service.records.plain import PlainRecord
from service.records.rows import allow
from service.rules.plans.states import judge_objective
from service.rules.vocabulary import ObjectiveState

_OUTCOME_EVENTS: Mapping[str, type[RecordEvent]] = {
    ObjectiveState.ACHIEVED: events.ObjectiveAchieved,
    ObjectiveState.MISSED: events.ObjectiveMissed,
}


async def check_new(tx: Transaction, place: Place, values: Members) -> None:
    """Raise Conflict when the plan is closed."""
    refuse_closed(place.parent["state"], "no objective can be added to it")


async def check_outcome(tx: Transaction, before: Members, changes: dict[str, Any]) -> None:
    """Check a change against the plan's state and the objective's own; a new state sets `closed_on`, the day the
    outcome was recorded, null while open.
    """
    await refuse_change(tx, PLAN_STATE, before["plan_id"], changes)
    if "state" in changes:
        to = ObjectiveState(changes["state"])
        allow(judge_objective(ObjectiveState(before["state"]), to), "/state")
        changes["closed_on"] = None if to is ObjectiveState.OPEN else tx.today


async def refuse_in_closed_plan(tx: Transaction, before: Members, _: Any) -> None:
    """Raise Conflict when the plan is closed: what was planned stays."""
    refuse_closed(await tx.value(PLAN_STATE, id=before["plan_id"]), "its objectives stay")


def outcome_events(before: Members, after: Members) -> Iterable[type[RecordEvent]]:
    """Return the event of an outcome that was recorded."""
    event = _OUTCOME_EVENTS.get(after["state"])
    return () if event is None or before["state"] == after["state"] else (event,)


OBJECTIVE = PlainRecord(
    "objective",
    "objectives",
    OBJECTIVES,
    create=ObjectiveCreate,
    patch=ObjectivePatch,
    read=ObjectiveRead,
    reads=Permission.PLAN_READ,
    writes=Permission.PLAN_WRITE,
    events=events.OBJECTIVE,
    parent=PLAN,
    creating=Rule(check_new, says="It is measurable and dated; the plan is not closed.", errors=(Conflict,)),
    changing=Rule(
        check_outcome,
        says="A new `state` records the outcome, sets `closed_on`, and sends objective.achieved or objective.missed "
        "too. Once the plan is closed, only `state`, `notes` and `refs` can change.",
        errors=(StateTransitionNotAllowed, Conflict),
    ),
    deleting=Rule(
        refuse_in_closed_plan,
        says="Its actions are deleted with it, and the event counts them. Refused when the plan is closed.",
        errors=(Conflict,),
    ),
    deletes=((ACTIONS, "objective_id"),),
    restoring=Rule(refuse_in_closed_plan),
    also_emits=outcome_events,
)
