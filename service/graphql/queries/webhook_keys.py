"""The query of the keys that deliveries are signed with."""

from __future__ import annotations

from typing import Any

from service.framework.graph.calls import Call, identifier, itself, shows
from service.models.webhooks.transport import WebhookKeysRead
from service.operations.webhooks import secrets as webhook_secrets
from service.records.context import Context


async def read_webhook_keys(ctx: Context, identifier: str) -> Any:
    """The keys that deliveries of a webhook endpoint are signed with now, newest first; never a symmetric secret."""
    return (await webhook_secrets.get_webhook_secret(ctx, identifier)).data


QUERIES = (Call("webhookKeys", read_webhook_keys, (identifier(),), shows(WebhookKeysRead, itself)),)
