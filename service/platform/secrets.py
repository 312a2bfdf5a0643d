"""Secrets at rest: sealed with AES-256-GCM under a key derived from `KAM_SECRET_KEY` (or the embedded default's own
key file).
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Secrets:
    """Seals and opens secrets that must be used again (webhook secrets); API keys are only ever hashed."""

    def __init__(self, key: str) -> None:
        self._cipher = AESGCM(hashlib.scrypt(key.encode(), salt=b"kam secrets v1", n=2**12, r=8, p=1, dklen=32))

    def seal(self, plain: bytes) -> str:
        """Encrypted and authenticated, as text fit for a column."""
        nonce = os.urandom(12)
        return "v1." + base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, None)).decode()

    def open(self, sealed: str) -> bytes:
        """The plain secret; raises `cryptography.exceptions.InvalidTag` when the key is another one."""
        raw = base64.urlsafe_b64decode(sealed.removeprefix("v1."))
        return self._cipher.decrypt(raw[:12], raw[12:], None)
