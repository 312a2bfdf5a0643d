"""Ratings over HTTP: people's scores of an account's attractiveness, and the value used of each factor."""

from typing import Annotated

from fastapi import Query

from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, found, no_content, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.ratings import AttractivenessPut, RatingChoice, RatingRead, RatingSheet
from service.models.classification.results import AttractivenessRead, ClassificationRead
from service.operations.classification import ratings
from service.platform.errors import Conflict, StaleVersion
from service.rest.dependencies import Caller, PageQuery, page_of

part = Part("classification")

RatingPage = page_of("RatingPage", RatingRead)


@part.put(
    "/accounts/{id}/attractiveness",
    response_model=ClassificationRead,
    summary="Score an account's attractiveness",
    errors=[Conflict],
)
async def put_attractiveness(ctx: Caller, id: PathId, data: AttractivenessPut, info: Inquiry) -> Answer:
    """Replaces the account's current ratings on the factors of the active model and answers with the classification.
    Each rating is by one rater: a score from 0 to 10, or a metric that the factor's bands turn into a score. Sends
    account.classified, and account.quadrant_changed when the quadrant changed. Writing the same ratings again sends no
    event.
    """
    return found(await ratings.put_attractiveness(ctx, id, data, info.expected))


@part.get(
    "/accounts/{id}/attractiveness",
    response_model=AttractivenessRead,
    summary="Read an account's ratings and the values used",
    errors=[Conflict],
)
async def read_attractiveness(ctx: Caller, id: PathId) -> Answer:
    """Reads the current ratings with their evidence and raters, the value used of each factor and the rule that gave
    it, how far apart the raters are, and which required factors are missing.
    """
    result = await ratings.get_attractiveness(ctx, id)
    return found(result) if result.version else plain(result.body)


@part.get("/accounts/{id}/attractiveness/ratings", response_model=RatingPage, summary="List an account's ratings")
async def list_ratings(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists every rating of the account, newest first: current, superseded and withdrawn ones."""
    return page(await ratings.list_ratings(ctx, id, PageRequest(limit=query.limit, after=query.after)))


@part.post(
    "/accounts/{id}/attractiveness/ratings",
    response_model=ClassificationRead,
    summary="Add one rater's ratings",
    errors=[StaleVersion, Conflict],
)
async def add_rating_sheet(ctx: Caller, id: PathId, data: RatingSheet, info: Inquiry) -> Answer:
    """Stores one rater's ratings and answers with the classification. Each rating supersedes this rater's earlier
    rating of the factor; all other ratings stay. Sends account.classified, and account.quadrant_changed when the
    quadrant changed.
    """
    return found(await ratings.add_rating_sheet(ctx, id, data, info.expected))


@part.put(
    "/accounts/{id}/attractiveness/choice",
    response_model=ClassificationRead,
    summary="Choose the rating that counts",
    errors=[Conflict],
)
async def choose_rating(ctx: Caller, id: PathId, data: RatingChoice, info: Inquiry) -> Answer:
    """Chooses one rating as the value of its factor, or returns to the mean of all raters, and answers with the
    classification.
    """
    return found(await ratings.choose_rating(ctx, id, data, info.expected))


@part.get("/ratings/{id}", response_model=RatingRead, summary="Read one rating")
async def read_rating(ctx: Caller, id: PathId) -> Answer:
    """Reads a rating, current or not."""
    return plain((await ratings.get_rating(ctx, id)).body)


@part.delete("/ratings/{id}", summary="Withdraw a rating", errors=[Conflict])
async def withdraw_rating(ctx: Caller, id: PathId) -> Answer:
    """Withdraws a current rating: it no longer counts and stays in the history. The account is reclassified."""
    return no_content(await ratings.withdraw_rating(ctx, id))
