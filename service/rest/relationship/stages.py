"""Relationship stages over HTTP: the catalogue, an account's stage, its movements and its target."""

from typing import Annotated

from fastapi import Query

from service.access.policy import Permission
from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, page, plain
from service.framework.web.router import Part, PathId
from service.models.relationship.stages import AccountStageRead, StageCatalogue, StageEntryRead
from service.operations.relationship import stages
from service.platform.errors import StageTransitionNotAllowed, StaleVersion
from service.rest.dependencies import Caller, PageQuery, page_of
from service.rest.operations import declare

part = Part("stages", reads=Permission.STAGE_READ, writes=Permission.STAGE_WRITE)

StageEntryPage = page_of("StageEntryPage", StageEntryRead)

declare(
    part, "get", "/accounts/{id}/stage", stages.get_stage, "Read an account's stage", response_model=AccountStageRead
)
declare(
    part, "put", "/accounts/{id}/stage/target", stages.put_target_stage, "Set the target stage",
    response_model=AccountStageRead,
)  # fmt: skip
declare(
    part, "post", "/accounts/{id}/stage-transitions", stages.move_stage, "Move an account to another stage",
    response_model=StageEntryRead, location="/v1/stage-transitions/{id}",
    errors=[StaleVersion, StageTransitionNotAllowed],
)  # fmt: skip
declare(
    part, "get", "/stage-transitions/{id}", stages.get_stage_transition, "Read a stage transition",
    response_model=StageEntryRead,
)  # fmt: skip


@part.get("/stages", response_model=StageCatalogue, summary="List the relationship stages")
async def list_stages(ctx: Caller) -> Answer:
    """Lists the six relationship stages with both names (Millman & Wilson, Cranfield) and the signs of each."""
    return plain({"items": await stages.list_stages(ctx)})


@part.get("/accounts/{id}/stage-transitions", response_model=StageEntryPage, summary="List an account's stage history")
async def list_stage_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the account's stage history, newest first; the oldest entry is its creation in pre_kam."""
    return page(await stages.list_stage_transitions(ctx, id, PageRequest(limit=query.limit, after=query.after)))
