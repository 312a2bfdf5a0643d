"""The outermost application: what every request goes through once, in plain ASGI.

It finds the route, knows the caller, keeps to limits, reads the body, runs the endpoint and sends the answer, with
request id, ETag, metrics and access log. Routes that are not ours to run (documents, GraphQL) are forwarded to the
framework inside the same frame. No rules, no SQL.
"""

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Protocol

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.framework.web.answers import Answer, location, next_link
from service.framework.web.binding import Lean
from service.framework.web.conditional import etag, is_unmodified
from service.framework.web.dispatch import Dispatch, allowed_methods, path_segments
from service.framework.web.intake import (
    MAX_HEADER_BYTES,
    ClientGone,
    accepts,
    check_conditions,
    check_headers,
    check_length,
    check_media,
    idempotency_of,
    joined_headers,
    raw_path,
    read_body,
)
from service.framework.web.problems import MEDIA, problem_body, problem_headers
from service.framework.web.rate_limits import RateLimiter
from service.framework.web.router import Asked, LeanRoute, declared_routes
from service.framework.web.streaming import send_stream
from service.platform.errors import (
    BodyTooLarge,
    HeadersTooLarge,
    InternalError,
    KamError,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RateLimited,
)
from service.platform.telemetry import AccessLog, Metrics, RequestIds, stamp

_log = logging.getLogger(__name__)
BODY_METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_ASKABLE = b"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id, traceparent"
_SHOWN = (
    b"ETag, Location, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Upsert-Result, Idempotent-Replayed"
)
_PRIVATE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")

Target = Lean | partial[Lean] | str
"""What answers a method of a path: a route of ours, one that was not asked for yet, or the framework (its template)."""


class Principal(Protocol):
    """Who asks, as far as the edge needs to know."""

    @property
    def id(self) -> str:
        """The id of the key: what is counted and logged, never the key itself."""


Authenticate = Callable[[Mapping[bytes, bytes]], Any]
"""Headers -> principal, or a coroutine of one; raises Unauthenticated."""
MakeContext = Callable[[Any, Asked], Any]
"""Principal and request -> the context that operations take."""


class Edge:
    """The ASGI application that is served; `app` is the framework's, which declares the routes.

    `mounted` are applications of their own by path, reached without the framework's search through all routes;
    `sockets` are those that speak WebSocket, called with a way to let their caller in.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        authenticate: Authenticate,
        make_context: MakeContext,
        metrics: Metrics | None = None,
        access_log: AccessLog | None = None,
        max_body: int = 1_000_000,
        rate: int = 1000,
        burst: int = 2000,
        cors_origins: Collection[str] = (),
        mounted: Mapping[str, ASGIApp] | None = None,
        sockets: Mapping[str, Callable[..., Awaitable[None]]] | None = None,
    ) -> None:
        self.app = app
        self.metrics = metrics or Metrics()
        self.access_log = access_log or AccessLog(enabled=False)
        self.limiter = RateLimiter(rate, burst)
        self._authenticate = authenticate
        self._make_context = make_context
        self._max_body = max_body
        self._mounted = mounted or {}
        self._sockets = sockets or {}
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._ids = RequestIds()
        self._routes: Dispatch[Target] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event: HTTP and WebSocket here, lifespan by the framework."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            try:
                await self.app(scope, receive, send)
            finally:
                self.access_log.flush()
            return
        started = time.perf_counter()
        listed = scope["headers"]
        headers = dict(listed)
        asked = Asked(
            scope["method"],
            raw_path(scope),
            scope["query_string"],
            headers,
            self._ids.choose(headers.get(b"x-request-id")),
        )
        try:
            if len(headers) != len(listed) or len(listed) > 16:
                check_headers(listed)
                asked.headers = headers = joined_headers(listed)
            elif sum(map(len, chain.from_iterable(listed))) > MAX_HEADER_BYTES:
                raise HeadersTooLarge
            if b"host" not in headers and scope.get("http_version") == "1.1":
                raise MalformedRequest("HTTP/1.1 needs a Host header")
            segments = path_segments(asked.raw_path)
            methods = self._find(segments)
            target = methods.get(asked.method if asked.method != "HEAD" else "GET")
            if type(target) is partial:
                target = _prepared(methods, target)
            if type(target) is Lean:
                asked.template = target.template
                answer = await self._run(target, asked, segments, receive)
            elif target is not None:
                asked.template = str(target)
                await self._forward(scope, receive, send, asked, started)
                return
            elif asked.method == "OPTIONS":
                answer = self._options(methods, headers)
            else:
                raise MethodNotAllowed(allowed_methods(methods))
        except KamError as error:
            answer = refusal(error, asked)
        except ClientGone:
            self._record(asked, 499, started)
            return
        except Exception:
            answer = self._crash(asked)
        await send(self._start(asked, answer))
        if answer.stream is not None and asked.method != "HEAD":
            answer.status = await self._go_on(asked, answer, answer.stream, receive, send)
        else:
            await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else answer.body})
        self._record(asked, answer.status, started)

    def routes(self) -> Dispatch[Target]:
        """Return the table of routes, built on first use from what the framework was told; each of ours is compiled at
        its own first request, so that a start does not wait for all of them.
        """
        if self._routes is None:
            table: Dispatch[Target] = Dispatch()
            for route in declared_routes(self.app.router.routes):
                path, methods = getattr(route, "path_format", None), getattr(route, "methods", None)
                if path is None or not methods:
                    continue
                wanted = set(methods) - {"HEAD"}
                table.add(path, wanted, partial(Lean, route, path) if isinstance(route, LeanRoute) else path)
            self._routes = table
        return self._routes

    async def admit(self, asked: Asked) -> Any:
        """Return the principal of an authenticated caller within its limit; raises Unauthenticated or RateLimited."""
        principal = self._authenticate(asked.headers)
        if inspect.iscoroutine(principal):
            principal = await principal
        asked.key_id = key_id = principal.id
        asked.quota, wait = self.limiter.take(key_id, time.monotonic())
        if wait:
            raise RateLimited(wait)
        return principal

    async def _still_admitted(self, asked: Asked) -> bool:
        """Whether the caller of a long answer may still be one: a key that was revoked ends its streams."""
        try:
            principal = self._authenticate(asked.headers)
            if inspect.iscoroutine(principal):
                await principal
        except KamError:
            return False
        return True

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a WebSocket to the application at its path, with the means to let its caller in."""
        connect = self._sockets.get(scope["path"])
        if connect is None:
            await receive()
            await send({"type": "websocket.close", "code": 4404})
            return
        asked = Asked("GET", raw_path(scope), scope["query_string"], {}, self._ids.choose(None), scope["path"])

        async def admit(headers: Mapping[bytes, bytes]) -> Any:
            asked.headers = headers
            return self._make_context(await self.admit(asked), asked)

        await connect(scope, receive, send, admit)

    def _find(self, segments: Sequence[str]) -> Mapping[str, Target]:
        """Return the methods of the path; raises NotFound when there is no such path."""
        methods = (self._routes or self.routes()).find(segments)
        if methods is None:
            raise NotFound("path")
        return methods

    async def _run(self, lean: Lean, asked: Asked, segments: Sequence[str], receive: Receive) -> Answer:
        """Run one of our endpoints: caller, media types, arguments, body, endpoint, conditions."""
        principal = None if lean.public else await self.admit(asked)
        declared = lean.declared
        headers = asked.headers
        accept = headers.get(b"accept")
        if accept is not None and accept != b"*/*" and declared.produces and not accepts(accept, declared.produces):
            raise NotAcceptable(f"This path answers with {' or '.join(declared.produces)}")
        check_conditions(headers)
        arguments = lean.arguments(segments, asked.query)
        if asked.method in BODY_METHODS:
            body = b""
            if lean.body is not None:
                check_media(headers.get(b"content-type"), declared.takes, asked.method, required=lean.body.required)
                body = await read_body(headers, receive, declared.max_body or self._max_body)
                arguments[lean.body.name] = lean.body.read(body)
            if (key := headers.get(b"idempotency-key")) is not None:
                asked.idempotency = idempotency_of(key, asked, body)
        if lean.asked is not None:
            arguments[lean.asked] = asked
        if lean.context is not None:
            arguments[lean.context] = self._make_context(principal, asked)
        answer: Answer = await lean.endpoint(**arguments)
        if answer.status == 201 and declared.location is not None:
            answer.headers = (*answer.headers, (b"location", location(declared.location, answer.body, arguments)))
        return answer

    def _start(self, asked: Asked, answer: Answer) -> Message:
        """Return the first message of an answer: status and headers, with its conditions decided."""
        headers = [(b"x-request-id", asked.request_id.encode()), _NOSNIFF]
        reading = asked.method in ("GET", "HEAD")
        tag = answer.tag if answer.version is None else etag(answer.version)
        if tag is not None:
            headers.append((b"etag", tag))
            condition = asked.headers.get(b"if-none-match") if reading and answer.status == 200 else None
            if condition is not None and is_unmodified(condition, tag):
                answer.status, answer.body = 304, b""
        if answer.cache is not None:
            headers.append((b"cache-control", answer.cache))
        else:
            headers.append(_PRIVATE if reading and tag is not None else _NO_STORE)
        if answer.status not in (204, 304):
            headers.append((b"content-type", answer.media))
            if answer.stream is None:
                headers.append((b"content-length", b"%d" % len(answer.body)))
        if answer.next_cursor is not None and reading:
            headers.append((b"link", next_link(asked.raw_path, asked.query, answer.next_cursor)))
        self._add_common(asked, headers)
        headers.extend(answer.headers)
        return {"type": "http.response.start", "status": answer.status, "headers": headers}

    async def _go_on(self, asked: Asked, answer: Answer, stream: Any, receive: Receive, send: Send) -> int:
        """Send an answer in parts; its status, or that of what broke it off: it stays without its end then."""
        try:
            await send_stream(stream, receive, send, partial(self._still_admitted, asked))
        except Exception as error:
            crashed = self._crash(asked).status
            return error.status if isinstance(error, KamError) else crashed
        return answer.status

    def _add_common(self, asked: Asked, headers: list[tuple[bytes, bytes]]) -> None:
        """Add what the caller may still ask, and what browsers of allowed origins may read."""
        if asked.quota is not None:
            headers.append((b"ratelimit", asked.quota))
            headers.append((b"ratelimit-policy", self.limiter.policy or b""))
        if self._origins:
            headers.append((b"vary", b"Origin"))
            origin = asked.headers.get(b"origin")
            if origin in self._origins or (origin is not None and b"*" in self._origins):
                headers.append((b"access-control-allow-origin", origin or b""))
                headers.append((b"access-control-expose-headers", _SHOWN))

    def _options(self, methods: Mapping[str, object], headers: Mapping[bytes, bytes]) -> Answer:
        """Return the methods of a path, and a browser's permission when it asks for one."""
        allowed = ", ".join(allowed_methods(methods)).encode()
        answer = Answer(b"", 204, headers=((b"allow", allowed),))
        if b"access-control-request-method" in headers and self._origins:
            answer.headers += (
                (b"access-control-allow-methods", allowed),
                (b"access-control-allow-headers", _ASKABLE),
                (b"access-control-max-age", b"600"),
            )
        return answer

    async def _forward(self, scope: Scope, receive: Receive, send: Send, asked: Asked, started: float) -> None:
        """Let the framework answer; add ids and limits, count it, and turn a crash into a problem."""
        status = 0
        limit = self._max_body
        head = asked.method == "HEAD"

        async def admit() -> Any:
            principal = await self.admit(asked)
            return self._make_context(principal, asked)

        async def limited() -> Message:
            nonlocal limit
            message = await receive()
            limit -= len(message.get("body", b""))
            if limit < 0:
                raise BodyTooLarge(self._max_body)
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", asked.request_id.encode()), _NOSNIFF]
                self._add_common(asked, headers)
                message = {**message, "headers": headers}
            elif head:
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "request_id": asked.request_id, "asked": asked, "admit": admit}
        inner["still_admitted"] = partial(self._still_admitted, asked)
        if head:
            inner["method"] = "GET"
        try:
            check_length(asked.headers, limit)
            await self._mounted.get(asked.template, self.app)(inner, limited, framed)
        except Exception as error:
            answer = refusal(error, asked) if isinstance(error, KamError) else self._crash(asked)
            if not status:
                await send(self._start(asked, answer))
                await send({"type": "http.response.body", "body": b"" if head else answer.body})
                status = answer.status
        self._record(asked, status, started)

    def _crash(self, asked: Asked) -> Answer:
        """Log the exception at hand with the request's id, and tell the caller nothing but that id."""
        fields = {"request_id": asked.request_id, "method": asked.method, "route": asked.template}
        _log.exception("request failed", extra={"fields": fields})
        return refusal(InternalError("The service failed; tell the request id to its operator"), asked)

    def _record(self, asked: Asked, status: int, started: float) -> None:
        """Count the request and write its line."""
        seconds = time.perf_counter() - started
        method = asked.method if asked.method in _KNOWN_METHODS else "OTHER"
        self.metrics.request(method, asked.template, status, seconds)
        if self.access_log.enabled:
            self.access_log.write(
                {
                    "time": stamp(time.time()),
                    "request_id": asked.request_id,
                    "method": method,
                    "route": asked.template,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 3),
                    "key_id": asked.key_id,
                }
            )


def _prepared(methods: Mapping[str, Target], target: partial[Lean]) -> Lean:
    """Return a route compiled, and keep it in the table for all of its methods."""
    lean = target()
    if isinstance(methods, dict):
        methods.update({method: lean for method, each in methods.items() if each is target})
    return lean


def refusal(error: KamError, asked: Asked) -> Answer:
    """Return the problem document of an error."""
    headers = tuple(problem_headers(error))
    return Answer(problem_body(error, asked.request_id), error.status, None, headers, MEDIA)
