"""Keyset cursors: where a page ended, as text that only this service can make.

A cursor holds the sort values of a row and which list it belongs to, with a keyed checksum: one that was altered, or
that comes from another list
or another sort, is refused instead of silently skipping rows. It stays valid at any depth and while rows come and go.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson

from service.platform.clock import instant_text
from service.platform.errors import CursorInvalid
from service.platform.secrets import derived


class Cursors:
    """Makes and reads cursors with a key of this service."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @cached_property
    def _key(self) -> bytes:
        return derived(self._secret, b"kam cursors v1")

    @cached_property
    def _former_key(self) -> bytes:
        """The key of cursors up to version 0.1, which are still read: clients keep those of the feed."""
        return hashlib.blake2b(self._secret.encode(), person=b"kam cursors").digest()

    def encode(self, listing: str, values: list[Any]) -> str:
        """The cursor of a row in the list named `listing` (resource and sort)."""
        payload = orjson.dumps([_plain(value) for value in values])
        return base64.urlsafe_b64encode(_sign(self._key, listing, payload) + payload).decode().rstrip("=")

    def decode(self, listing: str, cursor: str, parameter: str = "after") -> list[Any]:
        """The values that `encode` was given, as JSON values; raises CursorInvalid."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raise CursorInvalid(parameter) from None
        signature, payload = raw[:9], raw[9:]
        if not hmac.compare_digest(signature, _sign(self._key, listing, payload)) and not hmac.compare_digest(
            signature, _sign(self._former_key, listing, payload)
        ):
            raise CursorInvalid(parameter)
        return orjson.loads(payload)  # type: ignore[no-any-return]


def _sign(key: bytes, listing: str, payload: bytes) -> bytes:
    return hashlib.blake2b(listing.encode() + b"\0" + payload, key=key, digest_size=9).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value
