"""Scoring models over HTTP."""

from typing import Annotated

from fastapi import Body, Query

from service.access.policy import Permission
from service.framework.web.answers import Answer, accepted, found, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.scoring_models import (
    ComparisonQuery,
    FactorLibrary,
    LibraryQuery,
    ScoringModelComparison,
    ScoringModelPatch,
    ScoringModelRead,
)
from service.models.shapes import JobRead
from service.operations.classification import reclassifications, scoring_models
from service.platform.errors import ScoringModelUsed, StaleVersion
from service.queries.classification.scoring_models import SCORING_MODELS
from service.rest.dependencies import Caller, list_query, page_of, page_request
from service.rest.operations import declare
from service.rules.classification.factor_library import FactorAxis

part = Part("classification", reads=Permission.CLASSIFICATION_READ, writes=Permission.CLASSIFICATION_WRITE)

ScoringModelListQuery = list_query("ScoringModelListQuery", SCORING_MODELS)
ScoringModelPage = page_of("ScoringModelPage", ScoringModelRead)


declare(
    part, "post", "/scoring-models", scoring_models.create_scoring_model, "Create a scoring model",
    response_model=ScoringModelRead, location="/v1/scoring-models/{id}",
)  # fmt: skip
declare(
    part, "get", "/scoring-models/{id}", scoring_models.get_scoring_model, "Read a scoring model",
    response_model=ScoringModelRead,
)  # fmt: skip
declare(
    part, "patch", "/scoring-models/{id}", scoring_models.update_scoring_model, "Change a draft",
    body=ScoringModelPatch, response_model=ScoringModelRead, errors=[ScoringModelUsed],
)  # fmt: skip
declare(
    part, "delete", "/scoring-models/{id}", scoring_models.delete_scoring_model, "Delete a draft",
    errors=[ScoringModelUsed],
)  # fmt: skip
declare(
    part, "post", "/scoring-models/{id}/clone", scoring_models.clone_scoring_model, "Clone a scoring model",
    response_model=ScoringModelRead, location="/v1/scoring-models/{id}",
)  # fmt: skip


@part.get("/scoring-models", response_model=ScoringModelPage, summary="List scoring models")
async def list_scoring_models(ctx: Caller, query: Annotated[ScoringModelListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists scoring models, newest first. `state=active` finds the active one."""
    return page(await scoring_models.list_scoring_models(ctx, page_request(query, SCORING_MODELS)))


@part.get(
    "/scoring-models/{id}/comparison", response_model=ScoringModelComparison, summary="Compare two scoring models"
)
async def compare_scoring_models(ctx: Caller, id: PathId, query: Annotated[ComparisonQuery, Query()]) -> Answer:
    """Compares the model with the one that `with` names: factors that were added, removed or differ in weight, bands,
    direction or being required, and the cut lines, limits, dead band and border widths that differ.
    """
    return plain(await scoring_models.compare_scoring_models(ctx, id, query.with_))


@part.get("/attractiveness-factors", response_model=FactorLibrary, summary="List the factor library")
async def list_attractiveness_factors(ctx: Caller, query: Annotated[LibraryQuery, Query()]) -> Answer:
    """Lists the criteria that the sources name, to pick from for a scoring model: each with its source, direction, unit
    and, where the method gives some, score bands. `axis` selects those of attractiveness or of another axis.
    """
    axis = None if query.axis is None else FactorAxis(query.axis)
    return plain({"items": await scoring_models.list_attractiveness_factors(ctx, axis)})


@part.post(
    "/scoring-models/{id}/activate",
    response_model=ScoringModelRead,
    summary="Activate a scoring model",
    errors=[StaleVersion],
    responses={202: {"model": JobRead, "description": "With more than 1,000 accounts: the job that reclassifies them"}},
)
async def activate_scoring_model(
    ctx: Caller, id: PathId, info: Inquiry, data: Annotated[ReclassificationCreate | None, Body()] = None
) -> Answer:
    """Makes this the active model, retires the previous one and reclassifies every account. Up to 1,000 accounts this
    happens in one transaction (200). With more accounts a job does it (202, with the job in Location), and the model
    becomes active when the job begins. Sends scoring_model.activated, account.quadrant_changed for each account that
    moved to another quadrant, and portfolio.reclassified with the counts. Activating the active model changes nothing.
    """
    done = await reclassifications.activate_scoring_model(ctx, id, data, info.expected)
    return accepted(done, "/v1/jobs/{id}") if done.outcome == "accepted" else found(done)
