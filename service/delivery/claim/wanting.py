"""How many deliveries of which endpoints a worker asks for, by what it holds already and what each endpoint allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from service.delivery.claim.claim import Lease, Wanted
from service.delivery.claim.lanes import Bucket, Lane, Slots
from service.framework.database.database import Row

_HEALTHY = "closed"


class Wants:
    """Decides over the lanes of one process. Times are monotonic seconds."""

    def __init__(self, slots: Slots, leased: int, ahead: int, within: float) -> None:
        self._slots = slots
        self._leased = leased
        self._ahead = ahead
        self._within = within

    def is_full(self) -> bool:
        """Whether so much is leased that asking for more does not pay."""
        return self._slots.leased > 3 * self._leased // 4

    def full(self, now: float) -> list[str]:
        """Endpoints that get nothing more now: enough is leased, or their rate does not allow it."""
        return [
            id_
            for id_, lane in self._slots.lanes.items()
            if lane.unsent > lane.ahead(self._ahead, self._within) // 2
            or (lane.bucket is not None and lane.bucket.tokens(now) < 1)
        ]

    def runs_dry(self, lane: Lane) -> bool:
        """Whether an endpoint has room for more now and there may be more, told once after each claim."""
        if not lane.more or lane.unsent > lane.ahead(self._ahead, self._within) // 2:
            return False
        lane.more = False
        return True

    def choose(self, rows: Sequence[Row], now: float) -> list[Wanted]:
        """What to lease of the endpoints with due work: fairly, within the room there is. At least half goes to first
        attempts where there are any.
        """
        room = self._leased - self._slots.leased
        wanted: list[Wanted] = []
        each = max(1, room // max(1, len(rows)))
        for row in rows:
            if room <= 0:
                break
            lane = self._follow(row, now)
            if row["breaker_state"] in ("open", "half_open"):
                if not lane.leased:
                    wanted.append(Wanted(row, "retry" if row["retry_due"] else "first", 1))
                    room -= 1
                continue
            most = min(lane.ahead(self._ahead, self._within) - lane.unsent, max(each, lane.room), room)
            if lane.bucket is not None:
                most = min(most, lane.bucket.tokens(now))
            if most <= 0:
                continue
            asked = _shared(row, most)
            wanted += asked
            room -= sum(one.most for one in asked)
        return wanted

    def _follow(self, row: Row, now: float) -> Lane:
        """The endpoint's lane, with the limits its row has now."""
        lane = self._slots.lane(row["id"])
        allowed = row["concurrency"]
        if row["breaker_state"] != _HEALTHY:
            allowed = min(allowed, max(row["breaker_allowed"], 1))
        self._slots.limit(row["id"], allowed)
        rate = _rate(row)
        if rate is None:
            lane.bucket = None
        elif lane.bucket is None or lane.bucket.rate != rate:
            lane.bucket = Bucket(rate, now)
        return lane

    def is_to_be_owned(self, wanted: Wanted, now: float, owned: float) -> bool:
        """Whether the endpoint must be made this worker's first: it is not, not for long, or it is to be probed."""
        return wanted.is_probe or self._slots.lane(wanted.endpoint["id"]).owned_until - now < owned / 2

    def note_owned(self, endpoints: Iterable[str], until: float) -> None:
        """Remember that endpoints are this worker's."""
        for id_ in endpoints:
            self._slots.lane(id_).owned_until = until

    def note_disowned(self) -> None:
        """Nothing is this worker's any more."""
        for lane in self._slots.lanes.values():
            lane.owned_until = 0.0

    def owns_any(self) -> bool:
        """Whether an endpoint is this worker's."""
        return any(lane.owned_until for lane in self._slots.lanes.values())

    def note_leased(self, wanted: Sequence[Wanted], leases: Sequence[Lease]) -> None:
        """Use the tokens of what was leased, and see which endpoints have more."""
        got = Counter(lease.delivery.endpoint_id for lease in leases)
        asked: Counter[str] = Counter()
        for each in wanted:
            asked[each.endpoint["id"]] += each.most
        for id_, most in asked.items():
            lane = self._slots.lane(id_)
            lane.more = got[id_] >= most // 2 > 0
            if lane.bucket is not None:
                lane.bucket.take(got[id_])

    def next_token(self, now: float) -> float:
        """Seconds until an endpoint's rate lets the next call through; infinite when none waits for that."""
        waits = [
            lane.bucket.wait()
            for lane in self._slots.lanes.values()
            if lane.bucket is not None and lane.bucket.tokens(now) < 1
        ]
        return max(0.01, min(waits)) if waits else float("inf")


def _rate(row: Row) -> float | None:
    """Calls per second: what the endpoint is set to, and no more than its receiver consented to."""
    rates = [float(row["rate_per_second"])] if row["rate_per_second"] is not None else []
    if row["allowed_per_minute"] is not None:
        rates.append(max(row["allowed_per_minute"], 1) / 60)
    return min(rates, default=None)


def _shared(row: Row, most: int) -> list[Wanted]:
    """Up to `most` of an endpoint's two lanes."""
    if row["first_due"] and row["retry_due"] and most > 1:
        return [Wanted(row, "first", most - most // 2), Wanted(row, "retry", most // 2)]
    return [Wanted(row, "first" if row["first_due"] else "retry", most)]
