"""Jobs run step by step, each step a transaction: whatever happens between steps, each is done exactly once."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.framework.database.statements import Statement
from service.jobs.leases import LEASE, MOST_ATTEMPTS, claim, hold, write_step
from service.jobs.runner import Runner
from service.jobs.work import Step
from service.models.events.events import events
from service.operations.system import jobs
from service.platform.clock import SetClock
from service.platform.errors import Conflict
from service.records.context import Services, system_context
from service.records.system.jobs import enqueue
from tests.jobs.counting import Counting, emitted

ROOT = Path(__file__).parents[2]
_FINISHED = Statement(sa.select(events.c.body).where(events.c.type == "job.finished"))

pytestmark = pytest.mark.made_up_events  # the steps emit events of another shape


async def ask(services: Services, to: int = 10, **members: Any) -> Resource:
    """A job that counts, committed."""
    async with system_context(services).transaction(Permission.JOB_WRITE) as tx:
        return await enqueue(tx, "counting", {"to": to, **members}, to)


async def read(services: Services, job: Resource) -> dict[str, Any]:
    """The job as it is now."""
    return (await jobs.get_job(system_context(services), job.id)).data


async def finished(services: Services) -> list[dict[str, Any]]:
    """The events of jobs that ended."""
    async with services.database.reading(fresh=True) as reader:
        return [orjson.loads(body) for body in await reader.column(_FINISHED)]


async def test_a_job_runs_to_its_end_and_tells(services: Services) -> None:
    job = await ask(services)
    assert (job.data["state"], job.data["percent"], job.outcome) == ("queued", 0, "accepted")
    kind = Counting()
    assert await Runner(services, [kind]).run_due() == 1
    after = await read(services, job)
    assert kind.began == [1, 4, 7, 10]
    assert {name: after[name] for name in ("state", "done", "total", "percent", "result", "error")} == {
        "state": "succeeded", "done": 10, "total": 10, "percent": 100, "result": {"last": 10}, "error": None,
    }  # fmt: skip
    assert after["started_at"] and after["finished_at"]
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 11), 1)
    (event,) = await finished(services)
    assert event["data"]["job"] == after
    assert (event["cause"]["kind"], event["cause"]["job_id"]) == ("job", job.id)
    assert await Runner(services, [kind]).run_due() == 0


async def test_jobs_of_other_kinds_are_left_alone(services: Services) -> None:
    job = await ask(services)
    other = Counting()
    other.name = "other"
    assert await Runner(services, [other]).run_due() == 0
    assert await Runner(services, []).run_due() == 0
    assert (await read(services, job))["state"] == "queued"


async def test_a_step_that_fails_is_rolled_back_and_tried_again_later(services: Services, clock: SetClock) -> None:
    job = await ask(services)
    kind = Counting(fails={4: [RuntimeError("secret words"), RuntimeError("secret words")]})
    runner = Runner(services, [kind])
    await runner.run_due()
    now = await read(services, job)
    assert (now["state"], now["done"], now["percent"]) == ("queued", 3, 30)
    assert now["error"] == "The step failed unexpectedly (RuntimeError)"
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 4), 1)
    assert await runner.run_due() == 0  # not before its pause is over
    clock.advance(timedelta(seconds=1))
    assert await runner.run_due() == 1
    assert (await read(services, job))["attempts"] == 2
    clock.advance(timedelta(seconds=1))
    assert await runner.run_due() == 0  # the pause has doubled
    clock.advance(timedelta(seconds=1))
    assert await runner.run_due() == 1
    after = await read(services, job)
    assert (after["state"], after["error"]) == ("succeeded", None)
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 11), 1)


async def test_a_step_that_keeps_failing_ends_the_job(services: Services, clock: SetClock) -> None:
    job = await ask(services)
    runner = Runner(services, [Counting(fails={4: [OSError() for _ in range(9)]})])
    for _ in range(MOST_ATTEMPTS):
        assert await runner.run_due() == 1
        clock.advance(timedelta(minutes=2))
    assert await runner.run_due() == 0
    after = await read(services, job)
    assert (after["state"], after["attempts"], after["done"]) == ("failed", MOST_ATTEMPTS, 3)
    assert after["error"] == "The step failed unexpectedly (OSError)"
    assert [event["data"]["job"]["state"] for event in await finished(services)] == ["failed"]


async def test_a_step_that_is_refused_ends_the_job_at_once_and_says_why(services: Services) -> None:
    job = await ask(services)
    await Runner(services, [Counting(fails={4: [Conflict("There is nothing to count with")]})]).run_due()
    after = await read(services, job)
    assert (after["state"], after["error"], after["done"]) == ("failed", "There is nothing to count with", 3)


async def test_canceling_takes_effect_between_steps(services: Services) -> None:
    job = await ask(services, 100)
    kind = Counting()
    runner = Runner(services, [kind])
    claimed = await runner._claim()
    assert claimed is not None
    assert await runner._step(claimed)
    canceled = await jobs.cancel_job(system_context(services), job.id)
    assert canceled.outcome == "canceled"
    assert not await runner._step(claimed)
    after = await read(services, job)
    assert (after["state"], after["done"]) == ("canceled", 3)
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 4), 1)
    assert [event["data"]["job"]["state"] for event in await finished(services)] == ["canceled"]
    assert await runner.run_due() == 0


async def test_a_lapsed_lease_is_taken_over_and_the_old_worker_writes_nothing(
    services: Services, clock: SetClock
) -> None:
    job = await ask(services)
    slow, other = Runner(services, [Counting()]), Runner(services, [Counting()])
    claimed = await slow._claim()
    assert claimed is not None
    assert await slow._step(claimed)
    assert await other._claim() is None
    clock.advance(LEASE)
    taken = await other._claim()
    assert taken is not None
    assert taken.token != claimed.token
    assert not await slow._step(claimed)
    assert await other._step(taken)
    await other._work(taken)
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 11), 1)


async def test_workers_that_die_at_the_same_step_again_and_again_end_the_job(
    services: Services, clock: SetClock
) -> None:
    job = await ask(services)
    for _ in range(MOST_ATTEMPTS):
        async with services.database.transaction() as writer:
            assert await claim(writer, ["counting"], clock.now())
        clock.advance(LEASE)
    assert await Runner(services, [Counting()]).run_due() == 1
    assert (await read(services, job))["error"] == "The workers that ran this step ended, one after the other"


async def test_a_step_that_outlives_its_lease_is_not_taken_over(services: Services, clock: SetClock) -> None:
    """Its row is locked (PostgreSQL), or no other connection can write (SQLite)."""
    if services.database.kind == "sqlite":
        pytest.skip("there is one writer")
    await ask(services)
    async with services.database.transaction() as writer:
        claimed = await claim(writer, ["counting"], clock.now())
    assert claimed is not None
    async with services.database.transaction() as writer:
        row = await hold(writer, claimed)
        assert row is not None
        clock.advance(2 * LEASE)
        assert await Runner(services, [Counting()])._claim() is None
        await write_step(writer, row, claimed, Step(3, 3), clock.now())
    assert await Runner(services, [Counting()])._claim() is None


async def test_two_runners_share_the_jobs(services: Services) -> None:
    asked = [await ask(services, 20) for _ in range(4)]
    kinds = [
        Counting(0.05),
        Counting(0.05),
    ]  # two jobs take one of them a third of a second: the other begins meanwhile
    async with Runner(services, kinds[:1]).running(), Runner(services, kinds[1:]).running():
        async with asyncio.timeout(30):
            while len(await finished(services)) < 4:
                await asyncio.sleep(0.01)
    for job in asked:
        assert await emitted(services, job.id) == dict.fromkeys(range(1, 21), 1)
    assert all(kind.began for kind in kinds)


async def test_a_job_begins_when_its_transaction_is_committed(services: Services) -> None:
    kind = Counting()
    async with Runner(services, [kind], poll=60).running():
        await asyncio.sleep(0.05)  # it has looked, found nothing, and waits for its poll
        assert kind.began == []
        begun = asyncio.get_running_loop().time()
        job = await ask(services)
        async with asyncio.timeout(30):
            while not await finished(services):
                await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - begun < 30  # long before the poll
    assert (await read(services, job))["state"] == "succeeded"
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 11), 1)


async def test_a_runner_that_stops_gives_its_job_back(services: Services) -> None:
    job = await ask(services, 1000)
    kind = Counting(0.002)
    async with Runner(services, [kind]).running():
        async with asyncio.timeout(10):
            while len(kind.began) < 3:
                await asyncio.sleep(0.005)
    left = await read(services, job)
    assert left["state"] == "queued"
    assert 0 < left["done"] < 1000
    assert await Runner(services, [Counting()]).run_due() == 1
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 1001), 1)


async def test_killed_at_any_moment_it_does_everything_once(services: Services, database_url: str) -> None:
    job = await ask(services, 150)
    chance = random.Random(7)
    async with asyncio.timeout(120):
        while (await read(services, job))["state"] != "succeeded":
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.counting", database_url], cwd=ROOT, stdout=subprocess.PIPE
            )
            try:
                assert process.stdout is not None
                assert await asyncio.to_thread(process.stdout.readline) == b"running\n"
                before = (await read(services, job))["done"]
                while (now := await read(services, job))["done"] < before + 45 and now["state"] != "succeeded":
                    await asyncio.sleep(0.01)
                await asyncio.sleep(chance.random() / 50)
            finally:
                process.kill()
                process.wait()
    assert await emitted(services, job.id) == dict.fromkeys(range(1, 151), 1)
    assert len(await finished(services)) == 1
