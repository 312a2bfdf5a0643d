"""Mutations of actions."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version
from service.models.plans.actions import ActionCreate, ActionPatch, ActionRead
from service.operations.plans import actions

ACTION = gives("action", ActionRead)
OBJECTIVE = identifier("objectiveId", "The objective")
BODY = body(ActionCreate, "CreateActionInput")
PATCH = body(ActionPatch, "UpdateActionInput")

MUTATIONS = (
    Call("createAction", actions.create_action, (OBJECTIVE, BODY), ACTION),
    Call("updateAction", actions.update_action, (identifier(), PATCH, if_version()), ACTION),
    Call("deleteAction", actions.delete_action, (identifier(), if_version()), ACTION),
)
