"""Ratings over HTTP: how people judge what makes an account attractive, and what counts of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.models.classification_results import AttractivenessRead, ClassificationRead
from service.models.ratings import AttractivenessPut, RatingRead
from service.operations import ratings
from service.platform.errors import Conflict, CursorInvalid, NotFound, StaleVersion
from service.queries.listing import PageRequest
from service.rest.answers import Answer, found, page, plain
from service.rest.dependencies import Caller, PageQuery, page_of
from service.rest.router import Inquiry, Part, PathId

part = Part("classification")

RatingPage = page_of("RatingPage", RatingRead)


@part.put(
    "/accounts/{id}/attractiveness",
    response_model=ClassificationRead,
    summary="Score an account's attractiveness",
    errors=[NotFound, StaleVersion, Conflict],
)
async def put_attractiveness(
    ctx: Caller, id: PathId, data: Annotated[AttractivenessPut, Body()], asked: Inquiry
) -> Answer:
    """Replaces the account's current ratings on the factors of the active model and answers with the classification.
    Each is a score from 0 to 10, or a metric that the factor's bands turn into one, by one rater. Sends
    account.classified, and account.quadrant_changed when the quadrant changed; writing the same again sends nothing.
    """
    return found(await ratings.put_attractiveness(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/attractiveness",
    response_model=AttractivenessRead,
    summary="Read an account's ratings and what counts of them",
    errors=[NotFound, Conflict],
)
async def read_attractiveness(ctx: Caller, id: PathId) -> Answer:
    """Reads the current ratings with their evidence and raters, the value used of each factor and by which rule, how
    far the raters are apart, and which required factors are missing.
    """
    result = await ratings.get_attractiveness(ctx, id)
    return found(result) if result.version else plain(result.body)


@part.get(
    "/accounts/{id}/attractiveness/ratings",
    response_model=RatingPage,
    summary="List an account's ratings",
    errors=[NotFound, CursorInvalid],
)
async def list_ratings(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists every rating the account ever got, newest first: current, superseded and withdrawn ones."""
    return page(await ratings.list_ratings(ctx, id, PageRequest(limit=query.limit, after=query.after)))
