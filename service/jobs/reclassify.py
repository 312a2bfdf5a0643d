"""The job that reclassifies the whole portfolio: a step is a batch of accounts."""

from __future__ import annotations

from service.jobs.work import Job, Step
from service.records.classification.reclassifications import RECLASSIFY_JOB, Order, Progress, advance
from service.records.context import Context, Transaction


class Reclassify:
    """Reclassifies the portfolio by one order, in as many transactions as it takes."""

    name = RECLASSIFY_JOB

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Reclassify the next batch; the job's cursor holds the counts."""
        order = Order(job.params["model_id"], job.params["activate"], job.params["reason"])
        progress = Progress(**job.cursor) if job.cursor else Progress()
        number, result = await advance(tx, order, progress)
        return Step(number, progress.state(), result is not None, result)
