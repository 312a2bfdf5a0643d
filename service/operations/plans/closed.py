"""What a closed plan still allows: its objectives and actions stay, and only their outcome can be recorded."""

from collections.abc import Collection

from service.framework.database.statements import Statement
from service.platform.errors import Conflict, FieldError
from service.records.context import Transaction
from service.rules.plans.states import OUTCOME_MEMBERS, frozen_members
from service.rules.vocabulary import PlanState


def refuse_closed(state: str, consequence: str) -> None:
    """Raise Conflict when a plan is closed."""
    if state == PlanState.CLOSED:
        raise Conflict(f"The plan is closed: {consequence}")


async def refuse_change(tx: Transaction, plan_state: Statement, identifier: str, changed: Collection[str]) -> None:
    """Raise Conflict, naming the members, for a change that a closed plan no longer allows. The plan's state is read
    by the statement, and only for changes of other members than the outcome.
    """
    if OUTCOME_MEMBERS.issuperset(changed):
        return
    frozen = frozen_members(PlanState(await tx.value(plan_state, id=identifier)), changed)
    if frozen:
        message = "The plan is closed: only the outcome can be recorded"
        raise Conflict(message, errors=[FieldError("plan_closed", message, pointer=f"/{name}") for name in frozen])
