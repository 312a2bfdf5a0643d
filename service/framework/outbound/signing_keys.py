"""The keys that one webhook endpoint signs with, as they are sealed into its row: several at once while they rotate.

A key has an id, a kind (`v1` or `v1a`), when it was made and, once it was rotated out, when it ends. Whoever reads a
ring leaves out what has ended; whoever writes one drops it.
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
"""Which keys an endpoint's `signature_kind` asks for."""

MOST_LIVE = 5
"""Keys of an endpoint that sign at once, at most."""

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""When keys were made that are from before this was kept."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; `secret` is `whsec_...` or `whsk_...`, `ends_at` is None while it is not rotated out."""

    id: str
    kind: KeyKind
    secret: str
    created_at: datetime
    ends_at: datetime | None = None

    def lives(self, now: datetime) -> bool:
        """Whether deliveries are still signed with it."""
        return self.ends_at is None or self.ends_at > now

    @property
    def public_key(self) -> str | None:
        """What receivers verify with, of an ed25519 key; a symmetric key has no part that may be shown."""
        return public_key_of(self.secret) if self.kind == "v1a" else None


def fresh(signature_kind: str, now: datetime, given: str | None = None) -> list[SigningKey]:
    """New keys for `v1`, `v1a` or `both`; `given` is the symmetric secret to use instead of a random one."""
    return [
        SigningKey(new_id(), kind, (given or new_secret()) if kind == "v1" else new_private_key(), now)
        for kind in KINDS[signature_kind]
    ]


def rotated(ring: Sequence[SigningKey], new: Sequence[SigningKey], now: datetime, grace: timedelta) -> list[SigningKey]:
    """The ring after a rotation: the new keys, then those before, which end with the grace (or when they would have
    ended anyway). With more than five the oldest go at once.
    """
    until = now + grace
    before = [replace(key, ends_at=until if key.ends_at is None else min(key.ends_at, until)) for key in ring]
    return [*new, *living(before, now)][:MOST_LIVE]


def living(ring: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """The keys of a ring that have not ended."""
    return [key for key in ring if key.lives(now)]


def pack(ring: Iterable[SigningKey]) -> bytes:
    """A ring as the bytes that are sealed, newest key first."""
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
    """The ring that `pack` made, or of the secrets joined by spaces that endpoints had before keys had ids."""
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
