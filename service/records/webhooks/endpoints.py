"""What the operations on webhook endpoints share: signing keys, consent, and what enabling and disabling an endpoint
does to its deliveries and its health.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from service.events.feed.queue import LET_FIRST_GO, RELEASE
from service.events.feed.sequencer import STAND_STILL
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Resource
from service.framework.database.statements import Statement
from service.framework.outbound.signing_keys import KINDS, SigningKey, living, pack, unpack
from service.framework.outbound.standard_webhooks import key_of
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.secrets import Secrets, Unreadable
from service.records.context import Transaction, refuse

KIND = "webhook endpoint"
SEALED = Statement(
    sa.select(
        webhook_endpoints.c.secret_encrypted,
        webhook_endpoints.c.signature_kind,
        webhook_endpoints.c.transport_sealed,
        webhook_endpoints.c.event_types,
        webhook_endpoints.c.created_by,
    ).where(webhook_endpoints.c.id == bind("id", Uuid()), webhook_endpoints.c.deleted_at.is_(None))
)
"""The sealed columns of a live endpoint, and those that say who may use them."""


def delivering(*given: str, **fixed: Any) -> Statement:
    """Return the INSERT of a delivery that repeats an event. The `given` columns are bound by name, besides `id`,
    `endpoint_id` and `now` (when it is created and due); the `fixed` columns have the same value in every row.
    """
    now = bind("now", Instant())
    binds = {name: bind(name, deliveries.c[name]) for name in ("id", "endpoint_id", *given)}
    return Statement(sa.insert(deliveries).values({**binds, "attempts": 0, "next_at": now, "created_at": now, **fixed}))


NOT_ASKED: dict[str, Any] = {
    "state": "asked",
    "rate_per_minute": None,
    "asked_at": None,
    "answered_at": None,
    "tries": 0,
    "detail": None,
}
"""The consent of a receiver that has not been asked yet."""


def consent_columns(
    before: Mapping[str, Any] | None, changes: Mapping[str, Any], public_url: str | None, now: datetime
) -> dict[str, Any]:
    """Return the consent columns to write when an endpoint is created or changed. Raises Invalid for a handshake when
    the service has no public URL to ask in the name of.

    A new url or a new handshake withdraws the consent until the receiver gives it again. Any other change asks again,
    and a consent that was given stays valid meanwhile.
    """
    had = before is not None and before["handshake"]
    if not changes.get("handshake", had):
        return (
            {"consent": None, "consent_due_at": None, "awaits_consent": False, "allowed_per_minute": None}
            if had
            else {}
        )
    if "handshake" in changes and not origin_of(public_url):
        raise refuse(
            "/handshake",
            "public_url_missing",
            "The service has no public URL to ask in the name of. Set KAM_PUBLIC_URL",
        )
    if not had or "url" in changes:
        return {"consent": NOT_ASKED, "consent_due_at": now, "awaits_consent": True, "allowed_per_minute": None}
    return {"consent_due_at": now}


def origin_of(public_url: str | None) -> str:
    """Return the host name in whose name this service asks receivers for consent, or an empty string when it has no
    public URL.
    """
    return (urlsplit(public_url).hostname or "") if public_url else ""


def check_secret(secret: str | None, signature_kind: str) -> None:
    """Raise Invalid for a caller's own secret of the wrong form, or for any secret when the endpoint signs with v1a
    only.
    """
    if secret is None:
        return
    if "v1" not in KINDS[signature_kind]:
        raise refuse("/secret", "secret_not_taken", "An endpoint that signs with v1a takes no secret. Leave it out")
    try:
        key_of(secret)
    except ValueError:
        raise refuse("/secret", "secret_format", "A secret is whsec_ followed by 24 to 64 bytes in base64") from None


def sealed_ring(secrets: Secrets, ring: Sequence[SigningKey]) -> str:
    """Return signing keys encrypted for storage."""
    return secrets.seal(pack(ring))


def opened_ring(secrets: Secrets, sealed: str) -> tuple[SigningKey, ...]:
    """Return an endpoint's signing keys, newest first. Empty when they were encrypted with another service key:
    rotating the secret then makes new ones.
    """
    try:
        return unpack(secrets.open(sealed))
    except Unreadable:
        return ()


def without_ended(secrets: Secrets, sealed: str, now: datetime) -> dict[str, Any]:
    """Return the column of an endpoint's signing keys without those that have ended, or nothing when none has."""
    ring = opened_ring(secrets, sealed)
    kept = living(ring, now)
    return {"secret_encrypted": sealed_ring(secrets, kept)} if kept and len(kept) < len(ring) else {}


def shown_once(endpoint: Resource, new: Sequence[SigningKey]) -> Resource:
    """Return the endpoint with the secret and the public key of its new keys, for the one answer that shows them."""
    secret = next((key.secret for key in new if key.kind == "v1"), None)
    public_key = next((key.public_key for key in new if key.kind == "v1a"), None)
    shown = {**endpoint.data, "secret": secret, "public_key": public_key}
    return Resource(endpoint.version, orjson.dumps(shown), secret=True)


HEALTHY: dict[str, Any] = {
    "breaker_state": "closed",
    "breaker_failures": 0,
    "breaker_event": None,
    "breaker_mixed": False,
    "breaker_probes": 0,
    "breaker_allowed": 0,
    "breaker_arrived": 0,
    "breaker_opened_at": None,
    "breaker_probe_at": None,
    "failing_since": None,
    "failing_told": 0,
}
"""The health of an endpoint that was just enabled: no failures, a closed circuit breaker."""


async def stand_still(tx: Transaction) -> None:
    """Stop the sequencer from making deliveries until this transaction ends. Call it before locking an endpoint to
    enable or disable it, so that no delivery is made by the old state. PostgreSQL only; SQLite has one writer.
    """
    if tx.database_kind == "postgresql":
        await tx.value(STAND_STILL)


async def release(tx: Transaction, identifier: str) -> None:
    """Make the held deliveries of an endpoint pending, in their order."""
    await tx.execute(RELEASE, endpoint_id=identifier, now=tx.now)
    await tx.execute(LET_FIRST_GO, endpoint_id=identifier)
