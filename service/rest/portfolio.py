"""The portfolio over HTTP: the matrix."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from service.models.portfolio import MatrixQuery, MatrixRead, MatrixView
from service.operations import portfolio
from service.rest.answers import Answer, plain
from service.rest.dependencies import Caller
from service.rest.router import Part

part = Part("portfolio")


@part.get("/portfolio/matrix", response_model=MatrixRead, summary="Show all accounts by box")
async def read_matrix(ctx: Caller, query: Annotated[MatrixQuery, Query()]) -> Answer:
    """Shows the four boxes (strategic, star, status, streamline) or Fiocca's nine cells, with how many accounts stand
    in each and the largest of them by revenue. Accounts whose scores are incomplete are counted as unclassified.
    """
    return plain(await portfolio.get_matrix(ctx, MatrixView(query.view), query.limit))
