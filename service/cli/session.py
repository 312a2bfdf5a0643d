"""Open the database for a command, ready for its operations."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from service.cli.console import note, read_settings, shown_database
from service.framework.database.database import opened
from service.framework.database.migrate import ensure_migrated
from service.framework.database.postgresql import AWAY
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.settings import Settings
from service.records.context import Context, Services, system_context
from service.records.services import make_services

ASK_AGAIN_SECONDS = 0.5
Answer = TypeVar("Answer")


def run(work: Callable[[Context], Awaitable[Answer]], kind: str = "system") -> Answer:
    """Run a command's work over the settings' database, with every permission, and return its result. `kind` is the
    cause in its events.
    """

    async def opened_and_done() -> Answer:
        async with session(read_settings()) as services:
            return await work(system_context(services, kind))

    return asyncio.run(opened_and_done())


async def wait_for_database(settings: Settings) -> None:
    """Wait until PostgreSQL accepts connections, at most as long as the setting says.

    For long-running processes, which may start together with PostgreSQL or while it restarts. After the time the first
    statement raises the error.
    """
    ends, announced = time.monotonic() + settings.database_wait_seconds, False
    while not settings.embedded and time.monotonic() < ends:
        try:
            await (await asyncpg.connect(settings.postgres_url, timeout=10)).close()
            return
        except AWAY as error:
            if not announced:
                note(f"waiting for the database, {settings.database_wait_seconds:g} s at most: {error}")
            announced = True
            await asyncio.sleep(ASK_AGAIN_SECONDS)


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Services]:
    """Open the services over the settings' database, migrated and with an active scoring model, for the length of a
    block.
    """
    services = make_services(settings)
    if await ensure_migrated(settings.database_url):
        note(f"migrated {shown_database(settings)}")
    async with opened(services.database):
        await ensure_default_model(services)
        yield services
