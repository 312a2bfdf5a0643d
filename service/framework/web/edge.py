"""The edge: a middleware that runs every route of a `Part` itself, faster than FastAPI would.

It finds the route, lets the caller in, runs the compiled route and sends the answer, with request id, ETag, metrics and
access log. Requests for other routes (GraphQL, what somebody added to the application), and all of them while
`app.dependency_overrides` is not empty, go on to FastAPI, and the edge adds the same headers and counts them. Only the
edge answers HEAD and OPTIONS, CORS, 405 with all methods of a path, and paths with an escaped slash. No rules, no SQL.
"""

import logging
import time
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.framework.web.admission import Admission, AdmittedApp
from service.framework.web.answers import Answer
from service.framework.web.binding import CompiledRoute
from service.framework.web.dispatch import Dispatch, allowed_methods, path_segments
from service.framework.web.intake import check_length, check_request
from service.framework.web.problems import crash, refusal
from service.framework.web.request import RequestInfo
from service.framework.web.responses import frame_headers, start_of
from service.framework.web.router import LeanRoute, declared_routes
from service.framework.web.streaming import send_stream
from service.platform.errors import BodyTooLarge, KamError, MethodNotAllowed, NotFound
from service.platform.telemetry import AccessLog, Metrics, stamp

_log = logging.getLogger(__name__)
_KNOWN_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_REQUEST_HEADERS = (
    b"Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, Cache-Control, Prefer, "
    b"X-Request-Id, X-Requested-With, Apollo-Require-Preflight, traceparent, tracestate, baggage, sentry-trace"
)
"""The headers that browsers may send: ours, and those that usual clients and tracing libraries add."""
_ANSWER_HEADERS = (
    b"ETag, Location, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, Upsert-Result, Idempotent-Replayed"
)


class Forwarded(NamedTuple):
    """A route that the edge does not run: its path template, and the application at it if it needs no routing."""

    template: str
    app: ASGIApp | None = None


Target = CompiledRoute | LeanRoute | Forwarded
"""What answers a method of a path; a LeanRoute is compiled at its first request, so that a start need not wait."""


class Application(FastAPI):
    """FastAPI that calls its edge directly when the edge is the outermost middleware.

    The layers that FastAPI puts in front of it handle exceptions, of which the edge lets none out. Middleware that is
    added later runs around the edge and sees every request first; then all of FastAPI's layers are there again.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; FastAPI's own way to its middleware costs each request 2 us more."""
        edge = self.middleware_stack
        if scope["type"] == "http" and isinstance(edge, Edge):
            scope["app"] = self
            await edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the stack of middleware, from the edge on if it is the outermost."""
        stack: Any = super().build_middleware_stack()
        outermost: Any = self.user_middleware[0].cls if self.user_middleware else None
        while outermost is Edge and not isinstance(stack, Edge):
            stack = stack.app  # each of FastAPI's layers has one
        return stack  # type: ignore[no-any-return]


class Edge:
    """The middleware; add it to an application with `add_middleware`."""

    def __init__(
        self,
        app: ASGIApp,
        admission: Admission,
        *,
        metrics: Metrics | None = None,
        access_log: AccessLog | None = None,
        cors_origins: Collection[str] = (),
    ) -> None:
        self.app = app
        self.metrics = metrics or Metrics()
        self.access_log = access_log or AccessLog(enabled=False)
        self._admission = admission
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._routes: Dispatch[Target] | None = None
        self._has_open_paths = False
        """Whether there are routes, such as mounts, that only FastAPI can find."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; WebSockets and the lifespan go on to FastAPI."""
        if scope["type"] != "http":
            try:
                await self.app(scope, receive, send)
            finally:
                self.access_log.flush()
            return
        started = time.perf_counter()
        info = RequestInfo.of(scope)
        try:
            check_request(scope, info)
            segments = path_segments(info.raw_path)
            methods = (self._routes or self.routes(scope["app"])).find(segments)
            if methods is None:
                if not self._has_open_paths:
                    raise NotFound("path")
                methods = dict.fromkeys((info.method, "GET"), Forwarded(info.template))
            target = methods.get(info.method if info.method != "HEAD" else "GET")
            if isinstance(target, LeanRoute):
                target = _compiled(methods, target)
            if isinstance(target, CompiledRoute) and target.direct and not scope["app"].dependency_overrides:
                info.template = target.template
                given = {} if target.context is None else {target.context: await self._admission.admit(info)}
                if target.info is not None:
                    given[target.info] = info
                answer = await target.run(info, segments, receive, given, self._admission.max_body)
            elif target is not None:
                await self._forward(target, scope, receive, send, info, started)
                return
            elif info.method == "OPTIONS":
                answer = self._options(methods, info)
            else:
                raise MethodNotAllowed(allowed_methods(methods))
        except KamError as error:
            answer = refusal(error, info)
        except ClientDisconnect:
            self._record(info, 499, started)
            return
        except Exception:
            answer = refusal(crash(info), info)
        await self._send(info, answer, receive, send, started)

    def routes(self, app: FastAPI) -> Dispatch[Target]:
        """Return the table of an application's routes, built at the first request."""
        if self._routes is None:
            self._routes = Dispatch()
            for route in declared_routes(app.router.routes):
                path, methods = getattr(route, "path_format", None), getattr(route, "methods", None)
                if isinstance(route, Mount) or ":path}" in getattr(route, "path", ""):
                    self._has_open_paths = True
                if path is not None and methods:
                    endpoint = getattr(route, "endpoint", None)
                    direct = endpoint if isinstance(endpoint, AdmittedApp) else None
                    target = route if isinstance(route, LeanRoute) else Forwarded(path, direct)
                    self._routes.add(path, set(methods) - {"HEAD"}, target)
        return self._routes

    async def _send(self, info: RequestInfo, answer: Answer, receive: Receive, send: Send, started: float) -> None:
        """Send an answer and count it; one that breaks off stays without its end."""
        start = start_of(info, answer)
        if self._origins:
            start["headers"].extend(self._cors(info))
        await send(start)
        status = answer.status
        if answer.stream is not None and info.method != "HEAD":
            try:
                await send_stream(answer.stream, receive, send, partial(self._admission.until_refused, info))
            except Exception as error:
                crashed = crash(info).status
                status = error.status if isinstance(error, KamError) else crashed
        else:
            await send({"type": "http.response.body", "body": b"" if info.method == "HEAD" else answer.body})
        self._record(info, status, started)

    def _cors(self, info: RequestInfo) -> list[tuple[bytes, bytes]]:
        """Return the headers that let browsers of allowed origins read an answer."""
        headers, origin = [(b"vary", b"Origin")], info.headers.get(b"origin")
        if origin is not None and (origin in self._origins or b"*" in self._origins):
            headers.append((b"access-control-allow-origin", origin))
            headers.append((b"access-control-expose-headers", _ANSWER_HEADERS))
        return headers

    def _options(self, methods: Mapping[str, object], info: RequestInfo) -> Answer:
        """Return the methods of a path, and a browser's permission when it asks for one."""
        allowed = ", ".join(allowed_methods(methods)).encode()
        answer = Answer(b"", 204, headers=((b"allow", allowed),))
        if b"access-control-request-method" in info.headers and self._origins:
            answer.headers += (
                (b"access-control-allow-methods", allowed),
                (b"access-control-allow-headers", _REQUEST_HEADERS),
                (b"access-control-max-age", b"600"),
            )
        return answer

    async def _forward(
        self,
        target: CompiledRoute | Forwarded,
        scope: Scope,
        receive: Receive,
        send: Send,
        info: RequestInfo,
        started: float,
    ) -> None:
        """Let FastAPI answer; bound the body, add the headers of every answer, and turn a crash into a problem."""
        limit = (target.declared.max_body if isinstance(target, CompiledRoute) else None) or self._admission.max_body
        status, left, head = 0, limit, info.method == "HEAD"
        app = (target.app if isinstance(target, Forwarded) else None) or self.app
        info.template = target.template

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLarge(limit)
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [pair for pair in frame_headers(info) if pair[0] not in present]
                message = {**message, "headers": headers + (self._cors(info) if self._origins else [])}
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            check_length(info.headers, limit)
            await app({**scope, "method": "GET"} if head else scope, limited, framed)
        except ClientDisconnect:
            status = status or 499
        except Exception as error:
            answer = refusal(error if isinstance(error, KamError) else crash(info), info)
            if not status:
                await self._send(info, answer, receive, send, started)
                return
        self._record(info, status, started)

    def _record(self, info: RequestInfo, status: int, started: float) -> None:
        """Count the request and write its line in the access log."""
        seconds = time.perf_counter() - started
        method = info.method if info.method in _KNOWN_METHODS else "OTHER"
        self.metrics.request(method, info.template, status, seconds)
        if self.access_log.enabled:
            self.access_log.write(
                {
                    "time": stamp(time.time()),
                    "request_id": info.request_id,
                    "method": method,
                    "route": info.template,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 3),
                    "key_id": info.key_id,
                }
            )


def _compiled(methods: dict[str, Target], target: LeanRoute) -> CompiledRoute:
    """Return a route compiled, and keep it in the table for all of its methods."""
    compiled = target.compiled
    methods.update({method: compiled for method, known in methods.items() if known is target})
    return compiled
