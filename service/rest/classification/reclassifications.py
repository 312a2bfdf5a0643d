"""Classifying the whole portfolio anew, and trying to, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, accepted, plain
from service.framework.web.router import Part
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.simulations import SimulationRead
from service.models.shapes import JobRead
from service.operations.classification import reclassifications, simulations
from service.queries.classification.simulations import SimulationCreate
from service.rest.dependencies import Caller

part = Part("portfolio")


@part.post(
    "/portfolio/reclassifications",
    status_code=202,
    response_model=JobRead,
    summary="Classify the whole portfolio anew",
    answer_headers={"Location": "The job"},
)
async def reclassify_portfolio(ctx: Caller, data: Annotated[ReclassificationCreate, Body()]) -> Answer:
    """Has a job classify every account by the active model: after a change of the range that a cut lies in the middle
    of, which is read anew first, or to be sure. Accounts whose position differs are written and told of
    (account.quadrant_changed where the quadrant changed), then portfolio.reclassified with the counts. `reason` is kept
    in each account's history.
    """
    return accepted(await reclassifications.reclassify_portfolio(ctx, data), "/v1/jobs/{id}")


@part.post("/portfolio/simulations", response_model=SimulationRead, summary="Try another yardstick over the portfolio")
async def simulate_portfolio(ctx: Caller, data: Annotated[SimulationCreate, Body()]) -> Answer:  # type: ignore[valid-type]
    """A dry run: who would stand in another box by another model (stored, written out, or the active one with changes
    of weights, cuts, limits or dead band), or with other scores, over all accounts or those that a filter finds. Gives
    each box now and then, how many go from where to where, the accounts that move (page on with `next_after`), and
    those nearest to a border. Writes nothing and sends nothing.
    """
    return plain(await simulations.simulate_portfolio(ctx, data))
