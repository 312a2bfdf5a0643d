"""The loop that sends: claim (transaction), call (network), settle (transaction), as many calls at once as the
limits allow.

Three things run beside each other: the claimer, which leases work when woken or at the poll; a task per call; the
settler, which writes the results that have gathered in one batch. No transaction is open during a call. Any number of
these may run, in one process or in many: the database decides who sends what. A wake-up is a hint that saves waiting;
the poll is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import SystemRandom

from service.delivery.claim import LEASE, Appetite, Lease, any_due, claim, give_back, reclaim
from service.delivery.destinations.base import Delivery, Destination, Outcome
from service.delivery.egress import DEADLINE
from service.delivery.settlement import judge, settle
from service.platform.clock import Clock
from service.platform.database import Database

log = logging.getLogger(__name__)

Observer = Callable[[Delivery, Outcome, str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of one dispatcher; durations in seconds."""

    concurrency: int = 64
    """Calls in flight at once."""
    per_endpoint: int = 4
    """Calls in flight at once to one endpoint."""
    ahead: int = 32
    """Deliveries that an endpoint which answers well may have leased here; any other has `per_endpoint`."""
    poll: float = 1.0
    lease: float = LEASE.total_seconds()
    deadline: float = DEADLINE
    """The longest call; one that cannot end within the lease is not begun."""
    drain: float = 10.0
    """How long a stop waits for calls in flight."""
    quick: float = 1.0
    """An endpoint answers well when its last answer was 2xx and took less than this."""


@dataclass(slots=True)
class _Lane:
    """What this dispatcher holds of one endpoint."""

    slots: asyncio.Semaphore
    leased: int = 0
    quick: bool = False


@dataclass(slots=True)
class _Results:
    """Results that wait to be written, and leases that wait to be given back."""

    done: list[tuple[Lease, Outcome]] = field(default_factory=list)
    unsent: list[Lease] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.done or self.unsent)


class Dispatcher:
    """Sends due deliveries until it is stopped.

    `observe` hears of every settled attempt (the delivery, its outcome, its new state), for metrics; it must not raise.
    """

    def __init__(
        self,
        database: Database,
        destination: Destination,
        clock: Clock,
        pace: Pace | None = None,
        *,
        observe: Observer | None = None,
        random: Callable[[], float] = SystemRandom().random,
    ) -> None:
        self._database = database
        self._destination = destination
        self._clock = clock
        self._pace = pace or Pace()
        self._observe = observe
        self._random = random
        self._woken = asyncio.Event()
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(self._pace.concurrency)
        self._lanes: dict[str, _Lane] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._results = _Results()
        self._writing = asyncio.Lock()
        self._leased = 0

    def wake(self) -> None:
        """Look for work now instead of at the next poll. Cheap, and harmless when there is none; from the loop's own
        thread.
        """
        self._woken.set()

    def stop(self) -> None:
        """Claim nothing more, let the calls in flight end (up to `drain` seconds), then let `run` return."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop`. A database that fails is waited for; whatever is raised here is a fault of the program."""
        settler = asyncio.create_task(self._settle_forever())
        try:
            failures = 0
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    claimed = await self._claim()
                    failures = 0
                except Exception:  # the database is away: everything else is caught where it happens
                    failures += 1
                    claimed = False
                    log.warning("deliveries could not be claimed", exc_info=True, extra={"failures": failures})
                if not claimed:
                    wait = min(self._pace.poll * 2 ** min(failures, 5), max(30.0, self._pace.poll))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), wait)
                        if failures:
                            await asyncio.sleep(min(wait, 1.0))
            await self._drain()
        finally:
            for call in self._calls:
                call.cancel()
            settler.cancel()
            with suppress(asyncio.CancelledError):
                await settler

    async def once(self) -> int:
        """Send what is due now, once round, and settle it: how many calls were made. For tests and for one-shot
        commands.
        """
        before = self._leased
        await self._claim()
        claimed = self._leased - before
        while self._calls:
            await asyncio.wait(self._calls)
        await self._settle()
        return claimed

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Dispatcher]:
        """Run in the background for the length of a block, then drain."""
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            self.stop()
            await task

    # claiming

    async def _claim(self) -> bool:
        """Lease what there is room for and begin the calls; whether there may be more."""
        appetite = self._appetite()
        if appetite is None:
            return False
        kind, now = self._database.kind, self._clock.now()
        async with self._database.reading(fresh=True) as reader:
            if not await any_due(reader, kind, now, appetite):
                return False
        async with self._database.transaction() as tx:
            lapsed = await reclaim(tx, now)
            leases = await claim(tx, kind, now, appetite, timedelta(seconds=self._pace.lease))
        if lapsed:
            log.warning("deliveries were taken over from a worker that is gone", extra={"deliveries": lapsed})
        for batch in self._batches(leases):
            call = asyncio.create_task(self._call(batch))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return bool(leases)

    def _appetite(self) -> Appetite | None:
        room = 4 * self._pace.concurrency - self._leased
        if room <= 0:
            return None
        limits = {id_: self._pace.ahead if lane.quick else self._pace.per_endpoint for id_, lane in self._lanes.items()}
        return Appetite(
            batch=min(room, 200),
            wide=self._pace.ahead,
            narrow=self._pace.per_endpoint,
            quick=[id_ for id_, lane in self._lanes.items() if lane.quick],
            full=[id_ for id_, lane in self._lanes.items() if lane.leased > limits[id_] // 2],
        )

    def _batches(self, leases: Sequence[Lease]) -> list[list[Lease]]:
        """Leases by endpoint, in calls of the destination's size; counts them in."""
        by_endpoint: dict[str, list[Lease]] = {}
        for lease in leases:
            by_endpoint.setdefault(lease.delivery.endpoint_id, []).append(lease)
        size = self._destination.batch_size
        batches = []
        for endpoint_id, mine in by_endpoint.items():
            lane = self._lanes.get(endpoint_id)
            if lane is None:
                lane = self._lanes[endpoint_id] = _Lane(asyncio.Semaphore(self._pace.per_endpoint))
            lane.leased += len(mine)
            self._leased += len(mine)
            batches += [mine[at : at + size] for at in range(0, len(mine), size)]
        return batches

    # calling

    async def _call(self, batch: list[Lease]) -> None:
        """One call, when its turn comes; a call that could outlive its lease is not begun."""
        begun = False
        outcomes: Sequence[Outcome] = ()
        try:
            async with self._lanes[batch[0].delivery.endpoint_id].slots, self._slots:
                late = self._clock.now() + timedelta(seconds=self._pace.deadline) > batch[0].until
                if not late and not self._stopping.is_set():
                    begun = True
                    outcomes = await self._destination.send([lease.delivery for lease in batch])
        except asyncio.CancelledError:
            pass  # draining took too long: the receiver may or may not have it
        except Exception:
            log.exception("a destination failed")
        finally:
            if begun:
                known = outcomes if len(outcomes) == len(batch) else [Outcome("unknown")] * len(batch)
                self._results.done += zip(batch, known, strict=True)
            else:
                self._results.unsent += batch
            self._ready.set()

    # settling

    async def _settle_forever(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            try:
                await self._settle()
            except Exception:  # the results are kept: written when the database is back, if the leases are still ours
                log.warning("results could not be written", exc_info=True)
                self._ready.set()
                await asyncio.sleep(self._pace.poll)

    async def _settle(self) -> None:
        """Write everything that has gathered, in one transaction; on failure it stays gathered."""
        async with self._writing:
            results, self._results = self._results, _Results()
            if not results:
                return
            now = self._clock.now()
            settlements = [judge(lease, outcome, now, self._random) for lease, outcome in results.done]
            try:
                async with self._database.transaction() as tx:
                    if settlements:
                        await settle(tx, self._database.kind, settlements, now)
                    if results.unsent:
                        await give_back(tx, results.unsent)
            except BaseException:
                self._results.done[:0] = results.done
                self._results.unsent[:0] = results.unsent
                raise
        for lease, outcome in results.done:
            self._let_go(lease, outcome)
        for lease in results.unsent:
            self._let_go(lease, None)
        if self._observe is not None:
            for settled in settlements:
                self._observe(settled.lease.delivery, settled.outcome, settled.state)
        self._woken.set()  # the next of the same keys may go now

    def _let_go(self, lease: Lease, outcome: Outcome | None) -> None:
        endpoint_id = lease.delivery.endpoint_id
        lane = self._lanes[endpoint_id]
        self._leased -= 1
        lane.leased -= 1
        lane.quick = outcome is not None and outcome.kind == "ok" and outcome.duration_ms < self._pace.quick * 1000
        if not lane.leased and not lane.quick:
            del self._lanes[endpoint_id]

    # stopping

    async def _drain(self) -> None:
        """Wait for the calls in flight, cancel those that take too long, give back what was not begun, write what
        came.
        """
        waiting = set(self._calls)
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=self._pace.drain)
            for call in late:
                call.cancel()
            if late:
                await asyncio.wait(late)
        for _ in range(3):
            try:
                await self._settle()
                break
            except Exception:
                log.warning("results could not be written while stopping", exc_info=True)
                await asyncio.sleep(self._pace.poll)
