"""A kind of job that emits an event for every number up to `to`, and a program that runs it until it is killed:
`python -m tests.jobs.counting URL`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from datetime import timedelta

import orjson
import sqlalchemy as sa

from service.events.accounts import PERSON
from service.framework.database.database import opened
from service.framework.database.statements import Statement
from service.jobs.runner import Runner
from service.jobs.work import Job, Step
from service.models.events.events import events
from service.platform.clock import Clock
from service.platform.ids import new_id
from service.platform.settings import Settings
from service.records.context import Context, Services, Transaction
from service.records.services import make_services

_BODIES = Statement(sa.select(events.c.body).where(events.c.type == "person.created"))
BATCH = 3


class Counting:
    """Emits numbers. `fails` holds the errors to raise at a step, one at each of its attempts."""

    name = "counting"

    def __init__(self, pause: float = 0, fails: dict[int, list[Exception]] | None = None) -> None:
        self.pause, self.fails = pause, fails or {}
        self.began: list[int] = []

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        first = (job.cursor or 0) + 1
        self.began.append(first)
        last = min(first + BATCH - 1, job.params["to"])
        for number in range(first, last + 1):
            tx.emit(PERSON.created.of({"id": new_id(), "version": 1, "number": number, "job": job.id}))
        await tx.flush()
        await asyncio.sleep(self.pause)
        if self.fails.get(first):
            raise self.fails[first].pop(0)
        return Step(last - first + 1, last, last == job.params["to"], {"last": last})


async def emitted(services: Services, job: str) -> Counter[int]:
    """How often each number was emitted."""
    async with services.database.reading(fresh=True) as reader:
        bodies = [orjson.loads(body)["data"]["person"] for body in await reader.column(_BODIES)]
    return Counter(person["number"] for person in bodies if person["job"] == job)


async def main(url: str) -> None:
    """Run until killed, with short leases and steps that take a moment."""
    services = make_services(
        Settings(_env_file=None, database_url=url, secret_key="a key of 32 characters for tests"), Clock()
    )
    runner = Runner(services, [Counting(0.005)], poll=0.05, lease=timedelta(seconds=0.3))
    async with opened(services.database), runner.running():
        print("running", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
