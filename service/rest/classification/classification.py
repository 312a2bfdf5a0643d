"""Classification over HTTP: our strength with a customer, the explained result, its history."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, found, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.classification import BusinessStrengthPut
from service.models.classification.results import BusinessStrengthRead, ClassificationEntry, ClassificationRead
from service.operations.classification import classification
from service.platform.errors import Conflict
from service.rest.dependencies import AsOfQuery, Caller, PageQuery, page_of

part = Part("classification")

ClassificationPage = page_of("ClassificationPage", ClassificationEntry)


@part.put(
    "/accounts/{id}/business-strength",
    response_model=ClassificationRead,
    summary="Score our strength with a customer",
    errors=[Conflict],
)
async def put_business_strength(
    ctx: Caller, id: PathId, data: Annotated[BusinessStrengthPut, Body()], asked: Inquiry
) -> Answer:
    """Replaces this customer's success factors (weights sum to 100) with our score and each competitor's, and answers
    with the classification. Without a competitor, say no_known_competitor: true. Sends the same events as the scores.
    """
    return found(await classification.put_business_strength(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/business-strength", response_model=BusinessStrengthRead, summary="Read a customer's success factors"
)
async def read_business_strength(ctx: Caller, id: PathId) -> Answer:
    """Reads the stored success factors with everybody's scores."""
    return found(await classification.get_business_strength(ctx, id))


@part.get(
    "/accounts/{id}/classification",
    response_model=ClassificationRead,
    summary="Read an account's classification",
    errors=[Conflict],
)
async def read_classification(ctx: Caller, id: PathId, query: Annotated[AsOfQuery, Query()]) -> Answer:
    """Reads where the account stands and why: what each factor adds, both strengths, the distance to each border. For
    an account that nobody has scored it names what is missing. With `as_of` it is explained from the inputs and by the
    model of then.
    """
    if query.as_of is not None:
        return plain((await classification.get_past_classification(ctx, id, query.as_of)).body)
    result = await classification.get_classification(ctx, id)
    return found(result) if result.version else plain(result.body)


@part.get(
    "/accounts/{id}/classification/history",
    response_model=ClassificationPage,
    summary="List an account's classifications",
)
async def list_classifications(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists every position or input that differed from the one before, newest first, with what led to it and the
    inputs from which the named model gives the same position again.
    """
    return page(await classification.list_classifications(ctx, id, PageRequest(limit=query.limit, after=query.after)))
