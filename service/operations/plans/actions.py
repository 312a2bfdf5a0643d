"""Actions of an objective: one owner, a date, an expected result, a state."""

from __future__ import annotations

from service.access.policy import Permission
from service.events.plans import ACTION, ActionCompleted
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.models.plans.actions import ActionCreate
from service.platform.errors import Conflict
from service.platform.types import Shape
from service.queries.plans.plans import ACTIONS, OBJECTIVES, PLAN_STATE_OF_OBJECTIVE
from service.records.context import Context, operation
from service.records.rows import (
    Expected,
    allow,
    change,
    differing,
    insert,
    lock_owned,
    refuse_frozen,
    require,
    require_live,
    require_person,
    revise,
)
from service.rules.plans.states import OUTCOME_MEMBERS, judge_action
from service.rules.vocabulary import ActionState, PlanState

KIND = "action"
_TO_DO = (ActionState.OPEN, ActionState.IN_PROGRESS)


async def get_action(ctx: Context, identifier: str) -> Resource:
    """One action by id; raises NotFound."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        return await require(reader, ACTIONS, identifier, KIND)


async def list_actions(ctx: Context, request: PageRequest) -> Page:
    """A page of the actions of all accounts: the action list."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        return await ACTIONS.page(reader, request, ctx.cursors)


async def list_objective_actions(ctx: Context, objective_id: str, request: PageRequest) -> Page:
    """A page of an objective's actions; raises NotFound when there is no such live objective."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        await require_live(reader, OBJECTIVES, objective_id, "objective")
        return await ACTIONS.page(reader, request, ctx.cursors, where={"objective_id": objective_id})


@operation
async def create_action(ctx: Context, objective_id: str, data: ActionCreate) -> Resource:
    """Add an action to an objective; raises NotFound, Invalid for an unknown owner, Conflict for a closed plan."""
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        _, account = await lock_owned(tx, OBJECTIVES, objective_id, None, "objective")
        if await tx.value(PLAN_STATE_OF_OBJECTIVE, id=objective_id) == PlanState.CLOSED:
            raise Conflict("The plan is closed: no action can be added to it")
        await require_person(tx, data.owner_id, "/owner_id")
        links = {"objective_id": objective_id, "account_id": account["id"]}
        state = {"state": ActionState.OPEN.value, "completed_on": None}
        action = await insert(tx, ACTIONS, {**data.model_dump(), **links, **state})
        tx.emit(ACTION.created.of(action.data, account, current=action.data))
        return tx.answer(action)


@operation
async def update_action(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent, also the state; raises NotFound, StaleVersion, StateTransitionNotAllowed, and Conflict for
    all but the outcome when the plan is closed. `completed_on` is the day it was completed, else null. An action to do
    has a living owner: one that is reopened after its owner was deleted needs a new one.
    """
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, ACTIONS, identifier, expected, KIND)
        changes = differing(before.data, patch.given())
        if not OUTCOME_MEMBERS.issuperset(changes):
            state = await tx.value(PLAN_STATE_OF_OBJECTIVE, id=before.data["objective_id"])
            refuse_frozen(PlanState(state), changes)
        owner, completed = changes.get("owner_id"), False
        if "state" in changes:
            was, to = ActionState(before.data["state"]), ActionState(changes["state"])
            allow(judge_action(was, to), "/state")
            completed = to is ActionState.COMPLETED
            changes["completed_on"] = tx.today if completed else None
            if to in _TO_DO and was not in _TO_DO:
                owner = owner or before.data["owner_id"]
        await require_person(tx, owner, "/owner_id")
        after = await revise(tx, ACTIONS, KIND, before, changes)
        if after is not before:
            tx.emit(ACTION.updated.between(before.data, after.data, account))
        if completed:
            tx.emit(ActionCompleted.between(before.data, after.data, account))
        return tx.answer(after)


@operation
async def delete_action(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark an action as deleted; raises NotFound, StaleVersion, Conflict when the plan is closed."""
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, ACTIONS, identifier, expected, KIND)
        if await tx.value(PLAN_STATE_OF_OBJECTIVE, id=before.data["objective_id"]) == PlanState.CLOSED:
            raise Conflict("The plan is closed: its actions stay")
        after = await change(tx, ACTIONS, identifier, {"deleted_at": tx.now})
        tx.emit(ACTION.deleted.of(after.data, account, previous=before.data))
        return tx.answer(after, "deleted")
