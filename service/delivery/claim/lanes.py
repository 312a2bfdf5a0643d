"""Who may be called now: slots shared fairly between endpoints, as counting; no clock of its own, no I/O.

Every endpoint has a lane. A lane has at most its limit in flight, and the lanes take turns. Of all slots, retries get
half at most; endpoints that answer slowly a quarter; these and the ones that have not answered yet three quarters
together (an unknown endpoint gets one call until its first answer). So a backlog of retries, or endpoints that hang,
never hold up those that are well. An endpoint whose calls fail one after the other is called no more until that is
written down: what was written may have opened its breaker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from service.delivery.claim.claim import Lease
from service.delivery.settle.breaker import FAILURES

Kind = Literal["quick", "new", "slow"]


class Bucket:
    """Tokens of an endpoint's rate: `rate` per second, a tenth of a second's worth (one at least) kept."""

    __slots__ = ("_at", "_most", "_tokens", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate / 10)
        self._tokens = 1.0
        self._at = now

    def tokens(self, now: float) -> int:
        """Whole tokens there are at `now` (monotonic seconds)."""
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Use tokens."""
        self._tokens -= count

    def wait(self) -> float:
        """Seconds until there is a whole token again."""
        return max(0.0, (1.0 - self._tokens) / self.rate)


@dataclass(slots=True, eq=False)
class Lane:
    """What this process holds of one endpoint."""

    endpoint_id: str
    limit: int = 1
    """Calls at once: the endpoint's concurrency, or what its slow start allows."""
    first: deque[Lease] = field(default_factory=deque)
    retry: deque[Lease] = field(default_factory=deque)
    leased: int = 0
    in_flight: int = 0
    retries: int = 0
    failed: int = 0
    """Calls that failed one after the other since results were written."""
    seconds: float = 0.0
    """How long its calls take, recent ones counting more."""
    kind: Kind = "new"
    bucket: Bucket | None = None
    queued: bool = False
    retry_next: bool = False
    owned_until: float = 0.0
    """Monotonic seconds until which this worker owns the endpoint."""
    more: bool = False
    """Whether the last claim found as many as it asked for, so that more may be waiting in the database."""

    @property
    def room(self) -> int:
        """How many may be in flight at once, as far as the endpoint is known."""
        if self.failed >= FAILURES:
            return 0
        return 1 if self.kind == "new" else self.limit

    @property
    def unsent(self) -> int:
        """How many are being sent or wait for that. Those whose results are being written are not among them: a slow
        database must not leave its receivers without work.
        """
        return len(self.first) + len(self.retry) + self.in_flight

    def ahead(self, most: int, within: float) -> int:
        """How many to have leased: what it sends `within` seconds, at least its limit, at most `most`."""
        if self.kind != "quick":
            return self.limit
        return max(self.limit, min(most, int(self.limit * within / max(self.seconds, 0.0005))))


@dataclass(slots=True, eq=False)
class Turn:
    """A call that may begin: its lane and its leases, as many as a call takes."""

    lane: Lane
    leases: list[Lease]
    kind: Kind
    is_retry: bool
    begun: float


class Slots:
    """The slots of one process. Durations in seconds; `slow` is from when on an answer is slow, `size` how many
    deliveries a call takes.
    """

    def __init__(self, most: int, slow: float, size: int = 1) -> None:
        self.most = most
        self._size = size
        self.lanes: dict[str, Lane] = {}
        self.in_flight = 0
        self.leased = 0
        self._slow = slow
        self._retries = 0
        self._counts: dict[Kind, int] = {"quick": 0, "new": 0, "slow": 0}
        self._ready: deque[Lane] = deque()
        self._parked: list[Lane] = []
        self._turns: dict[int, Turn] = {}

    def lane(self, endpoint_id: str) -> Lane:
        """The endpoint's lane, new or not."""
        lane = self.lanes.get(endpoint_id)
        if lane is None:
            lane = self.lanes[endpoint_id] = Lane(endpoint_id)
        return lane

    def add(self, lease: Lease) -> None:
        """Take a lease in; its turn comes."""
        lane = self.lane(lease.delivery.endpoint_id)
        (lane.retry if lease.delivery.number > 1 else lane.first).append(lease)
        lane.leased += 1
        self.leased += 1
        self._queue(lane)

    def take(self, now: float) -> Turn | None:
        """The next call that may begin, or None."""
        while self._ready and self.in_flight < self.most:
            lane = self._ready.popleft()
            lane.queued = False
            if not (lane.first or lane.retry) or lane.in_flight >= lane.room:
                continue  # an end of its own calls queues it again
            if not self._has_share(lane.kind):
                self._parked.append(lane)
                continue
            is_retry = bool(lane.retry) and (lane.retry_next or not lane.first)
            if is_retry and self._retries >= max(1, self.most // 2):
                if not lane.first:
                    self._parked.append(lane)
                    continue
                is_retry = False
            return self._begin(lane, is_retry, now)
        return None

    def _begin(self, lane: Lane, is_retry: bool, now: float) -> Turn:
        waiting = lane.retry if is_retry else lane.first
        leases = [waiting.popleft() for _ in range(min(self._size, len(waiting)))]
        lane.retry_next = not is_retry
        turn = Turn(lane, leases, lane.kind, is_retry, now)
        self._turns[id(turn)] = turn
        lane.in_flight += 1
        self.in_flight += 1
        self._counts[turn.kind] += 1
        if is_retry:
            self._retries += 1
        self._queue(lane)
        return turn

    def _has_share(self, kind: Kind) -> bool:
        counts = self._counts
        if kind == "slow":
            return counts["slow"] < max(1, self.most // 4)
        return kind == "quick" or counts["slow"] + counts["new"] < max(1, 3 * self.most // 4)

    def end(self, turn: Turn, now: float, *, answered: bool, failed: bool | None = None) -> None:
        """A call ended; `answered` says that the receiver said something, whatever it was, `failed` whether it was not
        yes: None when no call was made.
        """
        lane = turn.lane
        if failed is not None:
            lane.failed = lane.failed + 1 if failed else 0
        del self._turns[id(turn)]
        lane.in_flight -= 1
        self.in_flight -= 1
        self._counts[turn.kind] -= 1
        if turn.is_retry:
            self._retries -= 1
        took = now - turn.begun
        lane.seconds = took if lane.kind == "new" else 0.8 * lane.seconds + 0.2 * took
        lane.kind = "quick" if answered and took < self._slow else "slow"
        if self._parked and (turn.is_retry or turn.kind != "quick"):
            for parked in self._parked:
                self._queue(parked)
            self._parked.clear()
        self._queue(lane)

    def note_slow(self, now: float) -> None:
        """Count calls that take long already among the slow ones."""
        for turn in self._turns.values():
            if now - turn.begun < self._slow:
                break
            if turn.kind != "slow":
                self._counts[turn.kind] -= 1
                self._counts["slow"] += 1
                turn.kind = turn.lane.kind = "slow"

    def let_go(self, lease: Lease) -> int:
        """A lease is settled or given back; how many calls its endpoint gets again that was held until then."""
        lane = self.lanes.get(lease.delivery.endpoint_id)
        self.leased -= 1
        if lane is None:
            return 0
        lane.leased -= 1
        held, lane.failed = lane.failed >= FAILURES, 0
        if held:
            self._queue(lane)
        return lane.room if held else 0

    def limit(self, endpoint_id: str, limit: int) -> list[Lease]:
        """Set how many calls an endpoint may have at once; with 0 its leases that wait come back, to be given back."""
        lane = self.lane(endpoint_id)
        lane.limit = limit
        if limit:
            self._queue(lane)
            return []
        return self._emptied(lane)

    def empty(self) -> list[Lease]:
        """Every lease that waits, taken out."""
        return [lease for lane in self.lanes.values() for lease in self._emptied(lane)]

    def is_busy(self) -> bool:
        """Whether a call is under way or waits for its turn."""
        return self.in_flight > 0 or any(lane.first or lane.retry for lane in self.lanes.values())

    def prune(self, now: float) -> None:
        """Forget lanes without work that this worker no longer owns."""
        for id_ in [id_ for id_, lane in self.lanes.items() if not lane.leased and lane.owned_until < now]:
            del self.lanes[id_]

    @staticmethod
    def _emptied(lane: Lane) -> list[Lease]:
        waiting = [*lane.first, *lane.retry]
        lane.first.clear()
        lane.retry.clear()
        return waiting

    def _queue(self, lane: Lane) -> None:
        if not lane.queued and (lane.first or lane.retry) and lane.in_flight < lane.room:
            lane.queued = True
            self._ready.append(lane)
