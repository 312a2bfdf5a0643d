"""Candidate screening over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, unversioned
from service.framework.web.router import Part
from service.models.accounts.screenings import ScreeningRead
from service.operations.accounts import screenings
from service.operations.accounts.screenings import ScreeningCreate
from service.rest.dependencies import Caller

part = Part("portfolio")


@part.post("/portfolio/screenings", response_model=ScreeningRead, summary="Screen accounts for candidates")
async def screen_portfolio(ctx: Caller, data: Annotated[ScreeningCreate, Body()]) -> Answer:
    """Judges accounts by named criteria over their members, the first of two steps of selection (simple criteria, then
    scoring): which hold and which do not, who passed and why, with counts of all. Nothing is written, unless
    `move_to_candidate`: then customers that passed become candidates, at most 1,000 at once; each sends
    account.status_changed.
    """
    return unversioned(await screenings.screen_portfolio(ctx, data))
