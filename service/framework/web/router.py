"""How a part of the REST API declares its routes.

FastAPI declares and documents them (`openapi.json` comes from real APIRoutes); the edge runs them, through arguments
compiled once from the same signature. An endpoint may take, by name: path parameters, one query shape
(`Annotated[Shape, Query()]`), one JSON body (`Annotated[Shape, Body()]`; `bytes` for other media), the context
(`Annotated[Context, Security(bearer)]`) and the `Inquiry`. A route without a context is public.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.routing import BaseRoute

from service.framework.web.conditional import expected_versions
from service.platform.errors import KamError, Unavailable
from service.platform.idempotency import Idempotency
from service.platform.types import Id

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

JSON = ("application/json",)
MERGE_PATCH = ("application/merge-patch+json", "application/json")

bearer = HTTPBearer(
    scheme_name="apiKey",
    auto_error=False,
    bearerFormat="kam_...",
    description="An API key: `Authorization: Bearer kam_...`",
)

PathId = Annotated[Id, Path(description="Id, a UUID; text that is none names nothing and gives 404")]


@dataclass(slots=True)
class Asked:
    """A request as the edge read it: what a context may need to know of it, without knowing HTTP."""

    method: str
    raw_path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    request_id: str
    template: str = "unmatched"
    key_id: str | None = None
    quota: bytes | None = None
    idempotency: Idempotency | None = None
    """The caller's Idempotency-Key with the fingerprint of this request; None when none was sent."""

    @property
    def expected(self) -> tuple[int, ...] | None:
        """The versions that this write may replace (If-Match); None when any will do."""
        return expected_versions(self.headers.get(b"if-match"))

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context as it came."""
        given = self.headers.get(b"traceparent")
        return None if given is None or len(given) > 200 else given.decode("ascii", "ignore")


def _inquiry() -> None:
    """Stand in for the Inquiry where FastAPI looks for parameters; the edge gives the real one."""


Inquiry = Annotated[Asked, Depends(_inquiry)]
"""The request itself, for the few endpoints that need more of it than their arguments."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a route says of itself beyond FastAPI's own options."""

    errors: tuple[type[KamError], ...] = ()
    takes: tuple[str, ...] = JSON
    produces: tuple[str, ...] = JSON
    location: str | None = None
    max_body: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)


class LeanRoute(APIRoute):
    """A route that FastAPI documents and the edge runs."""

    @cached_property
    def declared(self) -> Declared:
        """What the part declared for this route."""
        declared = getattr(self.endpoint, "__declared__", None)
        return declared if isinstance(declared, Declared) else Declared()

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return a handler that says what went wrong when the application is served without its edge."""

        async def refuse(request: Request) -> Response:
            raise Unavailable("This route is served by the edge only")

        return refuse


class Part(APIRouter):
    """The routes of one part. Each method is FastAPI's own with more options:

    errors      the errors it may answer with besides those that every route has
    location    template of the Location of a 201, from the members of its body and the path parameters
    takes       media types of the body (merge patches are the default of PATCH)
    produces    media types of the answer; empty when Accept shall not be looked at
    max_body    largest body in bytes, instead of the service's own limit
    answer_headers   headers of the successful answer with their descriptions, such as Upsert-Result
    """

    def __init__(self, tag: str, *, prefix: str = "/v1") -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=LeanRoute)

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a read; HEAD comes with it."""
        return self._declare("GET", path, options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a creation or an action."""
        return self._declare("POST", path, options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a replacement or an upsert."""
        return self._declare("PUT", path, options)

    def patch(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a merge patch (RFC 7396)."""
        return self._declare("PATCH", path, {"takes": MERGE_PATCH, **options})

    def delete(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a deletion; 204 unless said otherwise."""
        return self._declare("DELETE", path, {"status_code": 204, **options})

    def _declare(self, method: str, path: str, options: dict[str, Any]) -> Callable[[Endpoint], Endpoint]:
        """Take our own options out, and let FastAPI have the rest."""
        ours = {name: options.pop(name) for name in Declared.__dataclass_fields__ if name in options}
        for name in ("errors", "takes", "produces"):
            if name in ours:
                ours[name] = tuple(ours[name])
        options.setdefault("response_model", None)
        declare = self.api_route(path, methods=[method], **options)

        def decorate(endpoint: Endpoint) -> Endpoint:
            setattr(endpoint, "__declared__", Declared(**ours))  # noqa: B010 - functions have no such member for mypy
            return declare(endpoint)

        return decorate


def declared_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes of an application as its parts declared them, each at its own path: no part is included under another
    prefix. What FastAPI makes of each when asked (`iter_route_contexts`) takes a tenth of a second for all of them.
    """
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from declared_routes(included.routes)
