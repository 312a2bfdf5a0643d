"""GraphQL over HTTP (the GraphQL foundation's draft, all 61 audits of npm graphql-http), as a plain ASGI application.

`application/graphql-response+json` answers a request that was not run with its 4xx status and no `data`; clients of
before that type get `application/json`, where a document that does not parse or fit is a 200 as they expect. GET runs
queries only; a browser that opens the path gets GraphiQL. `AdmittedApp` puts `admit` into the scope, which returns the
caller's context or raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect

from service.framework.database.pagination import Cursors
from service.framework.graph import errors, server_sent
from service.framework.graph.context import GraphContext
from service.framework.graph.edges import Graph
from service.framework.graph.execute import Engine, Request
from service.framework.graph.limits import Limits
from service.framework.graph.schema import schema_of
from service.framework.graph.socket import Admit, Socket
from service.framework.web.answers import header_pairs
from service.framework.web.intake import check_media, idempotency_of, read_body
from service.framework.web.request import RequestInfo
from service.framework.web.streaming import send_stream
from service.framework.web.strict_json import read_json
from service.platform.errors import (
    InternalError,
    KamError,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MODERN = "application/graphql-response+json"
LEGACY = "application/json"

Headers = list[tuple[bytes, bytes]]

_FIXED = {
    media: (
        (b"content-type", f"{media}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
    )
    for media in (MODERN, LEGACY)
}
"""The headers of every answer, by its media type."""


class GraphQLApp:
    """The application behind /graphql. `page` is GraphiQL: its HTML and headers.

    The schema is built through Strawberry at the first request, or before it by `prepare()`, so that the service
    listens without waiting for it. `extensions` are Strawberry's.
    """

    def __init__(
        self,
        graph: Graph,
        cursors: Cursors,
        *,
        page: tuple[bytes, tuple[tuple[bytes, bytes], ...]] | None = None,
        limits: Limits | None = None,
        extensions: Iterable[Any] = (),
    ) -> None:
        self._graph = graph
        self._cursors = cursors
        self._page = page
        self._limits = limits
        self._extensions = tuple(extensions)
        self._engine: Engine | None = None
        self._preparing = asyncio.Lock()

    async def prepare(self) -> Engine:
        """Build the schema in a thread, once."""
        async with self._preparing:
            if self._engine is None:
                schema = await asyncio.to_thread(schema_of, self._graph, extensions=self._extensions)
                self._engine = Engine(schema, self._graph, self._cursors, self._limits)
        return self._engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = RequestInfo.of(scope).headers
        accept = headers.get(b"accept")
        if self._page is not None and _wants_page(scope, accept):
            await _send(send, 200, self._page[0], [(b"content-type", b"text/html; charset=utf-8"), *self._page[1]])
            return
        streamed = server_sent.accepts_stream(accept)
        media = MODERN if streamed else negotiate(accept)
        extra: Headers = []
        try:
            if media is None:
                raise NotAcceptable(f"This path answers with {MODERN} or {LEGACY}")
            if streamed:
                await self._stream(scope, receive, send, headers)
                return
            ctx, request = await self._read(scope, receive, headers)
            body, status = await (self._engine or await self.prepare()).run(ctx, request), 200
            extra = _replayed(ctx)
        except errors.Refused as refused:
            status = 200 if refused.well_formed and media != MODERN else refused.status
            body = orjson.dumps({"errors": refused.errors})
            extra = [*header_pairs(refused.headers)]
        except ClientDisconnect:
            raise
        except KamError as error:
            status, extra = error.status, [*header_pairs(error.headers)]
            body = orjson.dumps({"errors": [errors.entry(error, request_id=scope.get("request_id"))]}, default=str)
        except Exception as error:
            status = InternalError.status
            body = orjson.dumps({"errors": [errors.entry(error, request_id=scope.get("request_id"))]})
        await _send(send, status, body, [*_FIXED[media or MODERN], *extra])

    async def connect(self, scope: Scope, receive: Receive, send: Send, admit: Admit) -> None:
        """Serve one WebSocket."""
        engine = self._engine or await self.prepare()
        admitted = scope.get("extensions", {}).get("connection.admitted")
        socket = Socket(dict(scope["headers"]), receive, send, admit, scope["until_refused"], admitted)
        await socket.serve(engine, list(scope.get("subprotocols", ())))

    async def _stream(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]) -> None:
        """Serve one operation as server-sent events; raises like the engine when nothing of it was run."""
        ctx, request = await self._read(scope, receive, headers)
        engine = self._engine or await self.prepare()
        answers = await engine.stream(ctx, request)
        fixed = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        fixed.append((b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": 200, "headers": [*fixed, *_replayed(ctx)]})
        await send_stream(server_sent.written(answers), receive, send, scope["until_refused"])

    async def _read(
        self, scope: Scope, receive: Receive, headers: Mapping[bytes, bytes]
    ) -> tuple[GraphContext, Request]:
        """Return the caller's context and the request; raises KamError."""
        method = scope["method"]
        if method not in ("GET", "POST"):
            raise MethodNotAllowed(["GET", "POST"])
        ctx: GraphContext = await scope["admit"]()
        if method == "POST":
            check_media(headers, (LEGACY,), method, required=True)
            raw = await read_body(headers, receive, scope["max_body"])
            parsed = read_json(raw)
            request = _request(parsed, read_only=False)
            request.size = len(raw)
            key = headers.get(b"idempotency-key")
            if key is not None:
                ctx = ctx.with_idempotency(idempotency_of(key, RequestInfo.of(scope), parsed))
        else:
            request = _request(_parameters(scope["query_string"]), read_only=True)
        return ctx, request


def _request(given: Any, *, read_only: bool) -> Request:
    """Return the request of a body or a query string; raises MalformedRequest and Invalid."""
    if not isinstance(given, dict):
        raise MalformedRequest("The body must be one JSON object; batches are not taken")
    query = given.get("query")
    if query is None:
        raise MalformedRequest("The parameter query is missing")
    name, variables, extensions = given.get("operationName"), given.get("variables"), given.get("extensions")
    for parameter, value, kind, article in (
        ("query", query, str, "a text"),
        ("operationName", name, str, "a text"),
        ("variables", variables, dict, "an object"),
        ("extensions", extensions, dict, "an object"),
    ):
        if value is not None and not isinstance(value, kind):
            raise MalformedRequest(f"The parameter {parameter} must be {article}")
    return Request(query, name, variables or {}, read_only)


def _parameters(raw: bytes) -> dict[str, Any]:
    """Return the parameters of a query string; variables and extensions are JSON in it."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise MalformedRequest("The query string is not readable") from None
    given: dict[str, Any] = dict(pairs)
    if len(given) != len(pairs):
        raise MalformedRequest("A parameter is sent more than once")
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = read_json(given[name].encode())
        else:
            given.pop(name, None)
    return given


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _replayed(ctx: GraphContext) -> Headers:
    """Return the header, the same as in REST, of an answer that was stored with its Idempotency-Key."""
    return [(b"idempotent-replayed", b"true")] if ctx.replayed else []


def _wants_page(scope: Scope, accept: bytes | None) -> bool:
    if scope["method"] != "GET" or accept is None or b"text/html" not in accept:
        return False
    return not any(pair.startswith(b"query=") for pair in scope["query_string"].split(b"&"))


@lru_cache(maxsize=256)
def negotiate(accept: bytes | None) -> str | None:
    """Return the media type to answer with: the older one without an Accept header, None when it excludes both."""
    if not accept:
        return LEGACY
    best: tuple[float, bool, str] | None = None
    for part in accept.decode("latin-1").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((_weight(parameter[2:]) for parameter in parameters if parameter.startswith("q=")), 1.0)
        kind = {MODERN: MODERN, LEGACY: LEGACY, "*/*": LEGACY, "application/*": LEGACY}.get(media)
        if kind is not None and weight > 0 and (best is None or (weight, kind == MODERN) > best[:2]):
            best = (weight, kind == MODERN, kind)
    return best[2] if best else None


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
