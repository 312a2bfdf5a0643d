"""Ask a webhook receiver for its consent again."""

from __future__ import annotations

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.platform.errors import Conflict
from service.queries.webhooks.endpoints import WEBHOOK_ENDPOINTS
from service.records.context import Context, operation
from service.records.rows import change, lock
from service.records.webhooks.endpoints import KIND, NOT_ASKED
from service.records.webhooks.subscriptions import check_sight


@operation
async def ask_webhook_consent(ctx: Context, identifier: str) -> Resource:
    """Ask an endpoint's receiver for its consent again within moments (CloudEvents web hooks: OPTIONS with
    WebHook-Request-Origin). A consent that was given stays valid until the receiver answers. Raises NotFound,
    Conflict when the endpoint has no handshake or is disabled, and Forbidden for an endpoint of another key that takes
    event types which this key may not read.
    """
    async with ctx.transaction(Permission.WEBHOOK_WRITE) as tx:
        endpoint = (await lock(tx, WEBHOOK_ENDPOINTS, identifier, None, KIND)).data
        if not endpoint["handshake"]:
            raise Conflict("The endpoint asks for no consent, because its handshake is false")
        if not endpoint["enabled"]:
            raise Conflict("The endpoint is disabled. Enable it before asking for consent")
        await check_sight(tx.reader, ctx.principal, endpoint, tx.now)
        consent = endpoint["consent"]
        if consent is None or consent["state"] != "given":
            consent = NOT_ASKED
        columns = {"consent": consent, "consent_due_at": tx.now}
        return tx.answer(await change(tx, WEBHOOK_ENDPOINTS, identifier, columns), "accepted")
