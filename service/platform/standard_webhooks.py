"""Standard Webhooks 1.0.0, symmetric scheme `v1`: secrets (`whsec_` + base64 of 24 to 64 random bytes) and
signatures.

Own code on the standard library: it stands on the hot path of every delivery, and the reference library drops the
offset of a timestamp and leaks odd exceptions. Signed are the bytes `id.timestamp.body`; a receiver accepts any of
the signatures, so two secrets may overlap.
"""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes a key may have."""


def new_secret(size: int = 32) -> str:
    """A fresh secret of `size` random bytes (24 to 64), in its serialised form."""
    if not SHORTEST <= size <= LONGEST:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return PREFIX + b64encode(secrets.token_bytes(size)).decode()


def key_of(secret: str) -> bytes:
    """The key bytes of a serialised secret; ValueError when it is none."""
    if not secret.startswith(PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return key


def pack(secrets_: Iterable[str]) -> bytes:
    """An endpoint's live secrets, newest first, as the bytes that are sealed into its row; ValueError for a
    malformed one.
    """
    live = list(secrets_)
    for secret in live:
        key_of(secret)
    return " ".join(live).encode()


def keys_in(packed: bytes) -> tuple[bytes, ...]:
    """The keys of the secrets that `pack` joined, in their order."""
    return tuple(key_of(secret) for secret in packed.decode().split())


def signature(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one `v1,base64` for each key, in order. `timestamp` is in Unix seconds; the
    id holds no full stop.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(
        ["v1," + binascii.b2a_base64(hmac.digest(key, content, "sha256"), newline=False).decode() for key in keys]
    )
