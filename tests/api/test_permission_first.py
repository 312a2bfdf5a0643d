"""The permission that a route declares is checked before anything of the request is read, on every route."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx

from service.access.policy import Permission, granted
from service.app import PARTS
from service.framework.web.binding import Declared
from service.framework.web.router import LeanRoute

ROUTES = [route for part in PARTS for route in part.routes if isinstance(route, LeanRoute)]
NO_PERMISSION = {"/v1/me", "/v1/jobs/{id}", "/v1/jobs/{id}/cancel"}
"""The caller itself, and jobs, which the key that started them may read and cancel without a scope."""


def permission_of(route: LeanRoute) -> Any:
    declared: Declared = route.endpoint.__declared__  # type: ignore[attr-defined]
    return declared.permission


def path_of(route: LeanRoute) -> str:
    """A path of the route with ids of nothing."""
    return re.sub(r"\{\w+\}", "x", route.path_format.replace("{id}", str(uuid.uuid4())))


def test_every_route_declares_its_permission():
    assert {route.path_format for route in ROUTES if permission_of(route) is None} == NO_PERMISSION
    assert len(ROUTES) > 100


async def test_a_caller_without_the_permission_is_refused_before_the_body_is_read(make_client: Any) -> None:
    body, headers = b"[" * 1000, {"Content-Type": "application/json"}  # what no route takes
    for needed in filter(None, {permission_of(route) for route in ROUTES}):
        others = [each.value for each in Permission if needed not in granted([each.value])]
        without, with_it = await make_client(*others), await make_client(needed)
        for route in ROUTES:
            if permission_of(route) != needed:
                continue
            method, path = min((route.methods or set()) - {"HEAD"}), path_of(route)
            refused = await without.request(method, path, content=body, headers=headers)
            assert (refused.status_code, refused.json()["required_scope"]) == (403, needed), (method, path)
            if route.compiled.body is not None:
                taken = await with_it.request(method, path, content=body, headers=headers)
                assert taken.status_code in (400, 415, 422), (method, path)


async def test_values_of_a_body_are_counted_before_any_object_is_made(client: httpx.AsyncClient) -> None:
    nested = b"{" + b'"items":[' + b"[]," * 100_000 + b"[]]}"
    for path in ("/v1/accounts/batch", "/v1/people", "/graphql"):
        answer = await client.post(path, content=nested, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, path
        problem = answer.json()
        found = problem if path != "/graphql" else problem["errors"][0]["extensions"]
        assert [each["code"] for each in found["errors"]] == ["too_many_values"], path


async def test_at_most_a_hundred_members_are_named(client: httpx.AsyncClient) -> None:
    unknown = {f"m{number}": 1 for number in range(200)}
    for answer in (await client.post("/v1/people", json=unknown), await client.get("/v1/people", params=unknown)):
        assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)
    document = "mutation ($input: CreatePersonInput!) { createPerson(input: $input) { person { id } } }"
    answer = await client.post("/graphql", json={"query": document, "variables": {"input": {"name": "A", **unknown}}})
    assert 1 <= len(answer.json()["errors"]) <= 100
