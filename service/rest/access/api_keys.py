"""API keys and the caller itself over HTTP."""

from typing import Annotated

from fastapi import Body, Query
from pydantic import Field

from service.access.policy import Permission
from service.framework.web.answers import Answer, created, found, no_content, page, plain
from service.framework.web.router import Inquiry, Part, PathId
from service.models.access.api_keys import ApiKeyCreate, ApiKeyCreated, ApiKeyRead, Me
from service.operations.access import api_keys
from service.platform.errors import Forbidden
from service.platform.types import Flag, Shape
from service.queries.access.api_keys import API_KEYS
from service.rest.dependencies import Caller, list_query, page_of, page_request

part = Part("access", reads=Permission.API_KEY_READ, writes=Permission.API_KEY_WRITE)

ApiKeyListQuery = list_query("ApiKeyListQuery", API_KEYS)
ApiKeyPage = page_of("ApiKeyPage", ApiKeyRead)


@part.get("/me", response_model=Me, summary="Read the calling key", permission=None)
async def read_me(ctx: Caller) -> Answer:
    """Shows the calling key, its scopes and its permissions."""
    return plain(api_keys.read_me(ctx))


@part.post(
    "/api-keys",
    response_model=ApiKeyCreated,
    summary="Create an API key",
    location="/v1/api-keys/{id}",
    errors=[Forbidden],
)
async def create_api_key(ctx: Caller, data: Annotated[ApiKeyCreate, Body()]) -> Answer:
    """Creates a key. Its value is shown in this answer only. A key can't create a key with a scope that it lacks
    itself, nor one that expires later than itself (422 `later_than_maker`).
    """
    return created(await api_keys.create_api_key(ctx, data))


@part.get("/api-keys", response_model=ApiKeyPage, summary="List API keys")
async def list_api_keys(ctx: Caller, query: Annotated[ApiKeyListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists keys, without their values."""
    return page(await api_keys.list_api_keys(ctx, page_request(query, API_KEYS)))


@part.get("/api-keys/{id}", response_model=ApiKeyRead, summary="Read an API key")
async def read_api_key(ctx: Caller, id: PathId) -> Answer:
    """Reads a key, without its value."""
    return found(await api_keys.get_api_key(ctx, id))


class ApiKeyRevocation(Shape):
    """Query of the revocation of a key."""

    descendants: Flag = Field(
        default=False, description="Also revoke every key that this key created, that those created, and so on"
    )


@part.delete("/api-keys/{id}", summary="Revoke an API key", errors=[Forbidden])
async def revoke_api_key(ctx: Caller, id: PathId, query: Annotated[ApiKeyRevocation, Query()], info: Inquiry) -> Answer:
    """Revokes a key: it stops working at once in the process that answers and within five seconds in others, and its
    streams and sockets end. The webhook endpoints that it owns are disabled. With `descendants=true` every key that
    came from it is revoked too.
    """
    return no_content(await api_keys.revoke_api_key(ctx, id, query.descendants, info.expected))
