"""Scoring models over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.models.scoring_models import ScoringModelCreate, ScoringModelRead
from service.operations import scoring_models
from service.platform.errors import Conflict, CursorInvalid, NotFound, StaleVersion
from service.queries.scoring_models import SCORING_MODELS
from service.rest.answers import Answer, created, found, page
from service.rest.dependencies import Caller, list_query, page_of, page_request
from service.rest.router import Inquiry, Part, PathId

part = Part("classification")

ScoringModelListQuery = list_query("ScoringModelListQuery", SCORING_MODELS)
ScoringModelPage = page_of("ScoringModelPage", ScoringModelRead)


@part.post(
    "/scoring-models",
    status_code=201,
    response_model=ScoringModelRead,
    summary="Create a scoring model",
    location="/v1/scoring-models/{id}",
)
async def create_scoring_model(ctx: Caller, data: Annotated[ScoringModelCreate, Body()]) -> Answer:
    """Writes a scoring model: factors whose weights sum to 100 (within 0.01, never normalised), their score bands, cut
    lines and limits. It decides nothing until it is activated, and its definition never changes. `warnings` say what is
    allowed but unwise.
    """
    return created(await scoring_models.create_scoring_model(ctx, data))


@part.get("/scoring-models", response_model=ScoringModelPage, summary="List scoring models", errors=[CursorInvalid])
async def list_scoring_models(ctx: Caller, query: Annotated[ScoringModelListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists scoring models, newest first. `state=active` finds the one that decides."""
    return page(await scoring_models.list_scoring_models(ctx, page_request(query, SCORING_MODELS)))


@part.get("/scoring-models/{id}", response_model=ScoringModelRead, summary="Read a scoring model", errors=[NotFound])
async def read_scoring_model(ctx: Caller, id: PathId) -> Answer:
    """Reads one scoring model."""
    return found(await scoring_models.get_scoring_model(ctx, id))


@part.post(
    "/scoring-models/{id}/activate",
    response_model=ScoringModelRead,
    summary="Activate a scoring model",
    errors=[NotFound, StaleVersion, Conflict],
)
async def activate_scoring_model(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Makes this the active model, retires the one before, and classifies every account with scores anew in the same
    transaction (up to 10,000 accounts). Sends scoring_model.activated and the events of each account that moved.
    Activating the active model changes nothing.
    """
    return found(await scoring_models.activate_scoring_model(ctx, id, asked.expected))
