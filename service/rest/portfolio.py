"""The portfolio over HTTP: the matrix."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from service.models.portfolio import MatrixFormat, MatrixQuery, MatrixRead, MatrixView
from service.operations import portfolio
from service.rest.answers import Answer, tagged
from service.rest.dependencies import Caller
from service.rest.intake import preferred
from service.rest.router import JSON, Inquiry, Part

part = Part("portfolio")


_SVG = "image/svg+xml"


@part.get(
    "/portfolio/matrix",
    response_model=MatrixRead,
    summary="Show all accounts by box",
    produces=(*JSON, _SVG),
    answer_headers={"ETag": "Of the content: the same portfolio has the same"},
)
async def read_matrix(ctx: Caller, query: Annotated[MatrixQuery, Query()], asked: Inquiry) -> Answer:
    """Shows the four boxes (strategic, star, status, streamline), Fiocca's nine cells or McDonald's ten boxes
    (relationship stage by attractiveness), with how many accounts stand in each and the largest of them by revenue.
    Accounts whose scores are incomplete are counted as unclassified.

    As a picture (`format=svg`, or Accept: image/svg+xml) strength is high on the left and attractiveness high on top,
    bubbles are sized by revenue, and the lines are drawn with their values and borders. Forecast positions come with
    `forecast=true`: as members of their own, and in the picture as arrows.
    """
    view = MatrixView(query.view)
    accept = asked.headers.get(b"accept")
    if query.format is None:
        picture = accept is not None and preferred(accept, (*JSON, _SVG)) == _SVG
    else:
        picture = query.format == MatrixFormat.SVG
    if picture:
        drawn = await portfolio.draw_portfolio(ctx, view, query.limit, query.forecast)
        return tagged(drawn, _SVG, varies="Accept")
    return tagged(await portfolio.get_matrix(ctx, view, query.limit, query.forecast), JSON[0], varies="Accept")
