"""Mutations of objectives."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version
from service.models.plans.objectives import ObjectiveCreate, ObjectivePatch, ObjectiveRead
from service.operations.plans import objectives

OBJECTIVE = gives("objective", ObjectiveRead)
PLAN = identifier("planId", "The plan")
BODY = body(ObjectiveCreate, "CreateObjectiveInput")
PATCH = body(ObjectivePatch, "UpdateObjectiveInput")

MUTATIONS = (
    Call("createObjective", objectives.create_objective, (PLAN, BODY), OBJECTIVE),
    Call("updateObjective", objectives.update_objective, (identifier(), PATCH, if_version()), OBJECTIVE),
    Call("deleteObjective", objectives.delete_objective, (identifier(), if_version()), OBJECTIVE),
)
