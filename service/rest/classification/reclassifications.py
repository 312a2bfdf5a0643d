"""Reclassifying the whole portfolio, and simulating it, over HTTP."""

from service.access.policy import Permission
from service.framework.web.answers import Answer, accepted, plain
from service.framework.web.router import Part
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.simulations import SimulationRead
from service.models.shapes import JobRead
from service.operations.classification import reclassifications, simulations
from service.queries.classification.simulations import SimulationCreate
from service.rest.dependencies import Caller

part = Part("portfolio", reads=Permission.PORTFOLIO_READ, writes=Permission.CLASSIFICATION_WRITE)


@part.post(
    "/portfolio/reclassifications",
    status_code=202,
    response_model=JobRead,
    summary="Reclassify the whole portfolio",
    answer_headers={"Location": "The job"},
)
async def reclassify_portfolio(ctx: Caller, data: ReclassificationCreate) -> Answer:
    """Starts a job that reclassifies every account by the active model. A cut in the middle of the portfolio's range is
    computed from the present range first. Accounts whose position differs are written and send account.quadrant_changed
    where the quadrant changed; then portfolio.reclassified is sent with the counts. `reason` is kept in each account's
    history.
    """
    return accepted(await reclassifications.reclassify_portfolio(ctx, data), "/v1/jobs/{id}")


@part.post(
    "/portfolio/simulations",
    response_model=SimulationRead,
    summary="Simulate another scoring model",
    permission=Permission.PORTFOLIO_READ,
)
async def simulate_portfolio(ctx: Caller, data: SimulationCreate) -> Answer:  # type: ignore[valid-type]
    """Computes which accounts would be in another box by another model (stored, written out, or the active one with
    changes of weights, cuts, limits or dead band) or with other scores, over all accounts or those that match a filter.
    Returns each box before and after, how many accounts move from where to where, the accounts that move (page on with
    `next_after`), and those nearest to a border. Writes nothing and sends no events.
    """
    return plain(await simulations.simulate_portfolio(ctx, data))
