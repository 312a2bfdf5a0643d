"""A process that reclassifies the portfolio, two accounts per step, until it is killed:
`python -m tests.jobs.reclassifying URL`.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from service.framework.database.database import opened
from service.jobs.reclassify import Reclassify
from service.jobs.runner import Runner
from service.platform.clock import Clock
from service.platform.settings import Settings
from service.records.classification import reclassifications as reclassification_records
from service.records.services import make_services


async def main(url: str) -> None:
    """Run until killed, with short leases and small batches."""
    reclassification_records.BATCH.update(postgresql=2, sqlite=2)
    services = make_services(
        Settings(_env_file=None, database_url=url, secret_key="a key of 32 characters for tests"), Clock()
    )
    runner = Runner(services, [Reclassify()], poll=0.05, lease=timedelta(seconds=0.3))
    async with opened(services.database), runner.running():
        print("running", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
