"""Account plans over HTTP: the routes of a plain record, under their account, and their transitions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, found
from service.framework.web.router import Inquiry, PathId
from service.models.plans.plans import PlanRead, PlanTransition
from service.operations.plans import plans
from service.platform.errors import Conflict, StaleVersion, StateTransitionNotAllowed
from service.rest.dependencies import Caller
from service.rest.plain import plain_part

part = plain_part("plans", plans.PLAN)


@part.post(
    "/plans/{id}/transitions",
    response_model=PlanRead,
    summary="Submit, approve, activate or close a plan",
    errors=[StaleVersion, StateTransitionNotAllowed, Conflict],
)
async def transition_plan(ctx: Caller, id: PathId, step: Annotated[PlanTransition, Body()], asked: Inquiry) -> Answer:
    """Takes the plan to its next state: draft, submitted, approved, active, closed. Going back to draft needs a reason,
    and an account has one active plan at a time. Sends plan.submitted, approved, activated, closed or reopened.
    """
    return found(await plans.transition_plan(ctx, id, step, asked.expected))
