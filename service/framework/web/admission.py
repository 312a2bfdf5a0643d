"""Who may ask, and how much: the caller's key, its rate limit, and the context that operations take.

The edge and FastAPI's dependency both come here, so a caller is let in by the same rules with and without the edge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import CoroutineType
from typing import Annotated, Any, Protocol

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from service.framework.web.rate_limits import RateLimiter
from service.framework.web.request import RequestInfo
from service.platform.errors import RateLimited

bearer = HTTPBearer(
    scheme_name="apiKey",
    auto_error=False,
    bearerFormat="kam_...",
    description="An API key: `Authorization: Bearer kam_...`",
)


class Principal(Protocol):
    """The caller, as far as the framework needs to know."""

    @property
    def id(self) -> str:
        """The id of the key, which is counted and logged instead of the key itself."""


Authenticate = Callable[[Mapping[bytes, bytes]], Any]
"""Headers -> principal, or a coroutine that returns it; raises Unauthenticated."""
UntilRefused = Callable[[Mapping[bytes, bytes]], Awaitable[None]]
"""Headers -> a coroutine that returns when the caller's key is revoked or expires."""
MakeContext = Callable[[Any, RequestInfo], Any]
"""Principal and request -> the caller's context."""
Connect = Callable[[Scope, Receive, Send, Callable[[Mapping[bytes, bytes]], Awaitable[Any]]], Awaitable[None]]
"""Serves one WebSocket; its last argument turns headers into the caller's context."""


class Admission:
    """Authenticates callers, counts their requests and makes their contexts. `max_body` is in bytes, and
    `prefix` is the path under which clients reach the service.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        make_context: MakeContext,
        *,
        until_refused: UntilRefused | None = None,
        rate: int = 0,
        burst: int = 1,
        max_body: int = 1_000_000,
        prefix: str = "",
    ) -> None:
        self.max_body = max_body
        self._authenticate = authenticate
        self._make_context = make_context
        self._until_refused = until_refused
        self._limiter = RateLimiter(rate, burst)
        self._prefix = prefix.encode()

    async def admit(self, info: RequestInfo) -> Any:
        """Return the context of an authenticated caller within its limit; raises Unauthenticated and RateLimited."""
        principal = self._authenticate(info.headers)
        if isinstance(principal, CoroutineType):
            principal = await principal
        info.key_id = principal.id
        info.prefix = self._prefix
        quota, wait = self._limiter.take(principal.id, time.monotonic())
        if quota is not None:
            info.limits = ((b"ratelimit", quota), (b"ratelimit-policy", self._limiter.policy or b""))
        if wait:
            raise RateLimited(wait)
        return self._make_context(principal, info)

    async def until_refused(self, info: RequestInfo) -> None:
        """Return when the caller's key is revoked or expires: its streams and sockets end then."""
        await (asyncio.Event().wait() if self._until_refused is None else self._until_refused(info.headers))


async def admitted(
    request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None
) -> Any:
    """Return the caller's context: the FastAPI dependency behind every endpoint that needs a key.

    The application holds its Admission as `app.state.admission`. Raises Unauthenticated and RateLimited.
    """
    admission: Admission = request.app.state.admission
    return await admission.admit(RequestInfo.of(request.scope))


class AdmittedApp:
    """An ASGI application at one path, with the means to let its callers in.

    HTTP requests reach `app` with `admit` (returns the caller's context), `until_refused`, `request_id` and `max_body`
    in their scope; WebSockets reach `connect` with `until_refused`.
    """

    def __init__(self, app: ASGIApp, connect: Connect, admission: Admission) -> None:
        self._app = app
        self._connect = connect
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        info = RequestInfo.of(scope)
        until_refused = partial(self._admission.until_refused, info)
        if scope["type"] == "websocket":

            async def admit(headers: Mapping[bytes, bytes]) -> Any:
                info.headers = headers
                return await self._admission.admit(info)

            await self._connect({**scope, "until_refused": until_refused}, receive, send, admit)
            return
        given = {
            "admit": partial(self._admission.admit, info),
            "until_refused": until_refused,
            "request_id": info.request_id,
            "max_body": self._admission.max_body,
        }
        await self._app({**scope, **given}, receive, send)
