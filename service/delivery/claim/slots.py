"""The slots of one process, shared fairly between endpoints: the calls that may start now. Pure counting: no clock, no
I/O.

Every endpoint has a queue with two lanes, first attempts and retries. A queue has at most its limit of calls in flight,
and the queues are served in rotation. Retries get at most half of all slots, slow endpoints a quarter, slow and new
endpoints together three quarters (a new endpoint gets one call until its first answer). So neither a backlog of retries
nor endpoints that hang delay healthy endpoints. After several failures in a row an endpoint gets no call until its
results are written, because writing them may open its breaker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from service.delivery.claim.claim import Lease
from service.delivery.settle.breaker import FAILURES

Kind = Literal["quick", "new", "slow"]


class Bucket:
    """A token bucket for an endpoint's rate: `rate` tokens per second, at most 0.1 s of them (or one) saved."""

    __slots__ = ("_at", "_most", "_tokens", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate / 10)
        self._tokens = 1.0
        self._at = now

    def tokens(self, now: float) -> int:
        """Return the whole tokens available at `now` (monotonic seconds)."""
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Use tokens."""
        self._tokens -= count

    def wait(self) -> float:
        """Return the seconds until a whole token is available."""
        return max(0.0, (1.0 - self._tokens) / self.rate)


@dataclass(slots=True, eq=False)
class EndpointQueue:
    """The leases of one endpoint in this process, and what is known about the endpoint."""

    endpoint_id: str
    limit: int = 1
    """Calls at once: the endpoint's concurrency, or less during its slow start."""
    first: deque[Lease] = field(default_factory=deque)
    retry: deque[Lease] = field(default_factory=deque)
    leased: int = 0
    in_flight: int = 0
    retries: int = 0
    failed: int = 0
    """Calls that failed in a row since results were last written."""
    seconds: float = 0.0
    """Moving average of the duration of its calls."""
    kind: Kind = "new"
    bucket: Bucket | None = None
    is_ready: bool = False
    """Whether it stands among the ready queues."""
    retry_next: bool = False
    owned_until: float = 0.0
    """Monotonic seconds until which this worker owns the endpoint."""
    more: bool = False
    """Whether the last claim returned as many as it asked for, so that the database may hold more."""

    @property
    def room(self) -> int:
        """How many calls may be in flight at once."""
        if self.failed >= FAILURES:
            return 0
        return 1 if self.kind == "new" else self.limit

    @property
    def unsent(self) -> int:
        """How many leases are being sent or wait to be. Excludes those whose results are being written, so that a slow
        database does not leave receivers without work.
        """
        return len(self.first) + len(self.retry) + self.in_flight

    def ahead(self, most: int, within: float) -> int:
        """Return how many leases to hold: as many as it sends `within` seconds, between its limit and `most`."""
        if self.kind != "quick":
            return self.limit
        return max(self.limit, min(most, int(self.limit * within / max(self.seconds, 0.0005))))


@dataclass(slots=True, eq=False)
class Slot:
    """A slot in use: one call, with as many leases as a call takes."""

    queue: EndpointQueue
    leases: list[Lease]
    kind: Kind
    is_retry: bool
    started: float


class Slots:
    """The slots of one process. An answer that takes longer than `slow` seconds is slow; `size` is the number of
    deliveries in a call.
    """

    def __init__(self, most: int, slow: float, size: int = 1) -> None:
        self.most = most
        self._size = size
        self.queues: dict[str, EndpointQueue] = {}
        self.in_flight = 0
        self.leased = 0
        self._slow = slow
        self._retries = 0
        self._counts: dict[Kind, int] = {"quick": 0, "new": 0, "slow": 0}
        self._ready: deque[EndpointQueue] = deque()
        self._parked: list[EndpointQueue] = []
        self._in_use: dict[int, Slot] = {}

    def queue(self, endpoint_id: str) -> EndpointQueue:
        """Return the endpoint's queue; create it if there is none."""
        queue = self.queues.get(endpoint_id)
        if queue is None:
            queue = self.queues[endpoint_id] = EndpointQueue(endpoint_id)
        return queue

    def add(self, lease: Lease) -> None:
        """Add a lease to its endpoint's queue."""
        queue = self.queue(lease.delivery.endpoint_id)
        (queue.retry if lease.delivery.number > 1 else queue.first).append(lease)
        queue.leased += 1
        self.leased += 1
        self._make_ready(queue)

    def take(self, now: float) -> Slot | None:
        """Take a slot for the next call, or return None when no call may start."""
        while self._ready and self.in_flight < self.most:
            queue = self._ready.popleft()
            queue.is_ready = False
            if not (queue.first or queue.retry) or queue.in_flight >= queue.room:
                continue  # the end of one of its calls makes it ready again
            if not self._has_share(queue.kind):
                self._parked.append(queue)
                continue
            is_retry = bool(queue.retry) and (queue.retry_next or not queue.first)
            if is_retry and self._retries >= max(1, self.most // 2):
                if not queue.first:
                    self._parked.append(queue)
                    continue
                is_retry = False
            return self._start(queue, is_retry, now)
        return None

    def _start(self, queue: EndpointQueue, is_retry: bool, now: float) -> Slot:
        waiting = queue.retry if is_retry else queue.first
        leases = [waiting.popleft() for _ in range(min(self._size, len(waiting)))]
        queue.retry_next = not is_retry
        slot = Slot(queue, leases, queue.kind, is_retry, now)
        self._in_use[id(slot)] = slot
        queue.in_flight += 1
        self.in_flight += 1
        self._counts[slot.kind] += 1
        if is_retry:
            self._retries += 1
        self._make_ready(queue)
        return slot

    def _has_share(self, kind: Kind) -> bool:
        counts = self._counts
        if kind == "slow":
            return counts["slow"] < max(1, self.most // 4)
        return kind == "quick" or counts["slow"] + counts["new"] < max(1, 3 * self.most // 4)

    def end(self, slot: Slot, now: float, *, answered: bool, failed: bool | None = None) -> None:
        """Free a slot. `answered` is whether the receiver answered with any status; `failed` is None when no call was
        made.
        """
        queue = slot.queue
        if failed is not None:
            queue.failed = queue.failed + 1 if failed else 0
        del self._in_use[id(slot)]
        queue.in_flight -= 1
        self.in_flight -= 1
        self._counts[slot.kind] -= 1
        if slot.is_retry:
            self._retries -= 1
        took = now - slot.started
        queue.seconds = took if queue.kind == "new" else 0.8 * queue.seconds + 0.2 * took
        queue.kind = "quick" if answered and took < self._slow else "slow"
        if self._parked and (slot.is_retry or slot.kind != "quick"):
            for parked in self._parked:
                self._make_ready(parked)
            self._parked.clear()
        self._make_ready(queue)

    def note_slow(self, now: float) -> None:
        """Count calls that are in flight for too long as slow."""
        for slot in self._in_use.values():
            if now - slot.started < self._slow:
                break
            if slot.kind != "slow":
                self._counts[slot.kind] -= 1
                self._counts["slow"] += 1
                slot.kind = slot.queue.kind = "slow"

    def release(self, lease: Lease) -> int:
        """Release a lease. If its endpoint was paused because calls failed, return how many it may start again;
        otherwise 0.
        """
        queue = self.queues.get(lease.delivery.endpoint_id)
        self.leased -= 1
        if queue is None:
            return 0
        queue.leased -= 1
        was_paused, queue.failed = queue.failed >= FAILURES, 0
        if was_paused:
            self._make_ready(queue)
        return queue.room if was_paused else 0

    def limit(self, endpoint_id: str, limit: int) -> list[Lease]:
        """Set how many calls an endpoint may have at once. With 0, return its waiting leases, to be returned unsent."""
        queue = self.queue(endpoint_id)
        queue.limit = limit
        if limit:
            self._make_ready(queue)
            return []
        return self._emptied(queue)

    def empty(self) -> list[Lease]:
        """Remove and return every waiting lease."""
        return [lease for queue in self.queues.values() for lease in self._emptied(queue)]

    def is_busy(self) -> bool:
        """Whether a call is in flight or a lease waits."""
        return self.in_flight > 0 or any(queue.first or queue.retry for queue in self.queues.values())

    def prune(self, now: float) -> None:
        """Forget idle queues of endpoints that this worker no longer owns."""
        for id_ in [id_ for id_, queue in self.queues.items() if not queue.leased and queue.owned_until < now]:
            del self.queues[id_]

    @staticmethod
    def _emptied(queue: EndpointQueue) -> list[Lease]:
        waiting = [*queue.first, *queue.retry]
        queue.first.clear()
        queue.retry.clear()
        return waiting

    def _make_ready(self, queue: EndpointQueue) -> None:
        if not queue.is_ready and (queue.first or queue.retry) and queue.in_flight < queue.room:
            queue.is_ready = True
            self._ready.append(queue)
