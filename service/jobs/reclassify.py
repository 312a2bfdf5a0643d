"""The job that classifies the whole portfolio anew: a step is a batch of accounts."""

from __future__ import annotations

from service.jobs.work import Job, Step
from service.records.classification.reclassifications import RECLASSIFY_JOB, Order, Progress, advance
from service.records.context import Context, Transaction


class Reclassify:
    """Carries out one order to classify the portfolio, in as many transactions as it takes."""

    name = RECLASSIFY_JOB

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Do the next batch; the job's cursor holds the counts."""
        order = Order(job.params["model_id"], job.params["activate"], job.params["reason"])
        progress = Progress(**job.cursor) if job.cursor else Progress()
        number, result = await advance(tx, order, progress)
        return Step(number, progress.state(), result is not None, result)
