"""Keys that come from keys: when they end, who made them, and that a revocation reaches all of them, in a race too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.access.principal import Principal
from service.models.access.api_keys import ApiKeyCreate
from service.operations.access.api_keys import create_api_key, revoke_api_key
from service.platform.clock import SetClock, instant_text
from service.platform.errors import Unauthenticated
from service.platform.ids import SYSTEM_ID
from service.platform.settings import Settings
from service.records.context import Context, Services, system_context
from service.records.services import make_services
from tests.conftest import NOW

HOUR = instant_text(NOW + timedelta(hours=1))
CREATE = (
    "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { id createdBy expiresAt } } }"
)


async def made(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await client.post("/v1/api-keys", json={"name": "A", "scopes": ["*"], **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def using(client: httpx.AsyncClient, key: dict[str, Any]) -> httpx.AsyncClient:
    """A client with the same application and another key."""
    headers = {"Authorization": f"Bearer {key['key']}"}
    return httpx.AsyncClient(transport=client._transport, base_url="http://kam.test", headers=headers)


async def graph(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    return dict(answer.json())


async def test_a_key_ends_with_its_maker_unless_it_ends_before(client: httpx.AsyncClient) -> None:
    maker = using(client, await made(client, expires_at=HOUR))
    assert (await made(maker))["expires_at"] == HOUR
    assert (await made(maker, expires_at=HOUR))["expires_at"] == HOUR
    sooner = instant_text(NOW + timedelta(minutes=1))
    assert (await made(maker, expires_at=sooner))["expires_at"] == sooner
    assert (await made(client))["expires_at"] is None
    for later in (instant_text(NOW + timedelta(hours=1, microseconds=1)), None):
        refused = await maker.post("/v1/api-keys", json={"name": "A", "scopes": ["*"], "expires_at": later})
        problem = refused.json()["errors"][0]
        assert (refused.status_code, problem["pointer"], problem["code"]) == (422, "/expires_at", "later_than_maker")
        assert HOUR in problem["message"]
        answer = await graph(maker, CREATE, input={"name": "A", "scopes": ["*"], "expiresAt": later})
        assert answer["errors"][0]["extensions"]["errors"][0]["code"] == "later_than_maker"
    inherited = (await graph(maker, CREATE, input={"name": "A", "scopes": ["*"]}))["data"]["createApiKey"]["apiKey"]
    assert inherited["expiresAt"] == HOUR


async def test_keys_show_and_are_listed_by_their_maker(client: httpx.AsyncClient) -> None:
    parent = await made(client)
    child = await made(using(client, parent))
    assert parent["created_by"] == (await client.get("/v1/me")).json()["id"] and child["created_by"] == parent["id"]
    assert (await client.get(f"/v1/api-keys/{child['id']}")).json()["created_by"] == parent["id"]
    listed = (await client.get("/v1/api-keys", params={"created_by": parent["id"]})).json()["items"]
    assert [key["id"] for key in listed] == [child["id"]]
    by_line = (await client.get("/v1/api-keys", params={"created_by": SYSTEM_ID})).json()["items"]
    assert [key["id"] for key in by_line] == [parent["created_by"]]
    query = "query($by: ID!) { apiKeys(first: 5, filter: {createdBy: {eq: $by}}) { nodes { id createdBy } } }"
    nodes = (await graph(client, query, by=parent["id"]))["data"]["apiKeys"]["nodes"]
    assert nodes == [{"id": child["id"], "createdBy": parent["id"]}]
    assert (await client.get("/v1/api-keys", params={"created_by": "me"})).status_code == 422


@pytest.mark.parametrize("over_graphql", [False, True])
async def test_a_revocation_reaches_descendants_when_it_is_asked_to(
    client: httpx.AsyncClient, over_graphql: bool
) -> None:
    keys = [await made(client)]
    for _ in range(3):
        keys.append(await made(using(client, keys[-1])))
    cousin = await made(client)
    root, clients = keys[0]["id"], [using(client, key) for key in keys]
    assert (await client.delete(f"/v1/api-keys/{keys[2]['id']}")).status_code == 204
    assert [(await each.get("/v1/me")).status_code for each in clients] == [200, 200, 401, 200]
    if over_graphql:
        mutation = "mutation($id: ID!) { revokeApiKey(id: $id, descendants: true) { outcome apiKey { revoked } } }"
        answer = await graph(client, mutation, id=root)
        assert answer["data"]["revokeApiKey"] == {"outcome": "revoked", "apiKey": {"revoked": True}}
    else:
        assert (await client.delete(f"/v1/api-keys/{root}", params={"descendants": "true"})).status_code == 204
    assert [(await each.get("/v1/me")).status_code for each in clients] == [401] * 4
    assert (await using(client, cousin).get("/v1/me")).status_code == 200
    versions = [(await client.get(f"/v1/api-keys/{key['id']}")).json()["version"] for key in keys]
    assert versions == [2, 2, 2, 2]


async def test_descendants_of_a_revoked_key_can_still_be_revoked(client: httpx.AsyncClient) -> None:
    parent = await made(client)
    child = await made(using(client, parent))
    await client.delete(f"/v1/api-keys/{parent['id']}")
    assert (await using(client, child).get("/v1/me")).status_code == 200
    await client.delete(f"/v1/api-keys/{parent['id']}?descendants=true")
    assert (await using(client, child).get("/v1/me")).status_code == 401


async def test_only_who_has_its_scopes_revokes_what_came_from_a_key(
    client: httpx.AsyncClient, make_client: Callable[..., Any]
) -> None:
    parent = await made(client)
    await made(using(client, parent))
    await client.delete(f"/v1/api-keys/{parent['id']}")
    clerk = await make_client("api_keys:write")
    assert (await clerk.delete(f"/v1/api-keys/{parent['id']}")).status_code == 204  # nothing to do
    assert (await clerk.delete(f"/v1/api-keys/{parent['id']}?descendants=true")).status_code == 403


async def test_a_key_that_another_process_revoked_or_that_expired_makes_no_key(
    settings: Settings, services: Services, clock: SetClock
) -> None:
    system = system_context(services)
    data = ApiKeyCreate(name="A", scopes=["*"])
    revoked, expired = [
        (await create_api_key(system, ApiKeyCreate.model_validate_json(text))).data
        for text in ('{"name": "A", "scopes": ["*"]}', f'{{"name": "A", "scopes": ["*"], "expires_at": "{HOUR}"}}')
    ]
    other = make_services(settings, clock)
    await other.database.open()
    await revoke_api_key(system_context(other), revoked["id"])
    await other.database.close()
    clock.advance(timedelta(hours=1))
    for key in (revoked, expired):
        # as this process still knows the caller, for some seconds
        caller = Principal.of(key["id"], "A", ["*"])
        with pytest.raises(Unauthenticated):
            await create_api_key(Context(services, caller), data)


async def test_a_key_that_is_revoked_while_it_makes_keys_leaves_none_behind(client: httpx.AsyncClient) -> None:
    for _ in range(15):
        parent = await made(client)
        child = await made(using(client, parent))
        makers = [using(client, parent), using(client, child)]
        answers = await asyncio.gather(
            *(maker.post("/v1/api-keys", json={"name": "A", "scopes": ["*"]}) for maker in makers * 2),
            client.delete(f"/v1/api-keys/{parent['id']}?descendants=true"),
            *(maker.post("/v1/api-keys", json={"name": "A", "scopes": ["*"]}) for maker in makers * 2),
        )
        assert {answer.status_code for answer in answers} <= {201, 204, 401}
        for maker in (parent, child):
            listed = (await client.get("/v1/api-keys", params={"created_by": maker["id"]})).json()["items"]
            assert all(key["revoked"] for key in listed)


async def test_making_and_revoking_keys_take_a_fixed_number_of_statements(
    client: httpx.AsyncClient, services: Services
) -> None:
    parent = await made(client)
    child = await made(using(client, parent))
    costs = []
    for path in ("", f"/{child['id']}", f"/{parent['id']}?descendants=true"):
        before = services.database.statements
        if path:
            await client.delete(f"/v1/api-keys{path}")
        else:
            await made(client)
        costs.append(services.database.statements - before)
    # begin, hold the maker, insert | begin, lock, change, endpoints (2) | begin, lock, change, two generations, revoke,
    # endpoints (2); SQLite has one writer and looks for endpoints once
    assert costs == {"postgresql": [3, 5, 8], "sqlite": [3, 4, 7]}[services.database.kind]
