"""The portfolio over HTTP: the matrix, and the accounts that moved between two instants."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from service.access.policy import Permission
from service.framework.web.answers import Answer, plain, tagged
from service.framework.web.binding import JSON
from service.framework.web.intake import preferred
from service.framework.web.router import Inquiry, Part
from service.models.classification.movements import MovementChanges, MovementPage
from service.models.classification.portfolio import MatrixFormat, MatrixQuery, MatrixRead, MatrixView
from service.operations.classification import movements, portfolio
from service.platform.moments import Moment
from service.queries.classification.movements import MOVEMENTS
from service.rest.dependencies import Caller, list_query, page_request

part = Part("portfolio", reads=Permission.PORTFOLIO_READ, writes=Permission.PORTFOLIO_READ)


_SVG = "image/svg+xml"


@part.get(
    "/portfolio/matrix",
    response_model=MatrixRead,
    summary="Show all accounts by box",
    produces=(*JSON, _SVG),
    answer_headers={"ETag": "Of the content: the same portfolio has the same tag"},
)
async def read_matrix(ctx: Caller, query: Annotated[MatrixQuery, Query()], info: Inquiry) -> Answer:
    """Shows the four boxes (strategic, star, status, streamline), Fiocca's nine cells, McDonald's ten boxes
    (relationship stage by attractiveness) or the general portfolio (strategic importance by difficulty). Each box has
    the number of its accounts and the largest of them by revenue. Accounts with incomplete scores are counted as
    unclassified. As a picture (`format=svg`, or Accept: image/svg+xml) strength is high on the left and attractiveness
    high at the top, bubbles are sized by revenue, and the lines are drawn with their values and borders.
    `forecast=true` adds forecast positions: as members, and in the picture as arrows. With `as_of` it shows the
    portfolio as of then.
    """
    view = MatrixView(query.view)
    accept = info.headers.get(b"accept")
    if query.format is None:
        picture = accept is not None and preferred(accept, (*JSON, _SVG)) == _SVG
    else:
        picture = query.format == MatrixFormat.SVG
    if picture:
        drawn = await portfolio.draw_portfolio(ctx, view, query.limit, query.forecast, query.as_of)
        return tagged(drawn, _SVG, varies="Accept")
    matrix = await portfolio.get_matrix(ctx, view, query.limit, query.forecast, query.as_of)
    return tagged(matrix, JSON[0], varies="Accept")


MovementQuery = list_query(
    "MovementQuery",
    MOVEMENTS[MovementChanges.ALL],
    without=("count",),
    more={
        "from_": (Moment, Field(alias="from", description="The earlier instant, or a day (its last moment)")),
        "to": (
            Moment | None,
            Field(default=None, description="The later instant or day; now when left out"),
        ),
        "changes": (
            MovementChanges,
            Field(default=MovementChanges.QUADRANT, description="Which accounts are listed: quadrant, stage, any, all"),
        ),
    },
)


@part.get(
    "/portfolio/movements", response_model=MovementPage, summary="Show the accounts that moved between two instants"
)
async def read_movements(ctx: Caller, query: Annotated[MovementQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Shows the accounts that are in another quadrant (or stage) than before: the position at both instants, the
    entries of the histories in between with their causes and model versions, and the inputs that changed. The first
    page also has a summary of all accounts: the migration table, how many entered and left, and the changes of quadrant
    by cause.
    """
    shown = await movements.list_movements(
        ctx,
        page_request(query, MOVEMENTS[MovementChanges.ALL]),
        MovementChanges(query.changes),  # type: ignore[attr-defined]
        query.from_,  # type: ignore[attr-defined]
        query.to,  # type: ignore[attr-defined]
    )
    return plain(shown)
