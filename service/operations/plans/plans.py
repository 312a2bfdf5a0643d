"""Account plans: written, submitted, approved, put to work, closed."""

from collections.abc import Mapping
from datetime import date

from service.access.policy import Permission
from service.events import plans as events
from service.events.event import RecordEvent
from service.framework.database.database import Resource
from service.models.plans.plans import PlanCreate, PlanPatch, PlanRead, PlanTransition
from service.platform.errors import Conflict
from service.queries.plans.plans import ACTIONS, ACTIVE_PLAN, OBJECTIVES, PLANS
from service.records.context import Context, Transaction, operation, refuse
from service.records.kinds import ACCOUNT, Members, Place, Rule
from service.records.plain import PlainRecord
from service.records.rows import Expected, allow, change, lock_owned
from service.rules.plans.states import judge_plan
from service.rules.vocabulary import PlanState

_STEP_EVENTS: Mapping[PlanState, type[RecordEvent]] = {
    PlanState.DRAFT: events.PlanReopened,
    PlanState.SUBMITTED: events.PlanSubmitted,
    PlanState.APPROVED: events.PlanApproved,
    PlanState.ACTIVE: events.PlanActivated,
    PlanState.CLOSED: events.PlanClosed,
}


async def check_new_period(tx: Transaction, place: Place, values: Members) -> None:
    """Check the period of a new plan."""
    _check_period(values)


async def check_open(tx: Transaction, before: Members, changes: Members) -> None:
    """Raise Conflict for a plan that is closed; check the period that results."""
    if before["state"] == PlanState.CLOSED:
        raise Conflict("A closed plan can't be changed")
    _check_period({**before, **changes})


def _check_period(plan: Members) -> None:
    """Raise Invalid unless the period ends after it starts."""
    start, end = (_day(plan[name]) for name in ("period_start", "period_end"))
    if end <= start:
        raise refuse("/period_end", "not_after_start", "The period must end after it starts")


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


async def check_active(tx: Transaction, before: Members, changes: Members) -> None:
    """Raise Conflict for an active plan that comes back to an account which has another active one."""
    if before["state"] == PlanState.ACTIVE:
        await _refuse_second_active(tx, before["account_id"])


async def _refuse_second_active(tx: Transaction, account_id: str) -> None:
    active = await tx.value(ACTIVE_PLAN, account_id=account_id)
    if active is not None:
        raise Conflict("The account has an active plan; close it first", members={"active_plan_id": active})


PLAN = PlainRecord(
    "plan",
    "plans",
    PLANS,
    create=PlanCreate,
    patch=PlanPatch,
    read=PlanRead,
    reads=Permission.PLAN_READ,
    writes=Permission.PLAN_WRITE,
    events=events.PLAN,
    parent=ACCOUNT,
    creating=Rule(check_new_period, says="The plan is a draft, and its period ends after it starts."),
    changing=Rule(
        check_open,
        says="Of a closed plan only `refs` can be changed; its state changes by transitions only.",
        errors=(Conflict,),
    ),
    deleting=Rule(says="Its objectives and their actions are deleted with it, and the event counts them."),
    restoring=Rule(check_active),
    deletes=((OBJECTIVES, "plan_id"), (ACTIONS, "objective_id")),
)


@operation
async def transition_plan(ctx: Context, identifier: str, data: PlanTransition, expected: Expected = None) -> Resource:
    """Take a plan to its next state: draft, submitted, approved, active, closed. Going back to draft needs a reason,
    and an account has one active plan at a time. Sends plan.submitted, approved, activated, closed or reopened. Raises
    NotFound, StaleVersion, StateTransitionNotAllowed with the states that are open from here, Conflict when the account
    has an active plan.
    """
    to = PlanState(data.to)
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, PLANS, identifier, expected, PLAN.name)
        allow(judge_plan(PlanState(before.data["state"]), to), "/to")
        if to is PlanState.DRAFT and data.reason is None:
            raise refuse("/reason", "reason_required", "Say why the plan goes back to draft")
        if to is PlanState.ACTIVE:
            await _refuse_second_active(tx, before.data["account_id"])
        closed_on = tx.today if to is PlanState.CLOSED else None
        after = await change(tx, PLANS, identifier, {"state": to.value, "closed_on": closed_on})
        tx.emit(_STEP_EVENTS[to].between(before.data, after.data, account, reason=data.reason))
        return tx.answer(after)
