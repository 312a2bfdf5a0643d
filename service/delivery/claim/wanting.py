"""How many deliveries a worker leases from each endpoint, given what it holds and what the endpoint allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from service.delivery.claim.claim import Lease, Wanted
from service.delivery.claim.slots import Bucket, EndpointQueue, Slots
from service.framework.database.database import Row

_HEALTHY = "closed"


class Wants:
    """Decides what one process leases. Times are monotonic seconds."""

    def __init__(self, slots: Slots, leased: int, ahead: int, within: float) -> None:
        self._slots = slots
        self._leased = leased
        self._ahead = ahead
        self._within = within

    def is_full(self) -> bool:
        """Whether more than three quarters of the leases are in use, so that another claim does not pay."""
        return self._slots.leased > 3 * self._leased // 4

    def full(self, now: float) -> list[str]:
        """Return the endpoints to leave out of a claim: enough is leased, or their rate is used up."""
        return [
            id_
            for id_, queue in self._slots.queues.items()
            if queue.unsent > queue.ahead(self._ahead, self._within) // 2
            or (queue.bucket is not None and queue.bucket.tokens(now) < 1)
        ]

    def needs_more(self, queue: EndpointQueue) -> bool:
        """Whether an endpoint has room and the database may hold more for it; true once per claim."""
        if not queue.more or queue.unsent > queue.ahead(self._ahead, self._within) // 2:
            return False
        queue.more = False
        return True

    def choose(self, rows: Sequence[Row], now: float) -> list[Wanted]:
        """Share the free leases between the endpoints with due work. Where an endpoint has first attempts due, they get
        at least half.
        """
        room = self._leased - self._slots.leased
        wanted: list[Wanted] = []
        each = max(1, room // max(1, len(rows)))
        for row in rows:
            if room <= 0:
                break
            queue = self._updated(row, now)
            if row["breaker_state"] in ("open", "half_open"):
                if not queue.leased:
                    wanted.append(Wanted(row, "first" if row["first_due"] else "retry", 1))
                    room -= 1
                continue
            most = min(queue.ahead(self._ahead, self._within) - queue.unsent, max(each, queue.room), room)
            if queue.bucket is not None:
                most = min(most, queue.bucket.tokens(now))
            if most <= 0:
                continue
            shares = _by_lane(row, most)
            wanted += shares
            room -= sum(share.most for share in shares)
        return wanted

    def _updated(self, row: Row, now: float) -> EndpointQueue:
        """Return the endpoint's queue, updated with the limits in its row."""
        queue = self._slots.queue(row["id"])
        allowed = row["concurrency"]
        if row["breaker_state"] != _HEALTHY:
            allowed = min(allowed, max(row["breaker_allowed"], 1))
        self._slots.limit(row["id"], allowed)
        rate = _rate(row)
        if rate is None:
            queue.bucket = None
        elif queue.bucket is None or queue.bucket.rate != rate:
            queue.bucket = Bucket(rate, now)
        return queue

    def needs_ownership(self, wanted: Wanted, now: float, owned: float) -> bool:
        """Whether the worker must take or renew the endpoint's ownership before it claims, as before every probe."""
        return wanted.is_probe or self._slots.queue(wanted.endpoint["id"]).owned_until - now < owned / 2

    def note_owned(self, endpoints: Iterable[str], until: float) -> None:
        """Record that this worker owns endpoints until a time."""
        for id_ in endpoints:
            self._slots.queue(id_).owned_until = until

    def note_disowned(self) -> None:
        """Record that this worker owns no endpoint."""
        for queue in self._slots.queues.values():
            queue.owned_until = 0.0

    def owns_any(self) -> bool:
        """Whether this worker owns any endpoint."""
        return any(queue.owned_until for queue in self._slots.queues.values())

    def note_leased(self, wanted: Sequence[Wanted], leases: Sequence[Lease]) -> None:
        """Take the tokens for new leases, and record which endpoints may have more."""
        got = Counter(lease.delivery.endpoint_id for lease in leases)
        requested: Counter[str] = Counter()
        for each in wanted:
            requested[each.endpoint["id"]] += each.most
        for id_, most in requested.items():
            queue = self._slots.queue(id_)
            queue.more = got[id_] >= most // 2 > 0
            if queue.bucket is not None:
                queue.bucket.take(got[id_])

    def next_token(self, now: float) -> float:
        """Return the seconds until an endpoint's rate allows its next call; infinite when none waits for its rate."""
        waits = [
            queue.bucket.wait()
            for queue in self._slots.queues.values()
            if queue.bucket is not None and queue.bucket.tokens(now) < 1
        ]
        return max(0.01, min(waits)) if waits else float("inf")


def _rate(row: Row) -> float | None:
    """Return the calls per second: the endpoint's setting, limited by its receiver's consent."""
    rates = [float(row["rate_per_second"])] if row["rate_per_second"] is not None else []
    if row["allowed_per_minute"] is not None:
        rates.append(max(row["allowed_per_minute"], 1) / 60)
    return min(rates, default=None)


def _by_lane(row: Row, most: int) -> list[Wanted]:
    """Split `most` between an endpoint's two lanes."""
    if row["first_due"] and row["retry_due"] and most > 1:
        return [Wanted(row, "first", most - most // 2), Wanted(row, "retry", most // 2)]
    return [Wanted(row, "first" if row["first_due"] else "retry", most)]
