"""Ask a webhook receiver for its consent again."""

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
    """Ask an endpoint's receiver for its consent again within moments (CloudEvents web hooks: OPTIONS with
    WebHook-Request-Origin). A consent that was given stays valid until the receiver answers. Raises NotFound, and
    Conflict when the endpoint has no handshake or is disabled.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = (await lock(tx, WEBHOOK_ENDPOINTS, identifier, None, KIND)).data
        if not endpoint["handshake"]:
            raise Conflict("The endpoint asks for no consent, because its handshake is false")
        if not endpoint["enabled"]:
            raise Conflict("The endpoint is disabled. Enable it before asking for consent")
        consent = endpoint["consent"]
        if consent is None or consent["state"] != "given":
            consent = NOT_ASKED
        columns = {"consent": consent, "consent_due_at": tx.now}
        return tx.answer(await change(tx, WEBHOOK_ENDPOINTS, identifier, columns), "accepted")
