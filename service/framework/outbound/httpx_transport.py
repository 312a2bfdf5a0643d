"""httpx over the egress policy: the client for every call that is not a webhook delivery.

`EgressTransport` carries a request over `Egress`, so that one guard serves both: the name is resolved once, every
address is checked and one of them is connected to; head, body and time are bounded; TLS is verified against the host's
name. The environment sets no proxy, cookies are not kept, redirects are not followed.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from http.cookiejar import CookieJar
from typing import Any

import httpx

from service.framework.outbound.addresses import AddressPolicy, Blocked
from service.framework.outbound.connections import Lookup
from service.framework.outbound.egress import DEADLINE, CallFailed, Egress, FailureKind

CONNECTIONS = 100
"""Connections that one client has open at most."""

_SET_BY_THE_CONNECTION = frozenset(("host", "content-length", "transfer-encoding", "connection"))
_ERRORS: dict[FailureKind, type[httpx.TransportError]] = {
    "timeout": httpx.TimeoutException,
    "http": httpx.RemoteProtocolError,
    "blocked": httpx.UnsupportedProtocol,
}

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs the URL of every request, secrets in its query included


class EgressTransport(httpx.AsyncBaseTransport):
    """Carries httpx requests over an `Egress`, which it closes.

    The shortest of a request's timeouts bounds the whole call. Extensions: `tls` is the `ClientTls` to identify with,
    `target` the exact path and query to call in place of the URL's. Failures are httpx's own errors, with the
    `CallFailed` as their cause.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call. The response holds at most 16 kB of the body, undecoded: decoded it could be a thousand times
        as long.
        """
        url = request.url
        path = request.extensions.get("target", url.raw_path).decode("ascii")
        account = f"{url.userinfo.decode()}@" if url.userinfo else ""
        timeouts = [value for value in request.extensions.get("timeout", {}).values() if value is not None]
        try:
            answer = await self._egress.request(
                request.method,
                f"{url.scheme}://{account}{url.netloc.decode('ascii')}{path}",
                await request.aread(),
                {name: value for name, value in request.headers.items() if name not in _SET_BY_THE_CONNECTION},
                tls=request.extensions.get("tls"),
                deadline=min(timeouts, default=None),
            )
        except CallFailed as failed:
            raise _ERRORS.get(failed.kind, httpx.ConnectError)(str(failed), request=request) from failed
        response = _Response(answer.status, content=answer.body, request=request)
        response.headers = httpx.Headers(answer.headers, encoding="utf-8")  # after the body, which is not decoded so
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        await self._egress.close()


class _Response(httpx.Response):
    @property
    def has_redirect_location(self) -> bool:
        """Be no redirect: httpx would read a `Location` that may not be a URL even when it follows none."""
        return False


class _NoCookies(CookieJar):
    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keep none: one receiver's cookies would be sent for another endpoint at the same host."""


class OutboundClient(httpx.AsyncClient):
    """An httpx client whose URLs are read by the policy's grammar alone: httpx would drop dot segments from a path,
    encode it in its own way, and not know all host names.
    """

    def __init__(self, policy: AddressPolicy, egress: Egress, deadline: float) -> None:
        super().__init__(
            transport=EgressTransport(egress),
            timeout=deadline,
            trust_env=False,
            cookies=_NoCookies(),
        )
        self.headers.clear()
        self._policy = policy

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """Build a request for an absolute URL. Raises `httpx.UnsupportedProtocol` for a URL or headers that may not be
        sent.
        """
        try:
            target = self._policy.check_url(str(url))
            path = target.path.encode("ascii")
            known = httpx.URL(
                scheme="https" if target.secure else "http", host=target.host, port=target.port, raw_path=path
            )
            request = super().build_request(method, known, **options)
        except (Blocked, ValueError, httpx.InvalidURL) as error:
            failed = CallFailed("blocked", str(error))
            raise httpx.UnsupportedProtocol(str(failed)) from failed
        if not options.get("params"):
            request.extensions["target"] = path
        return request


def outbound_client(
    policy: AddressPolicy,
    *,
    deadline: float = DEADLINE,
    lookup: Lookup | None = None,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> httpx.AsyncClient:
    """Return the client for calls to other systems; `deadline` bounds each call in seconds. Tests set `lookup`, which
    gives the addresses of a name, and `trust`, which makes TLS contexts.
    """
    egress = Egress(policy, lookup=lookup, trust=trust, connections=CONNECTIONS, deadline=deadline)
    return OutboundClient(policy, egress, deadline)


def failure_kind(error: httpx.HTTPError) -> FailureKind:
    """Return the kind of a failed call, in the words of the log of attempts."""
    if isinstance(error.__cause__, CallFailed):
        return error.__cause__.kind
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    return "connect" if isinstance(error, httpx.ConnectError) else "http"
