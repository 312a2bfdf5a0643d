"""A reclassification killed with SIGKILL and resumed: every event once, none missing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx

from service.operations.classification import reclassifications
from service.records.context import Services
from tests.api.classification.test_reclassifications import SWAPPED, active, default_model, model, scored, told

ROOT = Path(__file__).parents[2]
ACCOUNTS = 40
__all__ = ["default_model"]


async def test_killed_at_any_moment_it_tells_of_every_account_once(
    client: httpx.AsyncClient, services: Services, database_url: str
) -> None:
    await active(client)
    paths = [await scored(client, 8, 2) for _ in range(ACCOUNTS)]
    second = await model(client, factors=SWAPPED)
    reclassifications.AT_ONCE, usual = -1, reclassifications.AT_ONCE
    try:
        answer = await client.post(f"/v1/scoring-models/{second['id']}/activate")
    finally:
        reclassifications.AT_ONCE = usual
    before, deaths = len(await told(services)), 0
    async with asyncio.timeout(100):
        while (job := (await client.get(answer.headers["location"])).json())["state"] != "succeeded":
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.reclassifying", database_url], cwd=ROOT, stdout=subprocess.PIPE
            )
            try:
                assert process.stdout is not None
                assert await asyncio.to_thread(process.stdout.readline) == b"running\n"
                done = job["done"]
                while job["done"] < done + 12 and job["state"] != "succeeded":
                    await asyncio.sleep(0.01)
                    job = (await client.get(answer.headers["location"])).json()
            finally:
                process.kill()
                process.wait()
            deaths += 1
    assert deaths > 1
    new = (await told(services))[before:]
    moved = Counter(data["account"]["id"] for kind, data in new if kind == "account.quadrant_changed")
    assert moved == Counter(path.rsplit("/", 1)[1] for path in paths)
    assert Counter(kind for kind, _ in new) == {
        "account.quadrant_changed": ACCOUNTS,
        "scoring_model.activated": 1,
        "portfolio.reclassified": 1,
        "job.finished": 1,
    }
    assert (job["result"]["moved"], job["done"]) == (ACCOUNTS, ACCOUNTS)
