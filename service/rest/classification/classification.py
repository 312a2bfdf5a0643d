"""Classification over HTTP: our strength with a customer, the explained position, its history."""

from typing import Annotated

from fastapi import Query

from service.access.policy import Permission
from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, found, page, plain
from service.framework.web.router import Part, PathId
from service.models.classification.results import BusinessStrengthRead, ClassificationEntry, ClassificationRead
from service.operations.classification import classification
from service.platform.errors import Conflict
from service.rest.dependencies import AsOfQuery, Caller, PageQuery, page_of
from service.rest.operations import declare

part = Part("classification", reads=Permission.CLASSIFICATION_READ, writes=Permission.CLASSIFICATION_WRITE)

ClassificationPage = page_of("ClassificationPage", ClassificationEntry)


declare(
    part, "put", "/accounts/{id}/business-strength", classification.put_business_strength,
    "Score our strength with a customer", response_model=ClassificationRead, errors=[Conflict],
)  # fmt: skip
declare(
    part, "get", "/accounts/{id}/business-strength", classification.get_business_strength,
    "Read a customer's success factors", response_model=BusinessStrengthRead,
)  # fmt: skip


@part.get(
    "/accounts/{id}/classification",
    response_model=ClassificationRead,
    summary="Read an account's classification",
    errors=[Conflict],
)
async def read_classification(ctx: Caller, id: PathId, query: Annotated[AsOfQuery, Query()]) -> Answer:
    """Reads the account's position and explains it: the contribution of each factor, both strengths, the distance to
    each border. For an account without scores it names what is missing. With `as_of` it is computed from the inputs and
    by the model of then.
    """
    if query.as_of is not None:
        return plain((await classification.get_past_classification(ctx, id, query.as_of)).body)
    return found(await classification.get_classification(ctx, id))


@part.get(
    "/accounts/{id}/classification/history",
    response_model=ClassificationPage,
    summary="List an account's classifications",
)
async def list_classifications(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists every classification that differed in position or inputs from the previous one, newest first, with its
    cause and its inputs. The named model gives the same position from these inputs again.
    """
    return page(await classification.list_classifications(ctx, id, PageRequest(limit=query.limit, after=query.after)))
