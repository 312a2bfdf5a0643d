"""Quadrants by hand, confirmations, leading verbs and reusable success factors over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

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
async def put_quadrant_override(
    ctx: Caller, id: PathId, data: Annotated[QuadrantOverridePut, Body()], asked: Inquiry
) -> Answer:
    """Sets the quadrant for a time and with a reason, and answers with the classification; what the scores say is still
    shown. When the time is over, the worker classifies the account anew within seconds and that is told.
    Sends account.classified and account.quadrant_changed when the quadrant changed.
    """
    return found(await quadrant_choices.put_quadrant_override(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/quadrant-override", response_model=QuadrantOverrideRead, summary="Read a quadrant set by hand"
)
async def read_quadrant_override(ctx: Caller, id: PathId) -> Answer:
    """Reads who set the quadrant, why and until when, beside what the scores say; 404 for an account without one."""
    return found(await quadrant_choices.get_quadrant_override(ctx, id))


@part.delete("/accounts/{id}/quadrant-override", summary="Take a quadrant set by hand away", errors=[Conflict])
async def remove_quadrant_override(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Takes it away, so that the computed quadrant holds again. Sends the same events."""
    return no_content(await quadrant_choices.remove_quadrant_override(ctx, id, asked.expected))


@part.post(
    "/accounts/{id}/classification/confirm",
    response_model=ClassificationRead,
    summary="Confirm the raw quadrant",
    errors=[StaleVersion, NothingToConfirm, Conflict],
)
async def confirm_quadrant(
    ctx: Caller, id: PathId, data: Annotated[ClassificationConfirm, Body()], asked: Inquiry
) -> Answer:
    """Takes the quadrant of the scores alone although the dead band still holds the account in another one; 409
    nothing_to_confirm where both are the same. Sends account.classified and account.quadrant_changed.
    """
    return found(await quadrant_choices.confirm_quadrant(ctx, id, data, asked.expected))


@part.put(
    "/accounts/{id}/leading-verb",
    response_model=ClassificationRead,
    summary="Choose the leading verb",
    errors=[Conflict],
)
async def put_leading_verb(ctx: Caller, id: PathId, data: Annotated[LeadingVerbPut, Body()], asked: Inquiry) -> Answer:
    """Chooses which of the two verbs of a compound Fiocca cell leads, and why. The choice ends when the account leaves
    the cell for one that doesn't list it beside another. Sends account.classified.
    """
    return found(await quadrant_choices.put_leading_verb(ctx, id, data, asked.expected))


@part.delete("/accounts/{id}/leading-verb", summary="Withdraw the leading verb", errors=[Conflict])
async def remove_leading_verb(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Withdraws the choice: both verbs of the cell stand side by side again; 404 for an account without one. Sends
    account.classified.
    """
    return no_content(await quadrant_choices.remove_leading_verb(ctx, id, asked.expected))


@part.get("/success-factors", response_model=SuccessFactorLibrary, summary="List reusable success factors")
async def list_success_factors(ctx: Caller) -> Answer:
    """Lists success factors to begin with, with their sources; those with a weight are a default set that sums to 100.
    A customer should name, weigh or confirm its own.
    """
    return plain({"items": await classification.list_success_factors(ctx)})
