"""FastAPI's own part of a route is made when it is needed, and not for requests that the edge serves."""

from __future__ import annotations

from fastapi import FastAPI

from service.framework.web.answers import Answer, plain
from service.framework.web.router import LeanRoute, Part, declared_routes

part = Part("things")


@part.get("/things/{name}")
async def read_thing(name: str) -> Answer:
    """Read a thing."""
    return plain({"name": name})


def is_complete(route: object) -> bool:
    return "dependant" in vars(route)


def test_a_route_is_completed_by_what_reads_the_members_that_fastapi_makes() -> None:
    app = FastAPI()
    app.include_router(part)
    (route,) = (route for route in declared_routes(app.router.routes) if isinstance(route, LeanRoute))
    assert (route.path_format, route.methods, route.name) == ("/v1/things/{name}", {"GET"}, "read_thing")
    assert not is_complete(route)
    assert not hasattr(route, "no_such_member")
    assert is_complete(route)
    assert [each.name for each in route.dependant.path_params] == ["name"]
    assert "/v1/things/{name}" in app.openapi()["paths"]
