"""Standard Webhooks 1.0.0: secrets and signatures, symmetric (`v1`, HMAC-SHA256, `whsec_` + base64 of 24 to 64 random
bytes) and asymmetric (`v1a`, ed25519, `whsk_` + base64 of seed and public key, `whpk_` + base64 of the public key).

Our own code on the standard library, because it runs for every delivery, and the reference library drops the offset of
a timestamp, leaks exceptions of its parsers and lacks `v1a`. A signature covers the bytes `id.timestamp.body`. A
receiver accepts any of several signatures, so keys may overlap.
"""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable

PREFIX = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"
SHORTEST, LONGEST = 24, 64
"""The length of a symmetric key, in bytes."""

Verify = Callable[[bytes, str], bool]
"""Whether any signature in the header `webhook-signature` fits the signed content."""

SEED = 32
"""The length of an ed25519 seed and of its public key, in bytes."""

Sign = Callable[[bytes], str]
"""Returns one signature of the header `webhook-signature` for the signed content."""


def new_secret(size: int = 32) -> str:
    """Make a symmetric secret of `size` random bytes (24 to 64), serialised."""
    if not SHORTEST <= size <= LONGEST:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return PREFIX + b64encode(secrets.token_bytes(size)).decode()


def new_private_key() -> str:
    """Make an ed25519 key, serialised."""
    seed = secrets.token_bytes(SEED)
    return PRIVATE + b64encode(seed + _public_bytes(seed)).decode()


def public_key_of(private: str) -> str:
    """Return the public key of a serialised private key. Raises ValueError for anything else."""
    return PUBLIC + b64encode(_seed_and_public(private)[1]).decode()


def key_of(secret: str) -> bytes:
    """Return the key bytes of a serialised symmetric secret. Raises ValueError for anything else."""
    if not secret.startswith(PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return key


def signing(secret: str) -> Sign:
    """Return the function that signs with a serialised secret or private key. Raises ValueError for anything else."""
    if secret.startswith(PRIVATE):
        return _asymmetric(_seed_and_public(secret)[0])
    return _symmetric(key_of(secret))


def signature(signs: Iterable[Sign], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one `version,base64` for each key, in order. `timestamp` is in Unix
    seconds; the id holds no full stop.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join([sign(content) for sign in signs])


def verifying(key: str) -> Verify:
    """Return the function that checks signatures with a serialised secret or public key. Raises ValueError for anything
    else.
    """
    if key.startswith(PUBLIC):
        return _verifying_with(_raw_public(key))
    sign = _symmetric(key_of(key))

    def verify(content: bytes, header: str) -> bool:
        expected = sign(content).encode()
        return any(hmac.compare_digest(expected, one.encode()) for one in header.split())

    return verify


def _verifying_with(public: bytes) -> Verify:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy, seldom
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    known = Ed25519PublicKey.from_public_bytes(public)

    def verify(content: bytes, header: str) -> bool:
        for one in header.split():
            if one.startswith("v1a,"):
                try:
                    known.verify(b64decode(one[4:], validate=True), content)
                except (InvalidSignature, ValueError):
                    continue
                return True
        return False

    return verify


def _raw_public(key: str) -> bytes:
    try:
        raw = b64decode(key.removeprefix(PUBLIC), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook public key is whpk_ and base64") from None
    if len(raw) != SEED:
        raise ValueError("a webhook public key has 32 bytes")
    return raw


def _symmetric(key: bytes) -> Sign:
    def sign(content: bytes) -> str:
        return "v1," + binascii.b2a_base64(hmac.digest(key, content, "sha256"), newline=False).decode()

    return sign


def _asymmetric(seed: bytes) -> Sign:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy, seldom

    key = Ed25519PrivateKey.from_private_bytes(seed)

    def sign(content: bytes) -> str:
        return "v1a," + binascii.b2a_base64(key.sign(content), newline=False).decode()

    return sign


def _seed_and_public(private: str) -> tuple[bytes, bytes]:
    """Return the seed and the public key of a serialised private key. Raises ValueError unless they belong together."""
    if not private.startswith(PRIVATE):
        raise ValueError("a webhook private key begins with whsk_")
    try:
        raw = b64decode(private.removeprefix(PRIVATE), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook private key is whsk_ and base64") from None
    seed, public = raw[:SEED], raw[SEED:]
    if len(raw) != 2 * SEED or _public_bytes(seed) != public:
        raise ValueError("a webhook private key is a seed of 32 bytes and its public key")
    return seed, public


def _public_bytes(seed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy, seldom

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
