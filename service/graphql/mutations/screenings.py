"""Mutations of candidate screening."""

from __future__ import annotations

from service.graphql.calls import Call, Gives, body, document
from service.models.screenings import ScreeningRead
from service.operations import screenings
from service.operations.screenings import ScreeningCreate

INPUT = body(ScreeningCreate, "ScreenPortfolioInput")
MUTATIONS = (
    Call(
        "screenPortfolio",
        screenings.screen_portfolio,
        (INPUT,),
        (Gives("screening", "Screening", document, "What was found", model=ScreeningRead),),
    ),
)
