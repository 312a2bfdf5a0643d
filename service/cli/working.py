"""Deliver webhooks and run jobs without the API (`kam worker`). Any number of workers may run."""

import asyncio
import signal

from service.cli.console import note, read_settings, shown_database
from service.cli.session import session, wait_for_database
from service.platform.long_running import keep_what_lives, run
from service.platform.settings import Settings
from service.platform.telemetry import configure_logging
from service.worker import Worker


def worker() -> None:
    """Deliver webhooks and run jobs until the process is stopped."""
    settings = read_settings()
    configure_logging(settings.log_level)
    run(_work(settings))


async def _work(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await wait_for_database(settings)
    async with session(settings) as services, Worker(services).running():
        keep_what_lives()
        note(f"worker on {shown_database(settings)}")
        await stopping.wait()
