"""The query of the caller."""

from __future__ import annotations

from typing import Any

from service.framework.graph.calls import Call, itself, shows
from service.models.access.api_keys import Me
from service.records.context import Context


async def read_me(ctx: Context) -> dict[str, Any]:
    """Which key is asking and what it may do."""
    caller = ctx.principal
    me = Me(
        id=caller.id,
        name=caller.name,
        scopes=list(caller.scopes),
        permissions=sorted(caller.permissions),
        expires_at=caller.expires_at,
    )
    return me.model_dump(mode="json")


QUERIES = (Call("me", read_me, (), shows(Me, itself)),)
