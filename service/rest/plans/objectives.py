"""Objectives over HTTP: below their plan, and by id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.web.answers import Answer, created, found, no_content, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.plans.objectives import ObjectiveCreate, ObjectivePatch, ObjectiveRead
from service.operations.plans import objectives
from service.platform.errors import Conflict, CursorInvalid, NotFound, StaleVersion, StateTransitionNotAllowed
from service.queries.plans.plans import OBJECTIVES
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("plans")

ObjectiveListQuery = list_query("ObjectiveListQuery", OBJECTIVES, without=("account_id", "plan_id"))
ObjectivePage = page_of("ObjectivePage", ObjectiveRead)


@part.post(
    "/plans/{id}/objectives",
    status_code=201,
    response_model=ObjectiveRead,
    summary="Add an objective to a plan",
    location="/v1/objectives/{id}",
    errors=[NotFound, Conflict],
)
async def create_objective(ctx: Caller, id: PathId, data: Annotated[ObjectiveCreate, Body()]) -> Answer:
    """Adds a measurable, dated objective to a plan that is not closed. Sends objective.created."""
    return created(await objectives.create_objective(ctx, id, data))


@part.get(
    "/plans/{id}/objectives",
    response_model=ObjectivePage,
    summary="List the objectives of a plan",
    errors=[NotFound, CursorInvalid],
)
async def list_objectives(ctx: Caller, id: PathId, query: Annotated[ObjectiveListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists a plan's objectives by keyset."""
    return page(await objectives.list_objectives(ctx, id, page_request(query, OBJECTIVES)))


@part.get("/objectives/{id}", response_model=ObjectiveRead, summary="Read an objective", errors=[NotFound])
async def read_objective(ctx: Caller, id: PathId) -> Answer:
    """Reads one objective."""
    return found(await objectives.get_objective(ctx, id))


@part.patch(
    "/objectives/{id}",
    response_model=ObjectiveRead,
    summary="Change an objective",
    errors=[NotFound, StaleVersion, StateTransitionNotAllowed, Conflict],
)
async def update_objective(ctx: Caller, id: PathId, patch: Annotated[ObjectivePatch, Body()], asked: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the members that are sent; null clears. A new `state` records the outcome and sets `closed_on`; once the
    plan is closed, only `state` and `notes` can change. Sends objective.updated, and objective.achieved or missed.
    """
    return found(await objectives.update_objective(ctx, id, patch, asked.expected))


@part.delete("/objectives/{id}", summary="Delete an objective", errors=[NotFound, StaleVersion, Conflict])
async def delete_objective(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Marks the objective as deleted, with its actions; not in a closed plan. Sends objective.deleted."""
    return no_content(await objectives.delete_objective(ctx, id, asked.expected))
