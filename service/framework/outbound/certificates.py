"""Client certificates: a PEM chain with the certificate first, and its private key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.platform.clock import instant_text

LONGEST_CHAIN = 5


class Unusable(Exception):
    """Raised for an unusable chain or key; `member` names which of the two, the text gives the reason."""

    def __init__(self, member: str, code: str, message: str) -> None:
        super().__init__(message)
        self.member = member
        self.code = code


@dataclass(frozen=True, slots=True)
class Described:
    """The public facts of a client certificate."""

    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str

    def document(self) -> dict[str, Any]:
        """Return the document that is stored and shown."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "serial_number": self.serial_number,
            "not_before": instant_text(self.not_before),
            "not_after": instant_text(self.not_after),
            "fingerprint_sha256": self.fingerprint_sha256,
        }


def described(chain: str, key: str, now: datetime) -> Described:
    """Describe a chain's first certificate. Raises Unusable unless the chain parses, is in force and fits the key."""
    from cryptography import x509  # noqa: PLC0415 - heavy, seldom
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
        leaf = certificates[0]
        public = leaf.public_key()
        subject, issuer = (name.rfc4514_string().replace("\0", "") or "-" for name in (leaf.subject, leaf.issuer))
    except Exception:
        raise Unusable("certificate", "certificate_format", "Must be certificates in PEM") from None
    if len(certificates) > LONGEST_CHAIN:
        raise Unusable("certificate", "chain_too_long", f"Must be at most {LONGEST_CHAIN} certificates")
    if leaf.not_valid_after_utc <= now:
        raise Unusable("certificate", "certificate_expired", "The certificate is no longer valid")
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except Exception:
        raise Unusable("private_key", "key_format", "Must be one private key in PEM, without a passphrase") from None
    if _bytes_of(private.public_key()) != _bytes_of(public):
        raise Unusable("private_key", "key_mismatch", "The key is not that of the first certificate")
    return Described(
        subject[:500],
        issuer[:500],
        f"{leaf.serial_number:x}",
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
        leaf.fingerprint(hashes.SHA256()).hex(),
    )


def _bytes_of(public: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    encoded: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded
