"""The key ring of a webhook endpoint, as it is sealed into its row: several keys at once while they rotate.

A key has an id, a kind (`v1` or `v1a`), the time it was made and, after its rotation, the time it ends. Readers of a
ring skip keys that have ended; writers drop them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson

from service.framework.outbound.standard_webhooks import new_private_key, new_secret, public_key_of
from service.platform.clock import instant_text
from service.platform.ids import new_id

KeyKind = Literal["v1", "v1a"]
KINDS: dict[str, tuple[KeyKind, ...]] = {"v1": ("v1",), "v1a": ("v1a",), "both": ("v1", "v1a")}
"""The kinds of keys for each `signature_kind` of an endpoint."""

MOST_LIVE = 5
"""The most keys that sign for an endpoint at once."""

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""The creation time of keys from before it was recorded."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; `secret` is `whsec_...` or `whsk_...`, `ends_at` is None until the key is rotated out."""

    id: str
    kind: KeyKind
    secret: str
    created_at: datetime
    ends_at: datetime | None = None

    def lives(self, now: datetime) -> bool:
        """Whether deliveries are still signed with the key."""
        return self.ends_at is None or self.ends_at > now

    @property
    def public_key(self) -> str | None:
        """The public key of an ed25519 key; None for a symmetric key, which has no public part."""
        return public_key_of(self.secret) if self.kind == "v1a" else None


def fresh(signature_kind: str, now: datetime, given: str | None = None) -> list[SigningKey]:
    """Make keys for `v1`, `v1a` or `both`; `given` is a symmetric secret to use instead of a random one."""
    return [
        SigningKey(new_id(), kind, (given or new_secret()) if kind == "v1" else new_private_key(), now)
        for kind in KINDS[signature_kind]
    ]


def rotated(ring: Sequence[SigningKey], new: Sequence[SigningKey], now: datetime, grace: timedelta) -> list[SigningKey]:
    """Return the ring after a rotation: the new keys, then the previous ones, which end with the grace period or at
    their own earlier end. Of more than five keys the oldest are dropped.
    """
    until = now + grace
    before = [replace(key, ends_at=until if key.ends_at is None else min(key.ends_at, until)) for key in ring]
    return [*new, *living(before, now)][:MOST_LIVE]


def living(ring: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Return the keys of a ring that have not ended."""
    return [key for key in ring if key.lives(now)]


def pack(ring: Iterable[SigningKey]) -> bytes:
    """Return a ring as bytes to be sealed, newest key first."""
    return orjson.dumps(
        [
            {
                "id": key.id,
                "kind": key.kind,
                "secret": key.secret,
                "created_at": instant_text(key.created_at),
                "ends_at": None if key.ends_at is None else instant_text(key.ends_at),
            }
            for key in ring
        ]
    )


def unpack(packed: bytes) -> tuple[SigningKey, ...]:
    """Return the ring that `pack` packed, or that of space-separated secrets from before keys had ids."""
    if not packed.startswith(b"["):
        return tuple(
            SigningKey(str(uuid.UUID(bytes=hashlib.sha256(secret.encode()).digest()[:16])), "v1", secret, UNKNOWN)
            for secret in packed.decode().split()
        )
    return tuple(
        SigningKey(
            key["id"],
            key["kind"],
            key["secret"],
            datetime.fromisoformat(key["created_at"]),
            None if key["ends_at"] is None else datetime.fromisoformat(key["ends_at"]),
        )
        for key in orjson.loads(packed)
    )
