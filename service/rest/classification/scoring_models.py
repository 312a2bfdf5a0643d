"""Scoring models over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.web.answers import Answer, accepted, created, found, no_content, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.scoring_models import (
    ComparisonQuery,
    FactorLibrary,
    LibraryQuery,
    ScoringModelClone,
    ScoringModelComparison,
    ScoringModelCreate,
    ScoringModelPatch,
    ScoringModelRead,
)
from service.models.shapes import JobRead
from service.operations.classification import reclassifications, scoring_models
from service.platform.errors import ScoringModelUsed, StaleVersion
from service.queries.classification.scoring_models import SCORING_MODELS
from service.rest.dependencies import Caller, list_query, page_of, page_request
from service.rules.classification.factor_library import FactorAxis

part = Part("classification")

ScoringModelListQuery = list_query("ScoringModelListQuery", SCORING_MODELS)
ScoringModelPage = page_of("ScoringModelPage", ScoringModelRead)


@part.post(
    "/scoring-models",
    response_model=ScoringModelRead,
    summary="Create a scoring model",
    location="/v1/scoring-models/{id}",
)
async def create_scoring_model(ctx: Caller, data: Annotated[ScoringModelCreate, Body()]) -> Answer:
    """Writes a scoring model: factors whose weights sum to 100 (within 0.01, never normalised), their score bands, cut
    lines and limits. It decides nothing until it is activated, and once it has been its definition never changes.
    `warnings` say what is allowed but unwise.
    """
    return created(await scoring_models.create_scoring_model(ctx, data))


@part.get("/scoring-models", response_model=ScoringModelPage, summary="List scoring models")
async def list_scoring_models(ctx: Caller, query: Annotated[ScoringModelListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists scoring models, newest first. `state=active` finds the one that decides."""
    return page(await scoring_models.list_scoring_models(ctx, page_request(query, SCORING_MODELS)))


@part.get("/scoring-models/{id}", response_model=ScoringModelRead, summary="Read a scoring model")
async def read_scoring_model(ctx: Caller, id: PathId) -> Answer:
    """Reads one scoring model."""
    return found(await scoring_models.get_scoring_model(ctx, id))


@part.patch(
    "/scoring-models/{id}", response_model=ScoringModelRead, summary="Change a draft", errors=[ScoringModelUsed]
)
async def update_scoring_model(
    ctx: Caller,
    id: PathId,
    patch: Annotated[ScoringModelPatch, Body()],  # type: ignore[valid-type]
    asked: Inquiry,
) -> Answer:
    """Changes a model that has never been active: of `cuts`, `fiocca` and `border_width` the members that are sent,
    `factors` as a whole. A model that has been active is 409 scoring_model_used; clone it.
    """
    return found(await scoring_models.update_scoring_model(ctx, id, patch, asked.expected))


@part.delete("/scoring-models/{id}", summary="Delete a draft", errors=[ScoringModelUsed])
async def delete_scoring_model(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Drops a model that has never been active. One that has been is 409 scoring_model_used."""
    return no_content(await scoring_models.delete_scoring_model(ctx, id, asked.expected))


@part.post(
    "/scoring-models/{id}/clone",
    response_model=ScoringModelRead,
    summary="Clone a scoring model",
    location="/v1/scoring-models/{id}",
)
async def clone_scoring_model(ctx: Caller, id: PathId, data: Annotated[ScoringModelClone, Body()]) -> Answer:
    """Makes a new draft from any model, with `changes` as in a patch: the way to go on from a model that has been
    active.
    """
    return created(await scoring_models.clone_scoring_model(ctx, id, data))


@part.get(
    "/scoring-models/{id}/comparison", response_model=ScoringModelComparison, summary="Compare two scoring models"
)
async def compare_scoring_models(ctx: Caller, id: PathId, query: Annotated[ComparisonQuery, Query()]) -> Answer:
    """Tells what the model named by `with` changes: factors that came, went or differ in weight, bands, direction or
    being required, and the cut lines, limits, dead band and border widths that differ.
    """
    return plain(await scoring_models.compare_scoring_models(ctx, id, query.with_))


@part.get("/attractiveness-factors", response_model=FactorLibrary, summary="List the factor library")
async def list_attractiveness_factors(ctx: Caller, query: Annotated[LibraryQuery, Query()]) -> Answer:
    """Lists the criteria that the sources name, ready to pick for a scoring model: each with its source, direction,
    unit and, where the method gives some, score bands. `axis` says which of them belong to attractiveness.
    """
    axis = None if query.axis is None else FactorAxis(query.axis)
    return plain({"items": await scoring_models.list_attractiveness_factors(ctx, axis)})


@part.post(
    "/scoring-models/{id}/activate",
    response_model=ScoringModelRead,
    summary="Activate a scoring model",
    errors=[StaleVersion],
    responses={202: {"model": JobRead, "description": "More than 1,000 accounts: the job that does it"}},
)
async def activate_scoring_model(
    ctx: Caller, id: PathId, asked: Inquiry, data: Annotated[ReclassificationCreate | None, Body()] = None
) -> Answer:
    """Makes this the active model, retires the one before, and classifies every account anew. Up to 1,000 accounts this
    happens in one transaction (200); beyond, a job does it (202, with its place in Location), and the model becomes the
    active one when the job begins. Sends scoring_model.activated, account.quadrant_changed for each account that moved
    to another quadrant, and portfolio.reclassified with the counts. Activating the active model changes nothing.
    """
    done = await reclassifications.activate_scoring_model(ctx, id, data, asked.expected)
    return accepted(done, "/v1/jobs/{id}") if done.outcome == "accepted" else found(done)
