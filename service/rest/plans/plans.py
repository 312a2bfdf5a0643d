"""Account plans over HTTP: below their account, by id, and their transitions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.web.answers import Answer, created, found, no_content, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.plans.plans import PlanCreate, PlanPatch, PlanRead, PlanTransition
from service.operations.plans import plans
from service.platform.errors import Conflict, CursorInvalid, NotFound, StaleVersion, StateTransitionNotAllowed
from service.queries.plans.plans import PLANS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("plans")

PlanListQuery = list_query("PlanListQuery", PLANS, without=("account_id",))
PlanPage = page_of("PlanPage", PlanRead)


@part.post(
    "/accounts/{id}/plans",
    status_code=201,
    response_model=PlanRead,
    summary="Write a plan for an account",
    location="/v1/plans/{id}",
    errors=[NotFound],
)
async def create_plan(ctx: Caller, id: PathId, data: Annotated[PlanCreate, Body()]) -> Answer:
    """Writes a plan, as a draft. Its period ends after it starts. Sends plan.created."""
    return created(await plans.create_plan(ctx, id, data))


@part.get(
    "/accounts/{id}/plans",
    response_model=PlanPage,
    summary="List the plans of an account",
    errors=[NotFound, CursorInvalid],
)
async def list_plans(ctx: Caller, id: PathId, query: Annotated[PlanListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists an account's plans by keyset."""
    return page(await plans.list_plans(ctx, id, page_request(query, PLANS)))


@part.get("/plans/{id}", response_model=PlanRead, summary="Read a plan", errors=[NotFound])
async def read_plan(ctx: Caller, id: PathId) -> Answer:
    """Reads one plan."""
    return found(await plans.get_plan(ctx, id))


@part.patch("/plans/{id}", response_model=PlanRead, summary="Change a plan", errors=[NotFound, StaleVersion, Conflict])
async def update_plan(ctx: Caller, id: PathId, patch: Annotated[PlanPatch, Body()], asked: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the members that are sent; null clears. A closed plan can't be changed; its state changes by transitions
    only. Sends plan.updated when something changed.
    """
    return found(await plans.update_plan(ctx, id, patch, asked.expected))


@part.post(
    "/plans/{id}/transitions",
    response_model=PlanRead,
    summary="Submit, approve, activate or close a plan",
    errors=[NotFound, StaleVersion, StateTransitionNotAllowed, Conflict],
)
async def transition_plan(ctx: Caller, id: PathId, step: Annotated[PlanTransition, Body()], asked: Inquiry) -> Answer:
    """Takes the plan to its next state: draft, submitted, approved, active, closed. Going back to draft needs a reason,
    and an account has one active plan at a time. Sends plan.submitted, approved, activated, closed or reopened.
    """
    return found(await plans.transition_plan(ctx, id, step, asked.expected))


@part.delete("/plans/{id}", summary="Delete a plan", errors=[NotFound, StaleVersion])
async def delete_plan(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Marks the plan as deleted, with its objectives and their actions; plan.deleted says how many went with it."""
    return no_content(await plans.delete_plan(ctx, id, asked.expected))
