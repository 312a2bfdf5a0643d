"""How a part of the REST API declares its routes.

FastAPI declares, documents and serves them. Their arguments are read by a `CompiledRoute`, compiled once from the same
signature; the edge runs it without going through FastAPI. An endpoint may take, by name: path parameters, one query
shape (`Annotated[Shape, Query()]`), one JSON body (`Annotated[Shape, Body()]`; `bytes` for other media), the caller's
context (`Annotated[Context, Depends(admitted)]`), the `Inquiry`, and any other dependency of FastAPI. A route without a
context is public. Routes with other dependencies are served by FastAPI also behind the edge, and are slower.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, get_name
from starlette.types import Message, Receive

from service.framework.web.admission import Admission
from service.framework.web.binding import CompiledRoute, Declared
from service.framework.web.dispatch import path_segments
from service.framework.web.intake import check_request
from service.framework.web.request import RequestInfo, request_info
from service.framework.web.responses import AnswerResponse
from service.platform.types import Id

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

MERGE_PATCH = ("application/merge-patch+json", "application/json")
Inquiry = Annotated[RequestInfo, Depends(request_info)]
"""The request itself, for endpoints that need more of it than their arguments."""
PathId = Annotated[Id, Path(description="Id, a UUID; text that is none names nothing and gives 404")]


class LeanRoute(APIRoute):
    """A route that FastAPI documents and whose arguments its `CompiledRoute` reads.

    FastAPI's own part, with its models of the arguments and answers, is made when something of it is read: for the
    OpenAPI document, and for a request that FastAPI serves. For all routes it takes a tenth of a start.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str], **options: Any) -> None:
        self.path = path
        self.endpoint = endpoint
        self.name = options.get("name") or get_name(endpoint)
        self.methods = set(methods)
        self.dependencies = list(options.get("dependencies") or ())
        if ":" not in path:  # otherwise FastAPI removes the names of its converters
            self.path_format = path
        self._complete = partial(super().__init__, path, endpoint, methods=self.methods, **options)

    def __getattr__(self, name: str) -> Any:
        """Return a member that only FastAPI's own part has, and make that part."""
        complete = self.__dict__.pop("_complete", None)
        if complete is None:
            raise AttributeError(f"a route has no {name}")
        complete()
        return getattr(self, name)

    @cached_property
    def compiled(self) -> CompiledRoute:
        """The route ready to run."""
        declared = getattr(self.endpoint, "__declared__", None) or Declared()
        return CompiledRoute(self.endpoint, declared, self.path_format, direct=not self.dependencies)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler that FastAPI calls: it solves the dependencies, and the compiled route does the rest."""
        solving: Callable[[Request], Any] | None = None

        async def handle(request: Request) -> Response:
            nonlocal solving
            if solving is None:  # at the first request: most processes serve through the edge and never need it
                solving = self._solving(request.app)
            if "request_info" not in request.scope:
                check_request(request.scope, RequestInfo.of(request.scope))
            response: Response = await solving(request)
            return response

        return handle

    def _solving(self, app: FastAPI) -> Callable[[Request], Any]:
        """Return FastAPI's own handler of an endpoint that takes the dependencies only."""
        compiled = self.compiled

        async def endpoint(http_request: Request, **given: Any) -> Response:
            info = RequestInfo.of(http_request.scope)
            admission: Admission = http_request.app.state.admission
            segments, receive = path_segments(info.raw_path), _receiving(http_request)
            answer = await compiled.run(info, segments, receive, given, admission.max_body)
            return AnswerResponse(info, answer, partial(admission.until_refused, info))

        taken = {"http_request": Request, **compiled.dependencies}
        kind = inspect.Parameter.KEYWORD_ONLY
        signature = inspect.Signature([inspect.Parameter(name, kind, annotation=each) for name, each in taken.items()])
        setattr(endpoint, "__signature__", signature)  # noqa: B010 - mypy knows no such member
        route = APIRoute(
            "/", endpoint, response_model=None, dependencies=self.dependencies, dependency_overrides_provider=app
        )
        return route.get_route_handler()


def _receiving(request: Request) -> Receive:
    """Return the body of a request as ASGI messages, also when a dependency has read it before."""
    chunks = request.stream()

    async def receive() -> Message:
        chunk = await anext(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    return receive


class Part(APIRouter):
    """The routes of one part. Each method is FastAPI's own with more options:

    errors      the errors it may answer with besides those that the contract derives from its path, arguments and
                answer: NotFound with path parameters, StaleVersion with If-Match, CursorInvalid for a page
    location    template of the Location of a 201, from the members of its body and the path parameters
    takes       media types of the body (merge patches are the default of PATCH)
    produces    media types of the answer; empty when Accept is ignored
    max_body    largest body in bytes, instead of the service's own limit
    answer_headers   headers of the successful answer with their descriptions, such as Upsert-Result
    permission  what the caller needs, checked before the body is read; `reads` of the part for GET and `writes` for the
                others unless it is given
    """

    def __init__(self, tag: str, *, prefix: str = "/v1", reads: Any = None, writes: Any = None) -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=LeanRoute)
        self._reads, self._writes = reads, writes

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a read; HEAD comes with it."""
        return self._declare("GET", path, options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        """Declare a creation, which answers 201 with its `location`, or an action."""
        return self._declare("POST", path, {"status_code": 201, **options} if "location" in options else options)

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
        """Keep the options that are not FastAPI's in a `Declared` on the endpoint, and give FastAPI the rest."""
        own = {name: options.pop(name) for name in Declared.__dataclass_fields__ if name in options}
        own.setdefault("permission", self._reads if method == "GET" else self._writes)
        for name in ("errors", "takes", "produces"):
            if name in own:
                own[name] = tuple(own[name])
        options.setdefault("response_model", None)
        declare = self.api_route(path, methods=[method], **options)

        def decorate(endpoint: Endpoint) -> Endpoint:
            setattr(endpoint, "__declared__", Declared(**own))  # noqa: B010 - functions have no such member for mypy
            return declare(endpoint)

        return decorate


def declared_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield the routes of an application as its parts declared them, each at its own path.

    No part is included under another prefix. FastAPI's own `iter_route_contexts` takes a tenth of a second, because it
    builds a handler for each route.
    """
    for route in routes:
        included = None if isinstance(route, LeanRoute) else getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from declared_routes(included.routes)
