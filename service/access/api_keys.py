"""The form of an API key: `kam_` and 256 random bits. Only its SHA-256 is kept: random keys need no slow hash."""

import hashlib
import re
import secrets

PREFIX = "kam_"
SHOWN = 12
_FORM = re.compile(r"kam_[A-Za-z0-9_-]{43}")


def new_key() -> str:
    """Return a new key value."""
    return PREFIX + secrets.token_urlsafe(32)


def looks_like_key(text: str) -> bool:
    """Return whether a text has the form of a key."""
    return _FORM.fullmatch(text) is not None


def key_hash(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal, which is stored and looked up."""
    return hashlib.sha256(key.encode()).hexdigest()
