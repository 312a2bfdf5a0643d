"""The loop that sends deliveries: claim (transaction), call (network), settle (transaction).

Three kinds of tasks run concurrently: the claimer leases deliveries when it is woken and at each poll, runners make one
call after another, and the settler writes gathered results in batches. No transaction is open during a call. Any number
of dispatchers may run, in one process or in many: the database decides who sends a delivery. A wake-up only saves
waiting; the poll finds everything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom

from service.delivery.claim.claim import FARTHEST, LEASE, Lease, Wanted, any_lapsed, claim, reclaim, return_unsent
from service.delivery.claim.ownership import OWNED, disown, due_endpoints, own, renew
from service.delivery.claim.slots import Slot, Slots
from service.delivery.claim.wanting import Wants
from service.delivery.destinations.base import Delivery, Destination, Outcome
from service.delivery.settle.results import WRITERS, Results
from service.delivery.settle.settlement import Settled, Settlement, decide, settle
from service.framework.database.database import Database
from service.framework.outbound.egress import DEADLINE
from service.platform.clock import Clock
from service.platform.ids import new_id

log = logging.getLogger(__name__)

Observer = Callable[[Delivery, Outcome, str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of one dispatcher; durations in seconds."""

    concurrency: int = 64
    """Calls in flight at once."""
    leased: int = 2000
    """Deliveries leased at once."""
    ahead: int = 512
    """Deliveries of one endpoint leased at once, when it answers quickly."""
    within: float = 1.0
    """Seconds of an endpoint's work that are leased ahead."""
    poll: float = 1.0
    lease: float = LEASE.total_seconds()
    owned: float = OWNED.total_seconds()
    """How long a worker owns an endpoint without a renewal."""
    deadline: float = DEADLINE
    """The longest call. A call that could outlive its lease is not started."""
    drain: float = 10.0
    """How long `stop` waits for calls in flight."""
    quick: float = 1.0
    """An endpoint whose last answer took longer is slow."""
    gather: float = 0.01
    """How long results wait under load, to be written together with others."""


class Dispatcher:
    """Sends due deliveries until it is stopped.

    `observe` is called with every settled attempt (the delivery, its outcome, its new state); it must not raise.
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
        self._worker_id = new_id()
        self._farthest = max(FARTHEST, timedelta(seconds=2 * self._pace.lease))
        self._woken = asyncio.Event()
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = False
        self._slots = Slots(self._pace.concurrency, self._pace.quick, destination.batch_size)
        self._wants = Wants(self._slots, self._pace.leased, self._pace.ahead, self._pace.within)
        self._runners: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._results = Results()
        self._writing = asyncio.Lock()
        self._last_upkeep = 0.0

    def wake(self) -> None:
        """Claim now instead of at the next poll. Call it from the loop's thread; it is harmless when nothing is due."""
        self._woken.set()

    def stop(self) -> None:
        """Stop claiming, wait for the calls in flight (up to `drain` seconds), and make `run` return."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop`. While the database is away, it is retried with growing pauses."""
        settler = asyncio.create_task(self._settle_forever())
        try:
            failures = 0
            while not self._stopping:
                self._woken.clear()
                try:
                    claimed = await self._claim()
                    failures = 0
                except Exception:  # the database is away: other errors are caught where they happen
                    failures += 1
                    claimed = False
                    log.warning("deliveries could not be claimed", exc_info=True, extra={"failures": failures})
                if not claimed:
                    await self._wait(failures)
            await self._drain()
        finally:
            self._end_runners()
            settler.cancel()
            with suppress(asyncio.CancelledError):
                await settler

    async def _wait(self, failures: int) -> None:
        """Wait until woken, until the next poll, or until an endpoint's rate allows its next call."""
        wait = min(self._pace.poll * 2 ** min(failures, 5), max(30.0, self._pace.poll))
        wait = min(wait, self._wants.next_token(time.monotonic()))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), wait)
            if failures:
                await asyncio.sleep(min(wait, 1.0))

    async def once(self) -> int:
        """Send the deliveries that are due now and settle them. Return how many were claimed. For tests and one-shot
        commands.
        """
        before = self._slots.leased
        self._last_upkeep = 0.0
        await self._claim()
        claimed = self._slots.leased - before
        while self._slots.is_busy():
            self._ended.clear()
            await self._ended.wait()
        await self._settle()
        await self._disown()
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
        """Lease as many due deliveries as there is room for and start the calls. Return whether any were leased."""
        at = time.monotonic()
        self._slots.note_slow(at)
        await self._upkeep(at)
        if self._wants.is_full():
            return False
        async with self._database.reading(fresh=True) as reader:
            rows = await due_endpoints(reader, self._worker_id, self._clock.now(), full=self._wants.full(at))
        wanted = self._wants.choose(rows, at)
        if not wanted:
            return False
        longest = max([self._pace.deadline, *(each.endpoint["timeout_seconds"] or 0.0 for each in wanted)])
        lease = max(self._pace.lease, 2 * longest if longest > self._pace.deadline else 0.0)
        owned = timedelta(seconds=min(self._pace.owned, lease))
        unowned = {
            each.endpoint["id"] for each in wanted if self._wants.needs_ownership(each, at, owned.total_seconds())
        }
        async with self._database.transaction() as tx:
            now = self._clock.now()
            if unowned:
                until = now + timedelta(seconds=lease)
                got = await own(tx, self._worker_id, sorted(unowned), now, until, owned)
                wanted = [each for each in wanted if each.endpoint["id"] not in unowned or each.endpoint["id"] in got]
            leases = (
                await claim(tx, self._database.kind, self._worker_id, wanted, now, timedelta(seconds=lease))
                if wanted
                else []
            )
        if unowned:
            self._wants.note_owned(unowned & got, at + owned.total_seconds())
        self._start(wanted, leases, at + lease)
        return bool(leases)

    def _start(self, wanted: Sequence[Wanted], leases: Sequence[Lease], ends: float) -> None:
        """Queue leases that end at `ends`, and wake runners for them."""
        for lease in leases:
            lease.begin_by = ends - (lease.delivery.timeout or self._pace.deadline)
            self._slots.add(lease)
        self._wants.note_leased(wanted, leases)
        self._wake_runners(len(leases))

    async def _upkeep(self, at: float) -> None:
        """At each poll: reclaim lapsed leases, renew owned endpoints, and forget idle queues."""
        if at - self._last_upkeep < self._pace.poll and self._last_upkeep:
            return
        self._last_upkeep = at
        now = self._clock.now()
        async with self._database.reading(fresh=True) as reader:
            lapsed = await any_lapsed(reader, now, self._farthest)
        if lapsed:
            async with self._database.transaction() as tx:
                count = await reclaim(tx, self._database.kind, now, self._farthest)
            log.warning(
                "deliveries were taken over from a worker that is gone", extra={"fields": {"deliveries": count}}
            )
        owned = min(self._pace.owned, self._pace.lease)
        ageing = [
            id_ for id_, queue in self._slots.queues.items() if queue.leased and queue.owned_until - at < owned / 2
        ]
        if ageing:
            async with self._database.transaction() as tx:
                kept = await renew(tx, self._worker_id, ageing, now, timedelta(seconds=owned))
            self._wants.note_owned(kept, at + owned)
        self._slots.prune(at)

    # calling

    def _wake_runners(self, count: int) -> None:
        """Wake up to `count` idle runners; start new ones while there are fewer than slots."""
        for _ in range(min(count, self._pace.concurrency)):
            while self._idle:
                waiting = self._idle.pop()
                if not waiting.done():
                    waiting.set_result(None)
                    break
            else:
                if len(self._runners) >= self._pace.concurrency:
                    return
                runner = asyncio.create_task(self._run_calls())
                self._runners.add(runner)
                runner.add_done_callback(self._runners.discard)

    async def _run_calls(self) -> None:
        """Make one call after another as slots become available."""
        while True:
            slot = self._slots.take(time.monotonic())
            if slot is not None:
                await self._call(slot)
                continue
            waiting = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            await waiting

    async def _call(self, slot: Slot) -> None:
        """Make one call. Return its leases unsent while stopping, or when the call could outlive a lease."""
        leases = slot.leases
        if self._stopping or slot.started > min(lease.begin_by for lease in leases):
            self._slots.end(slot, slot.started, answered=True)
            self._results.unsent += leases
            self._ready.set()
            self._ended.set()
            return
        outcomes: Sequence[Outcome] = ()
        try:
            outcomes = await self._destination.send([lease.delivery for lease in leases])
        except Exception:
            log.exception("a destination failed")
        finally:  # cancelled by a drain that took too long: the receiver may or may not have it
            if len(outcomes) != len(leases):
                outcomes = [Outcome("unknown")] * len(leases)
            answered = outcomes[0].kind in ("ok", "http", "refused", "blocked")
            failed = outcomes[0].kind != "ok" and not outcomes[0].refuses_record
            self._slots.end(slot, time.monotonic(), answered=answered, failed=failed)
            self._results.done += zip(leases, outcomes, strict=True)
            self._ready.set()
            self._ended.set()
            if self._wants.needs_more(slot.queue):
                self._woken.set()

    # settling

    async def _settle_forever(self) -> None:
        written = 0
        while True:
            await self._ready.wait()
            if written > 4:
                await asyncio.sleep(self._pace.gather)
            self._ready.clear()
            try:
                written = await self._settle()
            except Exception:  # the results are kept, and written when the database is back if the leases still hold
                log.warning("results could not be written", exc_info=True)
                self._ready.set()
                await asyncio.sleep(self._pace.poll)

    async def _settle(self) -> int:
        """Write the gathered results and return their number. Results that could not be written stay gathered."""
        async with self._writing:
            results, self._results = self._results, Results()
            if not results:
                return 0
            shares = results.shares(WRITERS[self._database.kind])
            ended = await asyncio.gather(*(self._write(share) for share in shares), return_exceptions=True)
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure
        return len(results.done)

    async def _write(self, results: Results) -> None:
        """Write results in one transaction. On failure, put them back."""
        now = self._clock.now()
        settlements = [decide(lease, outcome, now, self._random) for lease, outcome in results.done]
        settled = Settled(0)
        try:
            async with self._database.transaction() as tx:
                if settlements:
                    settled = await settle(tx, self._database.kind, settlements, now)
                if results.unsent:
                    await return_unsent(tx, results.unsent)
        except BaseException:
            self._results.done[:0] = results.done
            self._results.unsent[:0] = results.unsent
            raise
        self._conclude(settlements, results.unsent, settled)

    def _conclude(self, settlements: Sequence[Settlement], unsent: Sequence[Lease], settled: Settled) -> None:
        """Release the leases of written results, and apply the endpoints' new limits."""
        resumed = 0
        for each in settlements:
            resumed += self._slots.release(each.lease)
            if self._observe is not None:
                self._observe(each.lease.delivery, each.outcome, each.state)
        for lease in unsent:
            resumed += self._slots.release(lease)
        self._wake_runners(resumed)
        for change in settled.changes:
            waiting = self._slots.limit(change.endpoint_id, change.limit)
            if waiting:
                self._results.unsent += waiting
                self._ready.set()
            elif change.limit:
                self._wake_runners(change.limit)
        self._woken.set()  # the next deliveries of the same order keys may be due now

    # stopping

    async def _drain(self) -> None:
        """Return waiting leases unsent, wait for the calls in flight, cancel late ones, and write all results."""
        self._results.unsent += self._slots.empty()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.drain):
                while self._slots.in_flight:
                    self._ended.clear()
                    await self._ended.wait()
        self._end_runners()
        if self._runners:
            await asyncio.wait(self._runners)
        for _ in range(3):
            try:
                await self._settle()
                await self._disown()
                break
            except Exception:
                log.warning("results could not be written while stopping", exc_info=True)
                await asyncio.sleep(self._pace.poll)

    def _end_runners(self) -> None:
        for runner in self._runners:
            runner.cancel()

    async def _disown(self) -> None:
        if self._wants.owns_any():
            async with self._database.transaction() as tx:
                await disown(tx, self._worker_id)
            self._wants.note_disowned()
