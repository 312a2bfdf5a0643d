"""Mutations of candidate screening."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, body, document
from service.models.accounts.screenings import ScreeningRead
from service.operations.accounts import screenings
from service.operations.accounts.screenings import ScreeningCreate

INPUT = body(ScreeningCreate, "ScreenPortfolioInput")
MUTATIONS = (
    Call(
        "screenPortfolio",
        screenings.screen_portfolio,
        (INPUT,),
        (Gives("screening", ScreeningRead, document, "What was found"),),
    ),
)
