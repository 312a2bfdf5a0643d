"""A limit on the requests of each key, counted in this process; it is generous: it stops accidents, not work."""

import math


class RateLimiter:
    """A token bucket per key: `rate` requests a second, `burst` at once; a rate of 0 means no limit."""

    def __init__(self, rate: int, burst: int) -> None:
        self._rate = float(rate)
        self._burst = float(max(burst, 1))
        self._buckets: dict[str, list[float]] = {}
        window = math.ceil(self._burst / rate) if rate else 0
        self.policy = b'"default";q=%d;w=%d' % (burst, window) if rate else None

    def take(self, key_id: str, now: float) -> tuple[bytes | None, int]:
        """Spend one request; return the RateLimit header and the seconds to wait when none was left (else 0)."""
        if not self._rate:
            return None, 0
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._buckets[key_id] = [self._burst, now]
        left = min(self._burst, bucket[0] + (now - bucket[1]) * self._rate)
        bucket[1] = now
        if left < 1:
            bucket[0] = left
            return b'"default";r=0;t=1', math.ceil((1 - left) / self._rate)
        bucket[0] = left - 1
        return b'"default";r=%d;t=%d' % (left - 1, (self._burst - left + 1) / self._rate + 1), 0
