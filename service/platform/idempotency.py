"""An Idempotency-Key on its way from the edge to the transaction that stores it, and how a replay comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's key with the SHA-256 (hex) of its request: the same key with another fingerprint is an error."""

    key: str
    fingerprint: str


@dataclass(slots=True)
class Replay(Exception):
    """Raised by a transaction that finds its key answered already: the stored answer, to be sent again as it was.

    Not an error. `headers` holds the stored answer's own (ETag, Location); the edge adds `Idempotent-Replayed: true`.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
