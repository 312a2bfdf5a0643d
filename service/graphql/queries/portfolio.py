"""Queries of the whole portfolio: the matrix as numbers and as a picture, movements, simulations."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import orjson

from service.framework.database.filters import Condition, read_filter
from service.framework.database.listing import PageRequest, read_sort
from service.framework.graph.calls import Call, Takes, body, filter_tree, itself, read_moment, scalar, shows
from service.models.accounts.screenings import ScreeningRead
from service.models.classification.movements import MovementChanges, MovementPage
from service.models.classification.portfolio import MatrixRead, MatrixView
from service.models.classification.simulations import SimulationRead
from service.operations.accounts import screenings
from service.operations.accounts.screenings import ScreeningCreate
from service.operations.classification import movements, portfolio, simulations
from service.platform.moments import Moment
from service.platform.types import Flag, Limit, Search
from service.queries.classification.movements import MOVEMENT_FILTERS, MOVEMENTS, MovementFilter
from service.queries.classification.simulations import SimulationCreate
from service.records.context import Context


async def read_matrix(ctx: Context, view: MatrixView, limit: int, forecast: bool, as_of: date | datetime | None) -> Any:
    """All accounts by box: the four boxes, Fiocca's nine cells, the ten boxes or the general portfolio, with how many
    accounts stand in each and the largest of them by revenue; with `forecast` also where each is expected to stand,
    with `asOf` the portfolio of then.
    """
    return orjson.loads(await portfolio.get_matrix(ctx, view, limit, forecast, as_of))


async def draw_matrix(ctx: Context, view: MatrixView, limit: int, forecast: bool, as_of: date | datetime | None) -> str:
    """The matrix as a picture, as the text of an SVG document: strength high on the left, attractiveness high on top,
    bubbles by revenue, forecasts as arrows.
    """
    return (await portfolio.draw_portfolio(ctx, view, limit, forecast, as_of)).decode()


async def read_movements(
    ctx: Context,
    start: date | datetime,
    end: date | datetime | None,
    changes: MovementChanges,
    condition: Condition,
    sort: str | None,
    first: int,
    after: str | None,
) -> Any:
    """What moved between two instants: where each account stood at both, the entries of its histories in between with
    their causes, the inputs that moved; on the first page also the migration table.
    """
    order = read_sort(sort, MOVEMENTS[changes])
    request = PageRequest(limit=first, after=after, sort=order, condition=condition)
    return orjson.loads(await movements.list_movements(ctx, request, changes, start, end))


def _condition(value: Any, declared: Any) -> Condition:
    if value is None:
        return Condition()
    return read_filter(filter_tree(value, declared, MovementFilter), MOVEMENT_FILTERS)


MATRIX = (
    scalar(MatrixView, MatrixView | None, "view", "four_box unless said otherwise", MatrixView.FOUR_BOX),
    scalar(Limit, int | None, "limit", "Accounts listed per box, 200 unless said otherwise; at most 200", 200),
    scalar(Flag, bool | None, "forecast", "Also where each account is expected to stand", False),
    scalar(Moment, str | None, "asOf", "The matrix of then: an instant, or a day (its last moment); not ahead"),
)
MOVED = (
    Takes("from", str, "The first instant, or a day (its last moment)", lambda value, _: read_moment("from", value)),
    scalar(Moment, str | None, "to", "The second one; now when left out"),
    scalar(
        MovementChanges,
        MovementChanges | None,
        "changes",
        "Which accounts are listed; those in another quadrant unless said otherwise",
        MovementChanges.QUADRANT,
    ),
    Takes("filter", "MovementFilter", "Only accounts that fulfil this", _condition, MovementFilter, optional=True),
    scalar(Search, str | None, "sort", "name or revenue, comma-separated; a leading - reverses; -revenue if absent"),
    scalar(Limit, int | None, "first", "How many, 50 unless said otherwise; at most 200", 50),
    scalar(Search, str | None, "after", "Only what comes after this cursor"),
)


QUERIES = (
    Call("portfolioMatrix", read_matrix, MATRIX, shows(MatrixRead, itself)),
    Call("portfolioMatrixSvg", draw_matrix, MATRIX, shows(str, itself)),
    Call(
        "portfolioScreening",
        screenings.preview_screening,
        (body(ScreeningCreate, "ScreenPortfolioInput"),),
        shows(ScreeningRead),
    ),
    Call("portfolioMovements", read_movements, MOVED, shows(MovementPage, itself)),
    Call(
        "portfolioSimulation",
        simulations.simulate_portfolio,
        (body(SimulationCreate, "PortfolioSimulationInput"),),
        shows(SimulationRead, itself),
    ),
)
