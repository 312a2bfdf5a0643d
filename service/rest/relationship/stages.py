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
    """Lists the six relationship stages with both names (Millman & Wilson, Cranfield) and how to know each."""
    return plain({"items": await stages.list_stages(ctx)})


@part.get("/accounts/{id}/stage", response_model=AccountStageRead, summary="Read an account's stage")
async def read_stage(ctx: Caller, id: PathId) -> Answer:
    """Reads where the account stands, since when and why, where it shall get to, and which movements are open."""
    return found(await stages.get_stage(ctx, id))


@part.put("/accounts/{id}/stage/target", response_model=AccountStageRead, summary="Set the stage aimed at")
async def put_target_stage(ctx: Caller, id: PathId, data: Annotated[TargetStagePut, Body()], asked: Inquiry) -> Answer:
    """Sets the target stage, by when and why; it may equal the present stage, and null takes it away. Sends
    account.target_stage_changed when something changed.
    """
    return found(await stages.put_target_stage(ctx, id, data, asked.expected))


@part.post(
    "/accounts/{id}/stage-transitions",
    response_model=StageEntryRead,
    summary="Move an account to another stage",
    location="/v1/stage-transitions/{id}",
    errors=[StaleVersion, StageTransitionNotAllowed],
)
async def move_stage(ctx: Caller, id: PathId, data: Annotated[StageTransitionCreate, Body()], asked: Inquiry) -> Answer:
    """Moves the account: up one step at a time (more with skip), down any number, to uncoupling from anywhere, and from
    uncoupling back. A movement that the method forbids is 409 with the allowed ones. Sends account.stage_changed.
    """
    return created(await stages.move_stage(ctx, id, data, asked.expected))


@part.get("/accounts/{id}/stage-transitions", response_model=StageEntryPage, summary="List an account's stage history")
async def list_stage_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the movements, newest first; the oldest entry is the account's creation in pre_kam."""
    return page(await stages.list_stage_transitions(ctx, id, PageRequest(limit=query.limit, after=query.after)))


@part.get("/stage-transitions/{id}", response_model=StageEntryRead, summary="Read one movement")
async def read_stage_transition(ctx: Caller, id: PathId) -> Answer:
    """Reads one entry of an account's stage history."""
    return found(await stages.get_stage_transition(ctx, id))
