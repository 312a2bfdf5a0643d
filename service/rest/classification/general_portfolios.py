"""The general portfolio of all accounts over HTTP: an account's strategic importance and difficulty."""

from service.framework.web.answers import Answer, found, no_content
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.general_portfolios import GeneralPortfolioPut, GeneralPortfolioRead
from service.operations.classification import general_portfolios
from service.rest.dependencies import Caller

part = Part("classification")


@part.put(
    "/accounts/{id}/general-portfolio",
    response_model=GeneralPortfolioRead,
    summary="Score an account's importance and difficulty",
)
async def put_general_portfolio(ctx: Caller, id: PathId, data: GeneralPortfolioPut, info: Inquiry) -> Answer:
    """Scores the account for the general portfolio of all accounts (Fiocca's step 1, which comes before the four boxes
    and the nine cells of key accounts): strategic importance and difficulty of managing, each the mean of its factors
    from 0 to 10, high from 5.0. Sends account.general_portfolio_changed when something changed.
    """
    return found(await general_portfolios.put_general_portfolio(ctx, id, data, info.expected))


@part.get(
    "/accounts/{id}/general-portfolio",
    response_model=GeneralPortfolioRead,
    summary="Read an account's importance and difficulty",
)
async def read_general_portfolio(ctx: Caller, id: PathId) -> Answer:
    """Reads the account's cell in the general portfolio with the scores behind it; 404 when it has none."""
    return found(await general_portfolios.get_general_portfolio(ctx, id))


@part.delete("/accounts/{id}/general-portfolio", summary="Delete an account's importance and difficulty")
async def delete_general_portfolio(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes the scores: the account is in no cell. Sends account.general_portfolio_changed."""
    return no_content(await general_portfolios.delete_general_portfolio(ctx, id, info.expected))
