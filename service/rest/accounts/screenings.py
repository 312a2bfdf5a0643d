"""Candidate screening over HTTP."""

from typing import Annotated

from fastapi import Body

from service.access.policy import Permission
from service.framework.web.answers import Answer, unversioned
from service.framework.web.router import Part
from service.models.accounts.screenings import ScreeningRead
from service.operations.accounts import screenings
from service.operations.accounts.screenings import ScreeningCreate
from service.rest.dependencies import Caller

part = Part("portfolio", reads=Permission.PORTFOLIO_READ, writes=Permission.PORTFOLIO_READ)


@part.post("/portfolio/screenings", response_model=ScreeningRead, summary="Screen accounts for candidates")
async def screen_portfolio(ctx: Caller, data: Annotated[ScreeningCreate, Body()]) -> Answer:
    """Screens accounts by named criteria, the first of the two steps of selection (simple criteria, then scoring). Each
    account shows which criteria hold, whether it passed and why; counts cover all accounts. Nothing is written without
    `move_to_candidate`. With it, customers that passed become candidates, at most 1,000 at once; each sends
    account.status_changed.
    """
    return unversioned(await screenings.screen_portfolio(ctx, data))
