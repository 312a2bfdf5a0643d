"""What the operations on webhook endpoints share: the name of the kind, and an endpoint's signing keys."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import sqlalchemy as sa

from service.models.webhooks import webhook_endpoints
from service.operations.context import refuse
from service.platform.columns import Uuid
from service.platform.database import Resource
from service.platform.secrets import Secrets, Unreadable
from service.platform.signing_keys import KINDS, SigningKey, pack, unpack
from service.platform.standard_webhooks import key_of
from service.platform.statements import Statement

KIND = "webhook endpoint"
SEALED = Statement(
    sa.select(
        webhook_endpoints.c.secret_encrypted,
        webhook_endpoints.c.signature_kind,
        webhook_endpoints.c.transport_sealed,
    ).where(webhook_endpoints.c.id == sa.bindparam("id", type_=Uuid()), webhook_endpoints.c.deleted_at.is_(None))
)
"""The sealed columns of a live endpoint."""


def check_secret(secret: str | None, signature_kind: str) -> None:
    """Raise Invalid for a caller's own secret that is none, or that an endpoint of this kind would not sign with."""
    if secret is None:
        return
    if "v1" not in KINDS[signature_kind]:
        raise refuse("/secret", "secret_not_taken", "An endpoint that signs with v1a only has no symmetric secret")
    try:
        key_of(secret)
    except ValueError:
        raise refuse("/secret", "secret_format", "Must be whsec_ and the base64 of 24 to 64 bytes") from None


def sealed_ring(secrets: Secrets, ring: Sequence[SigningKey]) -> str:
    """Signing keys as they stand in an endpoint's row."""
    return secrets.seal(pack(ring))


def opened_ring(secrets: Secrets, sealed: str) -> tuple[SigningKey, ...]:
    """An endpoint's signing keys, newest first; none when they were sealed with another key than the present one, for
    a rotation is the way out of that.
    """
    try:
        return unpack(secrets.open(sealed))
    except Unreadable:
        return ()


def shown_once(endpoint: Resource, new: Sequence[SigningKey]) -> Resource:
    """The endpoint with its new keys, as far as receivers need them."""
    secret = next((key.secret for key in new if key.kind == "v1"), None)
    public_key = next((key.public_key for key in new if key.kind == "v1a"), None)
    shown = {**endpoint.data, "secret": secret, "public_key": public_key}
    return Resource(endpoint.version, orjson.dumps(shown), secret=True)
