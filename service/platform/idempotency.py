"""The Idempotency-Key of a request, on its way from the edge to the transaction that stores it with its answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's key with the SHA-256 (hex) of its request. The same key with another fingerprint is an error."""

    key: str
    fingerprint: str
