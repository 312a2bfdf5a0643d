"""Relationship stages over HTTP: the catalogue, an account's stage, its movements and its target."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, created, found, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.relationship.stages import (
    AccountStageRead,
    StageCatalogue,
    StageEntryRead,
    StageTransitionCreate,
    TargetStagePut,
)
from service.operations.relationship import stages
from service.platform.errors import StageTransitionNotAllowed, StaleVersion
from service.rest.dependencies import Caller, PageQuery, page_of

part = Part("stages")

StageEntryPage = page_of("StageEntryPage", StageEntryRead)


@part.get("/stages", response_model=StageCatalogue, summary="List the relationship stages")
async def list_stages(ctx: Caller) -> Answer:
    """Lists the six relationship stages with both names (Millman & Wilson, Cranfield) and the signs of each."""
    return plain({"items": await stages.list_stages(ctx)})


@part.get("/accounts/{id}/stage", response_model=AccountStageRead, summary="Read an account's stage")
async def read_stage(ctx: Caller, id: PathId) -> Answer:
    """Reads the account's stage, since when and why it holds, the target stage, and the stages it may move to."""
    return found(await stages.get_stage(ctx, id))


@part.put("/accounts/{id}/stage/target", response_model=AccountStageRead, summary="Set the target stage")
async def put_target_stage(ctx: Caller, id: PathId, data: Annotated[TargetStagePut, Body()], info: Inquiry) -> Answer:
    """Sets the target stage with a day and a reason. It may equal the present stage; null removes it. Sends
    account.target_stage_changed when something changed.
    """
    return found(await stages.put_target_stage(ctx, id, data, info.expected))


@part.post(
    "/accounts/{id}/stage-transitions",
    response_model=StageEntryRead,
    summary="Move an account to another stage",
    location="/v1/stage-transitions/{id}",
    errors=[StaleVersion, StageTransitionNotAllowed],
)
async def move_stage(ctx: Caller, id: PathId, data: Annotated[StageTransitionCreate, Body()], info: Inquiry) -> Answer:
    """Moves the account to another stage: up one step at a time (more with `skip`), down any number, to uncoupling from
    any stage, and from uncoupling back to a stage it had reached. A move that the method forbids gives 409 with the
    allowed stages. Sends account.stage_changed.
    """
    return created(await stages.move_stage(ctx, id, data, info.expected))


@part.get("/accounts/{id}/stage-transitions", response_model=StageEntryPage, summary="List an account's stage history")
async def list_stage_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the account's stage history, newest first; the oldest entry is its creation in pre_kam."""
    return page(await stages.list_stage_transitions(ctx, id, PageRequest(limit=query.limit, after=query.after)))


@part.get("/stage-transitions/{id}", response_model=StageEntryRead, summary="Read a stage transition")
async def read_stage_transition(ctx: Caller, id: PathId) -> Answer:
    """Reads one entry of an account's stage history."""
    return found(await stages.get_stage_transition(ctx, id))
