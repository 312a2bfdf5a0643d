"""Middleware, overrides, routes and mounts of a FastAPI user work with the edge on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.principal import Principal
from service.app import create_app
from service.framework.web.admission import admitted
from service.framework.web.answers import Answer, plain
from service.framework.web.edge import Edge
from service.framework.web.router import Part
from service.platform.errors import Forbidden
from service.records.context import Context, Services
from service.rest.dependencies import Caller

MISSING = "/v1/accounts/0190b6a0-0000-7000-8000-00000000000a"


class Marking:
    """Middleware that marks every answer and counts the requests that it sees."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-marked", b"yes"))
            await send(message)

        self.seen.append(scope["path"])
        await self.app(scope, receive, marked)


def client_of(app: FastAPI, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kam.test", **options)


async def test_the_edge_is_the_first_middleware_and_is_called_directly(services: Services) -> None:
    app = create_app(services.settings, services=services)
    assert isinstance(app, FastAPI)
    assert [each.cls for each in app.user_middleware] == [Edge]
    assert isinstance(app.build_middleware_stack(), Edge)


async def test_middleware_added_later_runs_around_the_edge(services: Services) -> None:
    seen: list[str] = []
    app = create_app(services.settings, services=services)
    app.add_middleware(Marking, seen=seen)
    async with client_of(app) as client:
        refused = await client.get(MISSING)
        assert (refused.status_code, refused.headers["x-marked"]) == (401, "yes")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.get("/livez")).headers["x-marked"] == "yes"
        assert (await client.post("/graphql", json={"query": "{ __typename }"})).headers["x-marked"] == "yes"
    assert seen == [MISSING, "/livez", "/graphql"]


async def test_a_crash_around_the_edge_is_a_problem_too(services: Services) -> None:
    app = create_app(services.settings, services=services)

    @app.middleware("http")
    async def broken(request: Any, call_next: Any) -> Any:
        raise RuntimeError("broken")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kam.test") as client:
        answer = await client.get("/livez")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize("edge", [True, False])
async def test_an_override_of_the_context_takes_effect(services: Services, edge: bool) -> None:
    app = create_app(services.settings, services=services, edge=edge)
    reader = Principal.of("00000000-0000-7000-8000-00000000000a", "reader", ["accounts:read"])
    app.dependency_overrides[admitted] = lambda: Context(services, reader)
    async with client_of(app) as client:
        listed = await client.get("/v1/accounts", headers={"X-Request-Id": "mine"})
        assert (listed.status_code, listed.json()["items"]) == (200, [])
        assert listed.headers.get_list("x-request-id") == ["mine"]
        refused = await client.post("/v1/accounts", json={"name": "A"}, headers={"X-Request-Id": "mine"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "accounts:write")
        assert refused.json()["request_id"] == "mine"
        assert refused.headers.get_list("cache-control") == ["no-store"]
        app.dependency_overrides.clear()
        assert (await client.get("/v1/accounts")).status_code == 401


part = Part("extra")


async def region() -> str:
    """A dependency of somebody else's."""
    return "north"


async def forbid() -> None:
    """A dependency that refuses."""
    raise Forbidden("extra:read")


@part.get("/extra", summary="Read an extra")
async def read_extra(ctx: Caller, region: Annotated[str, Depends(region)]) -> Answer:
    """Takes a dependency besides the context."""
    return plain({"caller": ctx.principal.name, "region": region})


@part.get("/forbidden", summary="Forbid", dependencies=[Depends(forbid)])
async def read_forbidden(ctx: Caller) -> Answer:
    """Is never reached."""
    raise AssertionError


@pytest.mark.parametrize("edge", [True, False])
async def test_other_dependencies_of_a_part_are_solved(
    services: Services, make_client: Callable[..., Any], edge: bool
) -> None:
    key = (await make_client("*")).headers["authorization"]
    app = create_app(services.settings, services=services, parts=[part], edge=edge)
    async with client_of(app, headers={"Authorization": key}) as client:
        assert (await client.get("/v1/extra")).json() == {"caller": "test", "region": "north"}
        app.dependency_overrides[region] = lambda: "south"
        assert (await client.get("/v1/extra")).json()["region"] == "south"
        assert (await client.get("/v1/forbidden")).json()["required_scope"] == "extra:read"
        assert (await client.get("/v1/accounts")).status_code == 404


async def test_own_routes_and_mounts_are_served(services: Services) -> None:
    app = create_app(services.settings, services=services)

    @app.get("/own/{number}")
    async def own(number: int) -> dict[str, int]:
        return {"number": number}

    app.mount("/files", PlainTextResponse("a file"))
    async with client_of(app) as client:
        answer = await client.get("/own/7", headers={"X-Request-Id": "mine"})
        assert (answer.json(), answer.headers["x-request-id"]) == ({"number": 7}, "mine")
        wrong = await client.get("/own/x")
        assert (wrong.status_code, wrong.json()["errors"][0]["parameter"]) == (422, "number")
        assert (await client.get("/files/a/b")).text == "a file"
        assert (await client.head("/files/a/b")).status_code == 200
        missing = await client.get("/nothing")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_fastapis_test_client_runs_the_lifespan(settings: Any) -> None:
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").json()["checks"] == {"database": "ok"}
        assert client.get("/v1/scoring-models").status_code == 401
