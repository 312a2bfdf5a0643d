"""Routes as the parts declare them."""

from __future__ import annotations

from fastapi.routing import iter_route_contexts

from service.app import declared
from service.framework.web.router import declared_routes


def test_what_is_dispatched_is_what_the_framework_documents() -> None:
    app = declared()
    ours = [(route.path_format, route.methods) for route in declared_routes(app.router.routes)]  # type: ignore[attr-defined]
    assert ours == [(context.path_format, context.methods) for context in iter_route_contexts(app.router.routes)]
    assert len(ours) > 100
