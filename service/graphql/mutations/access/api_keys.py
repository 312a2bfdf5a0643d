"""Mutations of API keys."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, body, gives, identifier, if_version, scalar
from service.models.access.api_keys import ApiKeyCreate, ApiKeyRead
from service.operations.access import api_keys
from service.platform.types import Flag

API_KEY = gives("apiKey", ApiKeyRead)
VALUE = Gives("key", str | None, lambda result: result.data.get("key"), "The key's value, shown this once")
DESCENDANTS = scalar(
    Flag,
    bool | None,
    "descendants",
    "Also revoke every key that this key created, that those created, and so on",
    default=False,
)

MUTATIONS = (
    Call("createApiKey", api_keys.create_api_key, (body(ApiKeyCreate, "CreateApiKeyInput"),), (*API_KEY, VALUE)),
    Call("revokeApiKey", api_keys.revoke_api_key, (identifier(), DESCENDANTS, if_version()), API_KEY),
)
