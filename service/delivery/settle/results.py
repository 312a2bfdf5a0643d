"""Gathered results, and how they are divided among transactions."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.delivery.claim.claim import Lease
from service.delivery.destinations.base import Outcome

WRITERS = {"postgresql": 2, "sqlite": 1}
"""Into how many concurrent transactions many results are divided."""


@dataclass(slots=True)
class Results:
    """Results that wait to be written, and leases that wait to be returned unsent."""

    done: list[tuple[Lease, Outcome]] = field(default_factory=list)
    unsent: list[Lease] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.done or self.unsent)

    def shares(self, writers: int) -> list[Results]:
        """Divide 128 results or more among `writers` transactions; those of one endpoint stay together."""
        if writers == 1 or len(self.done) < 128:
            return [self]
        numbers: dict[str, int] = {}
        shares = [Results() for _ in range(writers)]
        for result in self.done:
            number = numbers.setdefault(result[0].delivery.endpoint_id, len(numbers) % writers)
            shares[number].done.append(result)
        shares[0].unsent = self.unsent
        return [share for share in shares if share]
