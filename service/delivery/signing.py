"""The signed headers of one attempt: opens an endpoint's sealed secrets once, keeps the keys, signs with every one
of them.
"""

from __future__ import annotations

from collections.abc import Callable

from service.platform.standard_webhooks import keys_in, signature

_MOST_CACHED = 10_000


class Signer:
    """Signs for all endpoints of a process; `unseal` opens what `Secrets.seal` closed over `standard_webhooks.pack`."""

    def __init__(self, unseal: Callable[[str], bytes]) -> None:
        self._unseal = unseal
        self._keys: dict[str, tuple[bytes, ...]] = {}

    def headers(self, sealed: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """`webhook-id`, `webhook-timestamp` (Unix seconds of this attempt) and `webhook-signature` over exactly
        these body bytes.
        """
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.keys(sealed), message_id, timestamp, body),
        }

    def keys(self, sealed: str) -> tuple[bytes, ...]:
        """The keys inside a sealed set of secrets, newest first."""
        keys = self._keys.get(sealed)
        if keys is None:
            if len(self._keys) >= _MOST_CACHED:
                self._keys.clear()
            keys = self._keys[sealed] = keys_in(self._unseal(sealed))
        return keys
