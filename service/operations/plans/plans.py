"""Account plans: written, submitted, approved, put to work, closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.events.event import RecordEvent
from service.events.plans import PLAN, PlanActivated, PlanApproved, PlanClosed, PlanReopened, PlanSubmitted
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.framework.database.statements import Statement
from service.models.plans.actions import actions
from service.models.plans.objectives import objectives
from service.models.plans.plans import PlanCreate, PlanTransition
from service.platform.errors import Conflict
from service.platform.types import Shape
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.plans.plans import ACTIVE_PLAN, PLANS
from service.records.context import Context, operation, refuse
from service.records.rows import (
    Expected,
    allow,
    change,
    differing,
    insert,
    lock_account,
    lock_owned,
    require,
    require_live,
    require_person,
    revise,
)
from service.rules.plans.states import judge_plan
from service.rules.vocabulary import PlanState

KIND = "plan"
_TOLD: dict[PlanState, type[RecordEvent]] = {
    PlanState.DRAFT: PlanReopened,
    PlanState.SUBMITTED: PlanSubmitted,
    PlanState.APPROVED: PlanApproved,
    PlanState.ACTIVE: PlanActivated,
    PlanState.CLOSED: PlanClosed,
}


def _delete_in(table: sa.Table, condition: Any) -> Statement:
    """Mark the live rows of a table that fulfil a condition on `:plan_id` as deleted."""
    now = bind("now", Instant())
    return Statement(
        sa.update(table)
        .where(condition, table.c.deleted_at.is_(None))
        .values(deleted_at=now, updated_at=now, version=table.c.version + sa.literal_column("1"))
    )


_IN_PLAN = objectives.c.plan_id == bind("plan_id", Uuid())
_DELETE_OBJECTIVES = _delete_in(objectives, _IN_PLAN)
_DELETE_ACTIONS = _delete_in(actions, actions.c.objective_id.in_(sa.select(objectives.c.id).where(_IN_PLAN)))


async def get_plan(ctx: Context, identifier: str) -> Resource:
    """One plan by id; raises NotFound."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        return await require(reader, PLANS, identifier, KIND)


async def list_plans(ctx: Context, account_id: str, request: PageRequest) -> Page:
    """A page of an account's plans; raises NotFound when there is no such live account."""
    async with ctx.reading(Permission.PLAN_READ) as reader:
        await require_live(reader, ACCOUNTS, account_id, "account")
        return await PLANS.page(reader, request, ctx.cursors, where={"account_id": account_id})


@operation
async def create_plan(ctx: Context, account_id: str, data: PlanCreate) -> Resource:
    """Write a plan for an account: a draft. Raises NotFound, Invalid when the period does not end after it starts."""
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        _check_period({}, data.model_dump())
        account = await lock_account(tx, account_id)
        await require_person(tx, data.owner_id, "/owner_id")
        plan = await insert(
            tx,
            PLANS,
            {**data.model_dump(), "account_id": account_id, "state": PlanState.DRAFT.value, "closed_on": None},
        )
        tx.emit(PLAN.created.of(plan.data, account, current=plan.data))
        return tx.answer(plan)


@operation
async def update_plan(ctx: Context, identifier: str, patch: Shape, expected: Expected = None) -> Resource:
    """Change what was sent; raises NotFound, StaleVersion, Conflict for a closed plan. Without a difference nothing is
    written or told.
    """
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, PLANS, identifier, expected, KIND)
        changes = differing(before.data, patch.given())
        if changes and before.data["state"] == PlanState.CLOSED:
            raise Conflict("A closed plan can't be changed")
        _check_period(before.data, changes)
        await require_person(tx, changes.get("owner_id"), "/owner_id")
        after = await revise(tx, PLANS, KIND, before, changes)
        if after is not before:
            tx.emit(PLAN.updated.between(before.data, after.data, account))
        return tx.answer(after)


@operation
async def transition_plan(ctx: Context, identifier: str, step: PlanTransition, expected: Expected = None) -> Resource:
    """Submit, approve, activate or close a plan, or take it back to draft (which needs a reason). Raises
    StateTransitionNotAllowed with the states that are open from here, Conflict when the account has an active plan.
    """
    to = PlanState(step.to)
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, PLANS, identifier, expected, KIND)
        allow(judge_plan(PlanState(before.data["state"]), to), "/to")
        if to is PlanState.DRAFT and step.reason is None:
            raise refuse("/reason", "reason_required", "Say why the plan goes back to draft")
        if to is PlanState.ACTIVE:
            active = await tx.value(ACTIVE_PLAN, account_id=before.data["account_id"])
            if active is not None:
                raise Conflict("The account has an active plan; close it first", members={"active_plan_id": active})
        closed_on = tx.today if to is PlanState.CLOSED else None
        after = await change(tx, PLANS, identifier, {"state": to.value, "closed_on": closed_on})
        tx.emit(_TOLD[to].between(before.data, after.data, account, reason=step.reason))
        return tx.answer(after)


@operation
async def delete_plan(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Mark a plan as deleted, with its objectives and their actions; the event says how many went with it."""
    async with ctx.transaction(Permission.PLAN_WRITE) as tx:
        before, account = await lock_owned(tx, PLANS, identifier, expected, KIND)
        with_it = {
            "actions": await tx.execute(_DELETE_ACTIONS, plan_id=identifier, now=tx.now),
            "objectives": await tx.execute(_DELETE_OBJECTIVES, plan_id=identifier, now=tx.now),
        }
        after = await change(tx, PLANS, identifier, {"deleted_at": tx.now})
        tx.emit(PLAN.deleted.of(after.data, account, previous=before.data, deleted_with_it=with_it))
        return tx.answer(after, "deleted")


def _check_period(before: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """A plan ends after it starts, whichever of the two days changes."""
    if "period_start" not in changes and "period_end" not in changes:
        return
    start, end = (_day(changes.get(name, before.get(name))) for name in ("period_start", "period_end"))
    if end <= start:
        raise refuse("/period_end", "not_after_start", "The period must end after it starts")


def _day(value: date | str | None) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
