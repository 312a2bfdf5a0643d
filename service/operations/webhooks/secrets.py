"""The signing keys of a webhook endpoint: read which ones are in use, and rotate them."""

from __future__ import annotations

from datetime import timedelta

import orjson

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.framework.outbound.signing_keys import UNKNOWN, SigningKey, fresh, rotated
from service.models.webhooks.transport import WebhookKeyRead, WebhookKeysRead, WebhookSecretRotation
from service.platform.errors import NotFound
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Context, operation
from service.records.rows import Expected, change, lock
from service.records.webhooks.endpoints import KIND, SEALED, check_secret, opened_ring, sealed_ring, shown_once
from service.records.webhooks.subscriptions import check_sight

_USUAL_ROTATION = WebhookSecretRotation()


async def get_webhook_secret(ctx: Context, identifier: str) -> Resource:
    """Read the keys that sign an endpoint's deliveries now: their ids and kinds, when they were made and when they end,
    and the public half of ed25519 keys. A symmetric secret is never shown again. Raises NotFound,
    and Forbidden for an endpoint of another key that takes event types which this key may not read.
    """
    now = ctx.services.clock.now()
    async with ctx.reading(Permission.WEBHOOK_READ) as reader:
        row = await reader.one(SEALED, id=identifier)
        if row is None:
            raise NotFound(KIND)
        await check_sight(reader, ctx.principal, {**row, "id": identifier}, now)
    ring = opened_ring(ctx.services.secrets, row["secret_encrypted"])
    keys = [_shown(key) for key in ring if key.lives(now)]
    read = WebhookKeysRead(endpoint_id=identifier, signature_kind=row["signature_kind"], keys=keys)
    return Resource(1, orjson.dumps(read.model_dump(mode="json")))


@operation
async def rotate_webhook_secret(
    ctx: Context, identifier: str, rotation: WebhookSecretRotation | None = None, expected: Expected = None
) -> Resource:
    """Make new signing keys for an endpoint. The answer shows them; no later answer does.

    Deliveries are signed with the new keys and with the previous ones until the grace is over (`grace_seconds`, 0 to
    604,800; a day by default), so the receiver may change over at any time in between. A key that was to end sooner
    keeps its end. At most five keys are in use at once; the oldest end first. A grace of 0 ends the previous keys at
    once: use it when a secret leaked. Raises NotFound, StaleVersion, Invalid, and
    Forbidden for an endpoint of another key that takes event types which this key may not read.
    """
    wanted = rotation or _USUAL_ROTATION
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = await lock(tx, WEBHOOK_ENDPOINTS, identifier, expected, KIND)
        await check_sight(tx.reader, ctx.principal, endpoint.data, tx.now)
        kind = wanted.signature_kind or endpoint.data["signature_kind"]
        check_secret(wanted.secret, kind)
        sealed = await tx.one(SEALED, id=identifier)
        known = opened_ring(ctx.services.secrets, sealed["secret_encrypted"]) if sealed else ()
        new = fresh(kind, tx.now, wanted.secret)
        ring = rotated(known, new, tx.now, timedelta(seconds=wanted.grace_seconds))
        columns = {"secret_encrypted": sealed_ring(ctx.services.secrets, ring), "signature_kind": kind}
        return tx.answer(shown_once(await change(tx, WEBHOOK_ENDPOINTS, identifier, columns), new), "rotated")


def _shown(key: SigningKey) -> WebhookKeyRead:
    return WebhookKeyRead(
        id=key.id,
        kind=key.kind,
        created_at=None if key.created_at == UNKNOWN else key.created_at,
        ends_at=key.ends_at,
        public_key=key.public_key,
    )
