"""Mutations of account plans."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version
from service.models.plans.plans import PlanCreate, PlanPatch, PlanRead, PlanTransition
from service.operations.plans import plans

PLAN = gives("plan", PlanRead)
ACCOUNT = identifier("accountId", "The account")
BODY = body(PlanCreate, "CreatePlanInput")
PATCH = body(PlanPatch, "UpdatePlanInput")
STEP = body(PlanTransition, "TransitionPlanInput")

MUTATIONS = (
    Call("createPlan", plans.create_plan, (ACCOUNT, BODY), PLAN),
    Call("updatePlan", plans.update_plan, (identifier(), PATCH, if_version()), PLAN),
    Call("transitionPlan", plans.transition_plan, (identifier(), STEP, if_version()), PLAN),
    Call("deletePlan", plans.delete_plan, (identifier(), if_version()), PLAN),
)
