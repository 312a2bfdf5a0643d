"""Seal stored secrets with AES-256-GCM under a key derived from `KAM_SECRET_KEY` (or from the embedded database's key
file).
"""

import base64
import hashlib
import os
from functools import cached_property, lru_cache
from typing import Any


@lru_cache(maxsize=8)
def derived(secret: str, purpose: bytes) -> bytes:
    """Return the 32 bytes that scrypt derives from `KAM_SECRET_KEY` for one purpose. The first call takes about 15 ms
    and 4 MB; later ones return the same bytes at once.
    """
    return hashlib.scrypt(secret.encode(), salt=purpose, n=2**12, r=8, p=1, dklen=32)


class Unreadable(Exception):
    """A sealed secret that this key does not open, or that was damaged."""


class Secrets:
    """Seal and open secrets that the service uses again, such as webhook secrets. API keys are only hashed."""

    def __init__(self, key: str) -> None:
        self._secret = key

    def seal(self, plain: bytes) -> str:
        """Return a secret encrypted and authenticated, as text for a column."""
        nonce = os.urandom(12)
        return "v1." + base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, None)).decode()

    def open(self, sealed: str) -> bytes:
        """Return the plain secret. Raises Unreadable when it was sealed with another key."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see _cipher

        raw = base64.urlsafe_b64decode(sealed.removeprefix("v1."))
        try:
            plain: bytes = self._cipher.decrypt(raw[:12], raw[12:], None)
        except InvalidTag as error:
            raise Unreadable from error
        return plain

    @cached_property
    def _cipher(self) -> Any:
        """Return the cipher, made with the first secret: the library takes 7 MB that a service without webhooks does
        not need.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        return AESGCM(derived(self._secret, b"kam secrets v1"))
