"""A command's way to the operations: settings in, an open database out, ready for use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.cli.console import note, shown_database
from service.operations.context import Services
from service.operations.scoring_models import ensure_default_model
from service.operations.services import make_services
from service.platform.database import opened
from service.platform.migrate import ensure_migrated
from service.platform.settings import Settings


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Services]:
    """The services over the settings' database, migrated and with an active scoring model, for the length of a
    block.
    """
    services = make_services(settings)
    if await ensure_migrated(settings.database_url):
        note(f"migrated {shown_database(settings)}")
    async with opened(services.database):
        await ensure_default_model(services)
        yield services
