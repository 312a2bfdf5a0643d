"""The general portfolio of all accounts over HTTP: how important and how difficult an account is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, found, no_content
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.general_portfolios import GeneralPortfolioPut, GeneralPortfolioRead
from service.operations.classification import general_portfolios
from service.rest.dependencies import Caller

part = Part("classification")


@part.put(
    "/accounts/{id}/general-portfolio",
    response_model=GeneralPortfolioRead,
    summary="Judge an account's importance and difficulty",
)
async def put_general_portfolio(
    ctx: Caller, id: PathId, data: Annotated[GeneralPortfolioPut, Body()], asked: Inquiry
) -> Answer:
    """Judges the account for the general portfolio of all accounts (Fiocca's step 1, before the four boxes and the nine
    cells, which are for key accounts): strategic importance and difficulty of managing, each the mean of its factors 0
    to 10, high from 5.0 on. Sends account.general_portfolio_changed when something changed.
    """
    return found(await general_portfolios.put_general_portfolio(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/general-portfolio",
    response_model=GeneralPortfolioRead,
    summary="Read an account's importance and difficulty",
)
async def read_general_portfolio(ctx: Caller, id: PathId) -> Answer:
    """Reads the account's cell in the general portfolio with everything that led there; 404 when nobody has judged."""
    return found(await general_portfolios.get_general_portfolio(ctx, id))


@part.delete("/accounts/{id}/general-portfolio", summary="Take an account's importance and difficulty back")
async def delete_general_portfolio(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Takes the judgement back: the account is in no cell. Sends account.general_portfolio_changed."""
    return no_content(await general_portfolios.delete_general_portfolio(ctx, id, asked.expected))
