"""Quadrant overrides, confirmations, leading verbs and the library of success factors over HTTP."""

from functools import partial

from service.access.policy import Permission
from service.framework.web.answers import Answer, plain
from service.framework.web.router import Part
from service.models.classification.quadrant_choices import QuadrantOverrideRead, SuccessFactorLibrary
from service.models.classification.results import ClassificationRead
from service.operations.classification import classification, quadrant_choices
from service.platform.errors import Conflict, NothingToConfirm, StaleVersion
from service.rest.dependencies import Caller
from service.rest.operations import declare

part = Part("classification", reads=Permission.CLASSIFICATION_READ, writes=Permission.CLASSIFICATION_WRITE)
put = partial(declare, part, "put", response_model=ClassificationRead, errors=[Conflict])
get = partial(declare, part, "get", response_model=QuadrantOverrideRead)
post = partial(
    declare, part, "post", response_model=ClassificationRead, errors=[StaleVersion, NothingToConfirm, Conflict]
)
delete = partial(declare, part, "delete", errors=[Conflict])

put("/accounts/{id}/quadrant-override", quadrant_choices.put_quadrant_override, "Set a quadrant by hand")
get("/accounts/{id}/quadrant-override", quadrant_choices.get_quadrant_override, "Read a quadrant set by hand")
delete("/accounts/{id}/quadrant-override", quadrant_choices.remove_quadrant_override, "Remove a quadrant set by hand")
post("/accounts/{id}/classification/confirm", quadrant_choices.confirm_quadrant, "Confirm the raw quadrant")
put("/accounts/{id}/leading-verb", quadrant_choices.put_leading_verb, "Choose the leading verb")
delete("/accounts/{id}/leading-verb", quadrant_choices.remove_leading_verb, "Remove the leading verb")


@part.get("/success-factors", response_model=SuccessFactorLibrary, summary="List reusable success factors")
async def list_success_factors(ctx: Caller) -> Answer:
    """Lists success factors to begin with, with their sources. Those with a weight are a default set whose weights sum
    to 100. A customer should name, weigh or confirm its own.
    """
    return plain({"items": await classification.list_success_factors(ctx)})
