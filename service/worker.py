"""The loop behind the requests: number and fan out events, deliver them, sweep. In `kam serve` by default, alone to
scale.

Any number of workers may run on PostgreSQL. A commit in this process wakes the loop at once; the poll finds what
others committed, and is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from urllib.parse import urlsplit

from service.delivery.destinations.webhook import WebhookDestination
from service.delivery.dispatcher import Dispatcher, Pace
from service.delivery.egress import Egress
from service.delivery.signing import Signer
from service.events.sequencer import sequence
from service.operations.context import FORGET_OLD, IDEMPOTENCY_HOURS, Services
from service.platform.addresses import AddressPolicy
from service.platform.telemetry import Metrics

SWEEP_SECONDS = 60.0

log = logging.getLogger(__name__)


class Worker:
    """Sequences, delivers and sweeps until it is stopped."""

    def __init__(self, services: Services, metrics: Metrics | None = None) -> None:
        settings = services.settings
        self._services = services
        self._metrics = metrics or Metrics()
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        own = {urlsplit(settings.public_url).hostname or ""} - {""} if settings.public_url else set()
        self._egress = Egress(AddressPolicy.of(settings.webhook_allowed_networks, own))
        destination = WebhookDestination(self._egress, Signer(services.secrets.open), services.clock.now)
        pace = Pace(concurrency=settings.delivery_concurrency, poll=settings.delivery_poll_seconds)
        self.dispatcher = Dispatcher(services.database, destination, services.clock, pace, observe=self._observe)
        self._metrics.describe("kam_delivery_attempts_total", "Webhook calls by outcome")
        self._metrics.describe("kam_events_sequenced_total", "Events that got their place in the feed")

    def wake(self) -> None:
        """Something was committed: look for events now."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Run in the background for the length of a block, then drain."""
        self._services.database.on_commit(self.wake)
        tasks = [asyncio.create_task(self._sequence_forever()), asyncio.create_task(self._sweep_forever())]
        try:
            async with self.dispatcher.running():
                yield self
        finally:
            self._stopping.set()
            self._woken.set()
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._egress.close()

    async def _sequence_forever(self) -> None:
        poll = self._services.settings.delivery_poll_seconds
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                numbered = await sequence(self._services.database, self._services.clock)
            except Exception:  # the database is away: everything waits in it and is found at the next poll
                log.warning("events could not be sequenced", exc_info=True)
                numbered = 0
                await asyncio.sleep(poll)
            if numbered:
                self._metrics.count("kam_events_sequenced_total", numbered)
                self.dispatcher.wake()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), poll)

    async def _sweep_forever(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), SWEEP_SECONDS)
            try:
                await self.sweep()
            except Exception:  # a sweep that failed is made up for by the next one
                log.warning("sweep failed", exc_info=True)

    async def sweep(self) -> None:
        """Write when keys were last used, and forget the answers of old Idempotency-Keys."""
        await self._services.authenticator.write_last_use()
        before = self._services.clock.now() - timedelta(hours=IDEMPOTENCY_HOURS)
        async with self._services.database.transaction() as writer:
            await writer.execute(FORGET_OLD, before=before)

    def _observe(self, _delivery: object, outcome: object, _state: object) -> None:
        self._metrics.count("kam_delivery_attempts_total", outcome=str(getattr(outcome, "outcome", outcome)))
