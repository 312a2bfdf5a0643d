"""Ratings over HTTP: people's scores of an account's attractiveness, and the value used of each factor."""

from functools import partial
from typing import Annotated

from fastapi import Query

from service.access.policy import Permission
from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, page, plain
from service.framework.web.router import Part, PathId
from service.models.classification.ratings import RatingRead
from service.models.classification.results import AttractivenessRead, ClassificationRead
from service.operations.classification import ratings
from service.platform.errors import Conflict, StaleVersion
from service.rest.dependencies import Caller, PageQuery, page_of
from service.rest.operations import declare

part = Part("classification", reads=Permission.CLASSIFICATION_READ, writes=Permission.CLASSIFICATION_WRITE)
put = partial(declare, part, "put", response_model=ClassificationRead, errors=[Conflict])
post = partial(declare, part, "post", response_model=ClassificationRead, errors=[StaleVersion, Conflict])
get = partial(declare, part, "get", response_model=AttractivenessRead, errors=[Conflict])
delete = partial(declare, part, "delete", errors=[Conflict])
RatingPage = page_of("RatingPage", RatingRead)

put("/accounts/{id}/attractiveness", ratings.put_attractiveness, "Score an account's attractiveness")
get("/accounts/{id}/attractiveness", ratings.get_attractiveness, "Read an account's ratings and the values used")
post("/accounts/{id}/attractiveness/ratings", ratings.add_rating_sheet, "Add one rater's ratings")
put("/accounts/{id}/attractiveness/choice", ratings.choose_rating, "Choose the rating that counts")
delete("/ratings/{id}", ratings.withdraw_rating, "Withdraw a rating")


@part.get("/accounts/{id}/attractiveness/ratings", response_model=RatingPage, summary="List an account's ratings")
async def list_ratings(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists every rating of the account, newest first: current, superseded and withdrawn ones."""
    return page(await ratings.list_ratings(ctx, id, PageRequest(limit=query.limit, after=query.after)))


@part.get("/ratings/{id}", response_model=RatingRead, summary="Read one rating")
async def read_rating(ctx: Caller, id: PathId) -> Answer:
    """Reads a rating, current or not."""
    return plain((await ratings.get_rating(ctx, id)).body)
