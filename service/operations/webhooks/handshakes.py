"""Asking a receiver for its consent once more."""

from __future__ import annotations

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.platform.errors import Conflict
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Context, operation
from service.records.rows import change, lock
from service.records.webhooks.endpoints import KIND, NOT_ASKED


@operation
async def ask_webhook_consent(ctx: Context, identifier: str) -> Resource:
    """Ask the receiver of an endpoint for its consent again, within moments (CloudEvents web hooks: OPTIONS with
    WebHook-Request-Origin). A consent that was given stands until the answer comes. Raises NotFound, or Conflict when
    the endpoint has no handshake or is turned off.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = (await lock(tx, WEBHOOK_ENDPOINTS, identifier, None, KIND)).data
        if not endpoint["handshake"]:
            raise Conflict("This endpoint needs no consent: its handshake is off")
        if not endpoint["enabled"]:
            raise Conflict("This endpoint is turned off: nobody is asked")
        consent = endpoint["consent"]
        if consent is None or consent["state"] != "given":
            consent = NOT_ASKED
        columns = {"consent": consent, "consent_due_at": tx.now}
        return tx.answer(await change(tx, WEBHOOK_ENDPOINTS, identifier, columns), "accepted")
