"""What the operations on webhook endpoints share: the name of the kind, an endpoint's signing keys, and what turning it
on and off means for its deliveries and its health.
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
    ).where(webhook_endpoints.c.id == bind("id", Uuid()), webhook_endpoints.c.deleted_at.is_(None))
)
"""The sealed columns of a live endpoint."""


def delivering(*given: str, **fixed: Any) -> Statement:
    """INSERT of one delivery that is none of an event's first: `given` columns come with `endpoint_id` and `now`, when
    it is due and made; `fixed` are the same for all.
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
"""The consent of a receiver that was not asked yet."""


def consent_columns(
    before: Mapping[str, Any] | None, changes: Mapping[str, Any], public_url: str | None, now: datetime
) -> dict[str, Any]:
    """What an endpoint's creation or change means for its receiver's consent; raises Invalid when nobody could be asked
    on behalf of this service.

    A new url or a handshake turned on takes the consent away until it is given anew; any other change asks again, and
    what was given stands meanwhile.
    """
    had = before is not None and before["handshake"]
    if not changes.get("handshake", had):
        return (
            {"consent": None, "consent_due_at": None, "awaits_consent": False, "allowed_per_minute": None}
            if had
            else {}
        )
    if "handshake" in changes and not origin_of(public_url):
        raise refuse("/handshake", "public_url_missing", "The service has no public URL (KAM_PUBLIC_URL) to ask for")
    if not had or "url" in changes:
        return {"consent": NOT_ASKED, "consent_due_at": now, "awaits_consent": True, "allowed_per_minute": None}
    return {"consent_due_at": now}


def origin_of(public_url: str | None) -> str:
    """The DNS name by which this service asks receivers for their consent; empty when it has none."""
    return (urlsplit(public_url).hostname or "") if public_url else ""


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


def without_ended(secrets: Secrets, sealed: str, now: datetime) -> dict[str, Any]:
    """The column of an endpoint's signing keys, when some of them have ended and need not be kept any longer."""
    ring = opened_ring(secrets, sealed)
    kept = living(ring, now)
    return {"secret_encrypted": sealed_ring(secrets, kept)} if kept and len(kept) < len(ring) else {}


def shown_once(endpoint: Resource, new: Sequence[SigningKey]) -> Resource:
    """The endpoint with its new keys, as far as receivers need them."""
    secret = next((key.secret for key in new if key.kind == "v1"), None)
    public_key = next((key.public_key for key in new if key.kind == "v1a"), None)
    shown = {**endpoint.data, "secret": secret, "public_key": public_key}
    return Resource(endpoint.version, orjson.dumps(shown), secret=True)


ANEW: dict[str, Any] = {
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
"""An endpoint that is turned on begins without a history of failures."""


async def stand_still(tx: Transaction) -> None:
    """Before an endpoint is locked to be turned on or off: let no event become a delivery until this is committed."""
    if tx.database_kind == "postgresql":
        await tx.value(STAND_STILL)


async def release(tx: Transaction, identifier: str) -> None:
    """Make what is held for an endpoint pending, in its order."""
    await tx.execute(RELEASE, endpoint_id=identifier, now=tx.now)
    await tx.execute(LET_FIRST_GO, endpoint_id=identifier)
