"""Actions over HTTP: below their objective, by id, and all of them as the action list."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.web.answers import Answer, created, found, no_content, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.plans.actions import ActionCreate, ActionPatch, ActionRead
from service.operations.plans import actions
from service.platform.errors import Conflict, CursorInvalid, NotFound, StaleVersion, StateTransitionNotAllowed
from service.queries.plans.plans import ACTIONS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("plans")

ActionListQuery = list_query("ActionListQuery", ACTIONS)
ObjectiveActionListQuery = list_query("ObjectiveActionListQuery", ACTIONS, without=("account_id", "objective_id"))
ActionPage = page_of("ActionPage", ActionRead)


@part.post(
    "/objectives/{id}/actions",
    status_code=201,
    response_model=ActionRead,
    summary="Add an action to an objective",
    location="/v1/actions/{id}",
    errors=[NotFound, Conflict],
)
async def create_action(ctx: Caller, id: PathId, data: Annotated[ActionCreate, Body()]) -> Answer:
    """Adds an action with one owner, a date and an expected result; not in a closed plan. Sends action.created."""
    return created(await actions.create_action(ctx, id, data))


@part.get(
    "/objectives/{id}/actions",
    response_model=ActionPage,
    summary="List the actions of an objective",
    errors=[NotFound, CursorInvalid],
)
async def list_objective_actions(
    ctx: Caller,
    id: PathId,
    query: Annotated[ObjectiveActionListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists an objective's actions by keyset."""
    return page(await actions.list_objective_actions(ctx, id, page_request(query, ACTIONS)))


@part.get("/actions", response_model=ActionPage, summary="List actions", errors=[CursorInvalid])
async def list_actions(ctx: Caller, query: Annotated[ActionListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the actions of all accounts by keyset: by owner, account, state and due date. Bounds are exclusive:
    `due_before=2026-12-01` finds what is due in November or earlier.
    """
    return page(await actions.list_actions(ctx, page_request(query, ACTIONS)))


@part.get("/actions/{id}", response_model=ActionRead, summary="Read an action", errors=[NotFound])
async def read_action(ctx: Caller, id: PathId) -> Answer:
    """Reads one action."""
    return found(await actions.get_action(ctx, id))


@part.patch(
    "/actions/{id}",
    response_model=ActionRead,
    summary="Change an action",
    errors=[NotFound, StaleVersion, StateTransitionNotAllowed, Conflict],
)
async def update_action(ctx: Caller, id: PathId, patch: Annotated[ActionPatch, Body()], asked: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the members that are sent; null clears. A new `state` sets `completed_on`; once the plan is closed, only
    `state` and `notes` can change. Sends action.updated, and action.completed.
    """
    return found(await actions.update_action(ctx, id, patch, asked.expected))


@part.delete("/actions/{id}", summary="Delete an action", errors=[NotFound, StaleVersion, Conflict])
async def delete_action(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Marks the action as deleted; not in a closed plan. Sends action.deleted."""
    return no_content(await actions.delete_action(ctx, id, asked.expected))
