"""Results that have gathered, and how many of them are divided among transactions."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.delivery.claim.claim import Lease
from service.delivery.destinations.base import Outcome

WRITERS = {"postgresql": 2, "sqlite": 1}
"""Into how many transactions many results are divided, which are written at once."""


@dataclass(slots=True)
class Results:
    """Results that wait to be written, and leases that wait to be given back."""

    done: list[tuple[Lease, Outcome]] = field(default_factory=list)
    unsent: list[Lease] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.done or self.unsent)

    def shares(self, writers: int) -> list[Results]:
        """Many results divided among so many transactions, those of an endpoint never: as two workers would."""
        if writers == 1 or len(self.done) < 128:
            return [self]
        numbers: dict[str, int] = {}
        shares = [Results() for _ in range(writers)]
        for one in self.done:
            number = numbers.setdefault(one[0].delivery.endpoint_id, len(numbers) % writers)
            shares[number].done.append(one)
        shares[0].unsent = self.unsent
        return [share for share in shares if share]
