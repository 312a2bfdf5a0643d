"""Quadrant overrides, confirmations, leading verbs and the library of success factors over HTTP."""

from service.framework.web.answers import Answer, found, no_content, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.quadrant_choices import (
    ClassificationConfirm,
    LeadingVerbPut,
    QuadrantOverridePut,
    QuadrantOverrideRead,
    SuccessFactorLibrary,
)
from service.models.classification.results import ClassificationRead
from service.operations.classification import classification, quadrant_choices
from service.platform.errors import Conflict, NothingToConfirm, StaleVersion
from service.rest.dependencies import Caller

part = Part("classification")


@part.put(
    "/accounts/{id}/quadrant-override",
    response_model=ClassificationRead,
    summary="Set a quadrant by hand",
    errors=[Conflict],
)
async def put_quadrant_override(ctx: Caller, id: PathId, data: QuadrantOverridePut, info: Inquiry) -> Answer:
    """Sets the quadrant by hand until an expiry and with a reason, and answers with the classification, which still
    shows the quadrant of the scores. Within seconds of the expiry the account is reclassified by its scores. Sends
    account.classified, and account.quadrant_changed when the quadrant changed.
    """
    return found(await quadrant_choices.put_quadrant_override(ctx, id, data, info.expected))


@part.get(
    "/accounts/{id}/quadrant-override", response_model=QuadrantOverrideRead, summary="Read a quadrant set by hand"
)
async def read_quadrant_override(ctx: Caller, id: PathId) -> Answer:
    """Reads who set the quadrant by hand, why and until when, beside the quadrants of the scores; 404 when it is not
    set by hand.
    """
    return found(await quadrant_choices.get_quadrant_override(ctx, id))


@part.delete("/accounts/{id}/quadrant-override", summary="Remove a quadrant set by hand", errors=[Conflict])
async def remove_quadrant_override(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Removes the quadrant set by hand; the computed quadrant holds again. Sends account.classified, and
    account.quadrant_changed when the quadrant changed.
    """
    return no_content(await quadrant_choices.remove_quadrant_override(ctx, id, info.expected))


@part.post(
    "/accounts/{id}/classification/confirm",
    response_model=ClassificationRead,
    summary="Confirm the raw quadrant",
    errors=[StaleVersion, NothingToConfirm, Conflict],
)
async def confirm_quadrant(ctx: Caller, id: PathId, data: ClassificationConfirm, info: Inquiry) -> Answer:
    """Takes the quadrant of the scores at once, although the dead band still holds the account in another one; 409
    nothing_to_confirm when both are the same. Sends account.classified and account.quadrant_changed.
    """
    return found(await quadrant_choices.confirm_quadrant(ctx, id, data, info.expected))


@part.put(
    "/accounts/{id}/leading-verb",
    response_model=ClassificationRead,
    summary="Choose the leading verb",
    errors=[Conflict],
)
async def put_leading_verb(ctx: Caller, id: PathId, data: LeadingVerbPut, info: Inquiry) -> Answer:
    """Chooses which of the two verbs of a Fiocca cell leads, and why. The choice ends when the account moves to a cell
    that does not list the verb beside another. Sends account.classified.
    """
    return found(await quadrant_choices.put_leading_verb(ctx, id, data, info.expected))


@part.delete("/accounts/{id}/leading-verb", summary="Remove the leading verb", errors=[Conflict])
async def remove_leading_verb(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Removes the choice of a leading verb: both verbs of the cell stand side by side again; 404 for an account without
    a choice. Sends account.classified.
    """
    return no_content(await quadrant_choices.remove_leading_verb(ctx, id, info.expected))


@part.get("/success-factors", response_model=SuccessFactorLibrary, summary="List reusable success factors")
async def list_success_factors(ctx: Caller) -> Answer:
    """Lists success factors to begin with, with their sources. Those with a weight are a default set whose weights sum
    to 100. A customer should name, weigh or confirm its own.
    """
    return plain({"items": await classification.list_success_factors(ctx)})
