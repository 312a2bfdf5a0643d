"""The loop behind the requests: it numbers events, delivers them, runs jobs and sweeps. `kam serve` runs it by default;
`kam worker` runs it alone, to scale.

Any number of workers may run on PostgreSQL. A commit in this process wakes the loop at once, a commit of another
process through the database (NOTIFY, or a change of the WAL file). The poll finds everything that was not announced.
Commits in quick succession share one run of the sequencer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from service.delivery.claim.backlog import GAUGES, backlog
from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.destinations.webhook import WebhookDestination
from service.delivery.dispatcher import Dispatcher, Pace
from service.delivery.send.handshake import Handshakes
from service.events.feed.queue import CANCEL_ORPHANS, STUCK, UNSTICK
from service.events.feed.retention import forget_old
from service.events.feed.sequencer import sequence
from service.framework.outbound.egress import Egress
from service.framework.outbound.httpx_transport import outbound_client
from service.jobs.kinds import KINDS
from service.jobs.runner import Runner
from service.operations.classification.quadrant_choices import expire_overrides
from service.operations.webhooks.endpoints import address_policy, turn_off_endpoints_without_owner
from service.platform.telemetry import Metrics
from service.records.context import FORGET_OLD, IDEMPOTENCY_HOURS, Services, system_context
from service.records.webhooks.endpoints import origin_of

SWEEP_SECONDS = 60.0
MEASURE_SECONDS = 15.0
SHARED_SECONDS = 0.02
"""Seconds between two runs of the sequencer at least, and the longest that it makes a delivery wait."""

log = logging.getLogger(__name__)


class Worker:
    """Numbers and delivers events, runs jobs and sweeps until it is stopped."""

    def __init__(self, services: Services, metrics: Metrics | None = None) -> None:
        settings = services.settings
        self._services = services
        self._metrics = metrics or Metrics()
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        timeout = settings.webhook_timeout_seconds
        policy = address_policy(settings)
        self._egress = Egress(policy, deadline=timeout)
        self._http = outbound_client(policy, deadline=timeout)
        destination = WebhookDestination(
            self._egress,
            self._http,
            services.secrets.open,
            services.clock.now,
            public_url=settings.public_url,
            deadline=timeout,
        )
        self.handshakes = Handshakes(
            services.database, self._http, services.clock, services.secrets.open, origin_of(settings.public_url)
        )
        pace = Pace(
            concurrency=settings.delivery_concurrency,
            poll=settings.delivery_poll_seconds,
            lease=2 * timeout,
            deadline=timeout,
        )
        self.dispatcher = Dispatcher(services.database, destination, services.clock, pace, observe=self._observe)
        self.runner = Runner(services, KINDS, poll=settings.delivery_poll_seconds)
        self._waiting: dict[str, float] = {}
        self._describe()

    def _describe(self) -> None:
        self._metrics.describe("kam_delivery_attempts_total", "Webhook calls by outcome")
        self._metrics.describe("kam_deliveries_finished_total", "Deliveries that arrived (succeeded) or were given up")
        self._metrics.describe("kam_events_sequenced_total", "Events that got their place in the feed")
        for name, text in GAUGES.items():
            self._waiting[name] = 0.0
            self._metrics.gauge(name, f"{text}; measured every 15 s", partial(self._waiting.__getitem__, name))

    def wake(self) -> None:
        """Look for new events now."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Run in the background for the length of a block, then drain."""
        self._services.database.on_commit(self.wake)
        tasks = [
            asyncio.create_task(self._sequence_forever()),
            asyncio.create_task(self._sweep_forever()),
            asyncio.create_task(self._services.database.hear(self.wake)),
            asyncio.create_task(self._repeat(self.handshakes.once, "receivers could not be asked for their consent")),
            asyncio.create_task(self._repeat(self._expire, "overrides whose time is over could not be ended")),
        ]
        try:
            async with self.dispatcher.running(), self.runner.running():
                yield self
        finally:
            self._stopping.set()
            self._woken.set()
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._egress.close()
            await self._http.aclose()

    async def _sequence_forever(self) -> None:
        poll = self._services.settings.delivery_poll_seconds
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                numbered = await sequence(self._services.database, self._services.clock, self.dispatcher.wake)
            except Exception:  # the database is away: the next poll finds the events
                log.warning("events could not be sequenced", exc_info=True)
                numbered = 0
                await asyncio.sleep(poll)
            if numbered:
                self._metrics.count("kam_events_sequenced_total", numbered)
            self.dispatcher.wake()  # a reader of the feed may have numbered them, or a delivery was retried by hand
            await asyncio.sleep(SHARED_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), poll)

    async def _repeat(self, work: Callable[[], Awaitable[object]], failure: str) -> None:
        """Do one kind of work at every poll, in its own task, so that no kind waits for another."""
        poll = self._services.settings.delivery_poll_seconds
        while not self._stopping.is_set():
            try:
                await work()
            except Exception:  # the database is away: the next poll finds the work
                log.warning(failure, exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), poll)

    async def _expire(self) -> None:
        await expire_overrides(self._services)

    async def _sweep_forever(self) -> None:
        swept = 0.0
        while not self._stopping.is_set():
            try:
                await self.measure()
                if swept >= SWEEP_SECONDS:
                    swept = 0.0
                    await self.sweep()
            except Exception:  # the next sweep does what this one could not
                log.warning("sweep failed", exc_info=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), MEASURE_SECONDS)
            swept += MEASURE_SECONDS

    async def measure(self) -> None:
        """Read the gauges of the queue of deliveries."""
        now = self._services.clock.now()
        async with self._services.database.reading(fresh=True) as reader:
            self._waiting.update(await backlog(reader, now))

    async def sweep(self) -> None:
        """Write when keys were last used, delete answers of old Idempotency-Keys and old events, and release deliveries
        that wait behind none.
        """
        await self._services.authenticator.write_last_use()
        await turn_off_endpoints_without_owner(system_context(self._services))
        now = self._services.clock.now()
        async with self._services.database.reading(fresh=True) as reader:
            stuck = await reader.column(STUCK)
        async with self._services.database.transaction() as writer:
            await writer.execute(FORGET_OLD, before=now - timedelta(hours=IDEMPOTENCY_HOURS))
            await writer.execute(CANCEL_ORPHANS, now=now)
            if stuck:
                log.warning("deliveries waited behind none", extra={"fields": {"deliveries": len(stuck)}})
                await writer.execute(UNSTICK, ids=stuck)
        removed = await forget_old(self._services.database, now, self._services.settings.event_retention_days)
        if removed:
            log.info("old events were removed", extra={"fields": {"events": removed}})

    def _observe(self, _delivery: Delivery, outcome: Outcome, state: str) -> None:
        self._metrics.count("kam_delivery_attempts_total", outcome=outcome.kind)
        if state in ("succeeded", "dead"):
            self._metrics.count("kam_deliveries_finished_total", state=state)
