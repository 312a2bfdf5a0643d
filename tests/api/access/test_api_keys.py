"""API keys through HTTP: what they may do, what they may hand on, when they end, and that no value is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.access.api_keys import key_hash, looks_like_key
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys, idempotency_keys
from service.operations.access.api_keys import ensure_first_key
from service.platform.clock import SetClock
from service.records.context import Services
from tests.conftest import NOW

_STORED = Statement(sa.select(api_keys.c.hash, api_keys.c.prefix, api_keys.c.last_used_at).order_by(api_keys.c.id))
_ANSWERS = Statement(sa.select(idempotency_keys.c.body))


async def create(client: httpx.AsyncClient, *scopes: str, **members: Any) -> dict[str, Any]:
    """Create a key; the answer's body."""
    answer = await client.post("/v1/api-keys", json={"name": "Integration", "scopes": list(scopes), **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


async def test_a_key_is_shown_once_and_only_its_hash_is_stored(client: httpx.AsyncClient, services: Services) -> None:
    key = await create(client, "accounts:read")
    assert looks_like_key(key["key"]) and key["key"].startswith(key["prefix"])
    assert "key" not in (await client.get(f"/v1/api-keys/{key['id']}")).json()
    assert all("key" not in item and "hash" not in item for item in (await client.get("/v1/api-keys")).json()["items"])
    async with services.database.reading() as reader:
        stored = await reader.all(_STORED)
    assert key_hash(key["key"]) in {row["hash"] for row in stored}
    assert key["key"] not in str(stored)


async def test_the_stored_answer_of_a_retry_holds_no_readable_key(
    client: httpx.AsyncClient, services: Services
) -> None:
    send: dict[str, Any] = {"json": {"name": "A", "scopes": ["*"]}, "headers": {"Idempotency-Key": "k"}}
    first, second = await client.post("/v1/api-keys", **send), await client.post("/v1/api-keys", **send)
    assert first.json() == second.json() and second.headers["idempotent-replayed"] == "true"
    async with services.database.reading() as reader:
        answers = await reader.column(_ANSWERS)
    assert answers and all(first.json()["key"] not in body for body in answers)


async def test_a_key_says_who_it_is(client: httpx.AsyncClient) -> None:
    key = await create(client, "plans:write")
    me = (await client.get("/v1/me", headers=bearer(key))).json()
    assert me["id"] == key["id"] and me["permissions"] == ["plans:read", "plans:write"]


async def test_a_key_cannot_hand_on_more_than_it_has(make_client: Callable[..., Any]) -> None:
    clerk = await make_client("api_keys:write", "accounts:read")
    for scopes in (["*"], ["accounts:write"], ["accounts:*"], ["accounts:read", "events:read"]):
        refused = await clerk.post("/v1/api-keys", json={"name": "A", "scopes": scopes})
        assert refused.status_code == 403 and refused.json()["code"] == "insufficient_scope", scopes
    assert (await clerk.post("/v1/api-keys", json={"name": "A", "scopes": ["accounts:read"]})).status_code == 201
    admin = await make_client("*")
    stronger = await create(admin, "*")
    assert (await clerk.delete(f"/v1/api-keys/{stronger['id']}")).status_code == 403


async def test_a_revoked_key_stops_at_once(client: httpx.AsyncClient) -> None:
    key = await create(client, "accounts:read")
    assert (await client.get("/v1/accounts", headers=bearer(key))).status_code == 200
    assert (await client.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
    assert (await client.get("/v1/accounts", headers=bearer(key))).status_code == 401
    assert (await client.get(f"/v1/api-keys/{key['id']}")).json()["revoked"] is True
    assert (await client.delete(f"/v1/api-keys/{key['id']}")).status_code == 204


async def test_a_key_expires(client: httpx.AsyncClient, clock: SetClock) -> None:
    key = await create(client, "accounts:read", expires_at=(NOW + timedelta(hours=1)).isoformat())
    assert (await client.get("/v1/accounts", headers=bearer(key))).status_code == 200
    clock.advance(timedelta(hours=1))
    assert (await client.get("/v1/accounts", headers=bearer(key))).status_code == 401


async def test_last_use_is_written_by_the_sweep(client: httpx.AsyncClient, services: Services) -> None:
    key = await create(client, "accounts:read")
    await client.get("/v1/accounts", headers=bearer(key))
    await services.authenticator.write_last_use()
    assert (await client.get(f"/v1/api-keys/{key['id']}")).json()["last_used_at"] == "2026-11-21T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "A", "scopes": []}, "/scopes"),
        ({"name": "A", "scopes": ["everything"]}, "/scopes/0"),
        ({"name": "A", "scopes": ["accounts:read", "cars:read"]}, "/scopes/1"),
        ({"name": "A", "scopes": ["*"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"scopes": ["*"]}, "/name"),
    ],
)
async def test_bad_keys_are_refused_by_member(client: httpx.AsyncClient, body: dict[str, Any], pointer: str) -> None:
    refused = await client.post("/v1/api-keys", json=body)
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == pointer


async def test_the_first_start_makes_one_key(services: Services) -> None:
    value = "kam_" + "a" * 43
    with pytest.raises(ValueError, match="KAM_BOOTSTRAP_KEY"):
        await ensure_first_key(services, "secret")
    assert await ensure_first_key(services, value) == value
    assert await ensure_first_key(services) is None
