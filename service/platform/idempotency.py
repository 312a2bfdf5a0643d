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
    """Raised by a transaction that finds its key answered already: what was stored, to be sent again as it was.

    Not an error. `status` None means the status that the route answers with; `version` makes the ETag; `headers` are
    the answer's own (such as Upsert-Result). The edge adds Location and `Idempotent-Replayed: true`.
    """

    body: bytes
    version: int | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
