"""Objectives of a plan: measurable, dated, with an outcome."""

from __future__ import annotations

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.event import RecordEvent
from service.events.plans import OBJECTIVE, ObjectiveAchieved, ObjectiveMissed
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.plans.actions import actions
from service.models.plans.objectives import ObjectiveCreate
from service.platform.errors import Conflict
from service.platform.types import Shape
from service.queries.plans.plans import OBJECTIVES, PLAN_STATE, PLANS
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
    revise,
)
from service.rules.plans.states import OUTCOME_MEMBERS, judge_objective
from service.rules.vocabulary import ObjectiveState, PlanState

KIND = "objective"
_TOLD: dict[ObjectiveState, type[RecordEvent]] = {
    ObjectiveState.ACHIEVED: ObjectiveAchieved,
    ObjectiveState.MISSED: ObjectiveMissed,
}
_DELETE_ACTIONS = Statement(
    sa.update(actions)
    .where(actions.c.objective_id == bind("objective_id", Uuid()), actions.c.deleted_at.is_(None))
    .values(
        deleted_at=bind("now", Instant()),
        updated_at=bind("now", Instant()),
        version=actions.c.version + sa.literal_column("1"),
    )
)


async def get_objective(ctx: Context, identifier: str) -> Resource:
    """One objective by id; raises NotFound."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        return await require(reader, OBJECTIVES, identifier, KIND)


async def list_objectives(ctx: Context, plan_id: str, request: PageRequest) -> Page:
    """A page of a plan's objectives; raises NotFound when there is no such live plan."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        await require_live(reader, PLANS, plan_id, "plan")
        return await OBJECTIVES.page(reader, request, ctx.cursors, where={"plan_id": plan_id})


@operation
async def create_objective(ctx: Context, plan_id: str, data: ObjectiveCreate) -> Resource:
    """Add an objective to a plan; raises NotFound, Conflict when the plan is closed."""
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        plan, account = await lock_owned(tx, PLANS, plan_id, None, "plan")
        if plan.data["state"] == PlanState.CLOSED:
            raise Conflict("The plan is closed: no objective can be added to it")
        links = {"plan_id": plan_id, "account_id": account["id"]}
        state = {"state": ObjectiveState.OPEN.value, "closed_on": None}
        objective = await insert(tx, OBJECTIVES, {**data.model_dump(), **links, **state})
        tx.emit(OBJECTIVE.created.of(objective.data, account, current=objective.data))
        return tx.answer(objective)


@operation
async def update_objective(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent, also the state; raises NotFound, StaleVersion, StateTransitionNotAllowed, and Conflict for
    all but the outcome when the plan is closed. `closed_on` is the day the outcome was recorded, null while open.
    """
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, OBJECTIVES, identifier, expected, KIND)
        changes = differing(before.data, patch.given())
        if not OUTCOME_MEMBERS.issuperset(changes):
            refuse_frozen(PlanState(await tx.value(PLAN_STATE, id=before.data["plan_id"])), changes)
        told = None
        if "state" in changes:
            to = ObjectiveState(changes["state"])
            allow(judge_objective(ObjectiveState(before.data["state"]), to), "/state")
            changes["closed_on"] = None if to is ObjectiveState.OPEN else tx.today
            told = _TOLD.get(to)
        after = await revise(tx, OBJECTIVES, KIND, before, changes)
        if after is not before:
            tx.emit(OBJECTIVE.updated.between(before.data, after.data, account))
        if told is not None:
            tx.emit(told.between(before.data, after.data, account))
        return tx.answer(after)


@operation
async def delete_objective(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark an objective as deleted, with its actions; the event says how many. Raises NotFound, StaleVersion, Conflict
    when the plan is closed: what was planned stands.
    """
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, OBJECTIVES, identifier, expected, KIND)
        if await tx.value(PLAN_STATE, id=before.data["plan_id"]) == PlanState.CLOSED:
            raise Conflict("The plan is closed: its objectives stay")
        with_it = {"actions": await tx.execute(_DELETE_ACTIONS, objective_id=identifier, now=tx.now)}
        after = await change(tx, OBJECTIVES, identifier, {"deleted_at": tx.now})
        tx.emit(OBJECTIVE.deleted.of(after.data, account, previous=before.data, deleted_with_it=with_it))
        return tx.answer(after, "deleted")
