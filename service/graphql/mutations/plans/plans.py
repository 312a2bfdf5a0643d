"""Mutations of account plans."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version
from service.graphql.plain import mutations_of
from service.models.plans.plans import PlanRead, PlanTransition
from service.operations.plans.plans import PLAN, transition_plan

STEP = body(PlanTransition, "TransitionPlanInput")

MUTATIONS = (
    *mutations_of(PLAN),
    Call("transitionPlan", transition_plan, (identifier(), STEP, if_version()), gives("plan", PlanRead)),
)
