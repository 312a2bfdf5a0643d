"""The query of the caller."""

from typing import Any

from service.framework.graph.calls import Call, itself, shows
from service.models.access.api_keys import Me
from service.operations.access import api_keys
from service.records.context import Context


async def read_me(ctx: Context) -> dict[str, Any]:
    """The calling key, its scopes and its permissions."""
    return api_keys.read_me(ctx).model_dump(mode="json")


QUERIES = (Call("me", read_me, (), shows(Me, itself)),)
