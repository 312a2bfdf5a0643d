"""The signature headers of an attempt. An endpoint's sealed keys are opened once; every key in force signs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from service.framework.outbound.signing_keys import unpack
from service.framework.outbound.standard_webhooks import Sign, signature, signing

_MOST_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Signed:
    """The three headers of a signed message, and the ids of the keys that signed it, newest first."""

    headers: dict[str, str]
    key_ids: tuple[str, ...]


class Unsigned(Exception):
    """No key of the endpoint is in force, so nothing may be sent."""


class Signer:
    """Signs for all endpoints of a process; `unseal` opens key rings that were sealed after `signing_keys.pack`."""

    def __init__(self, unseal: Callable[[str], bytes]) -> None:
        self._unseal = unseal
        self._ring = functools.lru_cache(_MOST_CACHED)(self._open)

    def sign(self, sealed: str, message_id: str, at: float, body: bytes) -> Signed:
        """Return `webhook-id`, `webhook-timestamp` (whole Unix seconds of `at`, the time of the attempt) and
        `webhook-signature` over exactly these body bytes. Raises Unsigned when every key has ended.
        """
        ring = self._ring(sealed)
        if len(ring) > 1 or ring[0][2] is not None:
            ring = tuple(entry for entry in ring if entry[2] is None or entry[2] > at)
            if not ring:
                raise Unsigned
        timestamp = int(at)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature([entry[1] for entry in ring], message_id, timestamp, body),
        }
        return Signed(headers, tuple([entry[0] for entry in ring]))

    def _open(self, sealed: str) -> tuple[tuple[str, Sign, float | None], ...]:
        """Return the keys of a sealed ring: id, signing function, and end in Unix seconds."""
        ring = tuple(
            (key.id, signing(key.secret), None if key.ends_at is None else key.ends_at.timestamp())
            for key in unpack(self._unseal(sealed))
        )
        if not ring:
            raise Unsigned
        return ring
