"""Activate a scoring model, and reclassify the whole portfolio."""

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.scoring_models import ModelState
from service.queries.classification.scoring_models import SCORING_MODELS
from service.records.classification.reclassifications import AT_ONCE, RECLASSIFY_JOB, Order, all_at_once, count_accounts
from service.records.classification.scoring_models import MODEL_LOCK, active_model
from service.records.context import Context, Transaction, operation
from service.records.rows import Expected, lock, require
from service.records.system.jobs import enqueue

KIND = "scoring model"


@operation
async def activate_scoring_model(
    ctx: Context, identifier: str, data: ReclassificationCreate | None = None, expected: Expected = None
) -> Resource:
    """Make a scoring model the active one, retire the previous one, and reclassify every account.

    Up to 1,000 accounts all of it happens in one transaction. With more accounts the answer is a job, and the model
    becomes active when the job begins. While it runs, an account that is written is classified by the new model, and
    one that the job has not reached keeps its position. A cut in the middle of the portfolio's range is computed from
    the present range first. Activating the active model changes nothing. Raises NotFound, StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        await tx.serialize([MODEL_LOCK])
        before = await lock(tx, SCORING_MODELS, identifier, expected, KIND)
        if before.data["state"] == ModelState.ACTIVE:
            return tx.answer(before, "unchanged")
        order = Order(identifier, True, None if data is None else data.reason)
        if await count_accounts(tx, AT_ONCE + 1) > AT_ONCE:
            return tx.answer(await _enqueue(tx, order), "accepted")
        await all_at_once(tx, order)
        return tx.answer(await require(tx.reader, SCORING_MODELS, identifier, KIND), "activated")


@operation
async def reclassify_portfolio(ctx: Context, data: ReclassificationCreate) -> Resource:
    """Start a job that reclassifies every account by the active model. A cut in the middle of the portfolio's range is
    computed from the present range first. If the cut stays the same, the dead band keeps accounts in their quadrants,
    and an account whose position is up to date is not written.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        model = await active_model(tx.reader)
        return tx.answer(await _enqueue(tx, Order(model.id, False, data.reason)), "accepted")


async def _enqueue(tx: Transaction, order: Order) -> Resource:
    params = {"model_id": order.model_id, "activate": order.activate, "reason": order.reason}
    return await enqueue(tx, RECLASSIFY_JOB, params, await count_accounts(tx))
