"""Calls to URLs that users typed: to checked and pinned addresses, without redirects, bounded in time and size.

A parsed URL is cached. The connection is an idle one or a new one to a checked address (connections.py); the exchange
is bounded in every direction (http_client.py). A failure has a kind, in the words of the log of attempts.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Mapping

from service.framework.outbound.addresses import AddressPolicy, Blocked
from service.framework.outbound.connections import ClientTls, Connections, Lookup, Origin, Trust
from service.framework.outbound.http_client import (
    Answer,
    CallFailed,
    Connection,
    FailureKind,
    Unanswered,
    request,
    request_head,
)

__all__ = ["DEADLINE", "Answer", "CallFailed", "ClientTls", "Egress", "FailureKind", "Lookup"]

DEADLINE = 20.0
"""Seconds for a whole call: resolving, connecting, TLS, request and answer."""


class Egress:
    """Calls receivers over at most `connections` kept connections. `lookup` returns the addresses of a name and `trust`
    makes TLS contexts; tests set both.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        lookup: Lookup | None = None,
        trust: Trust = ssl.create_default_context,
        connections: int = 1000,
        deadline: float = DEADLINE,
    ) -> None:
        self._policy = policy
        self._deadline = deadline
        self._connections = Connections(policy, lookup, trust, connections)
        self._prepared = functools.lru_cache(4096)(self._prepare)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tls: ClientTls | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """POST bytes. Return the answer's status, headers and first 16 kB. Raises `CallFailed`."""
        return await self.request("POST", url, body, headers, tls=tls, deadline=deadline)

    async def request(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tls: ClientTls | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Call a URL. Return the answer's status, headers and first 16 kB. Raises `CallFailed`.

        `tls` is the certificate for a receiver that requires one. `deadline` (seconds for the whole call) replaces the
        instance's own. The request is sent again when a kept connection was closed before a byte came back.
        """
        try:
            origin, head = self._prepared(method, url, tls)
            sent = request(head, headers, body)
        except (Blocked, ValueError) as error:
            raise CallFailed("blocked", str(error)) from None
        ends = asyncio.get_running_loop().time() + (deadline or self._deadline)
        connection = self._connections.kept(origin)
        if connection is not None:
            try:
                return await self._exchange(origin, connection, sent, ends)
            except Unanswered:
                pass
        try:
            async with asyncio.timeout_at(ends):
                connection = await self._connections.open(origin)
        except TimeoutError:
            raise CallFailed("timeout", "no connection was made in time") from None
        return await self._exchange(origin, connection, sent, ends)

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    async def _exchange(self, origin: Origin, connection: Connection, sent: bytes, ends: float) -> Answer:
        try:
            answer = await connection.exchange(sent, ends)
        except BaseException:
            connection.abort()  # also when the caller was cancelled
            raise
        self._connections.keep(origin, connection)
        return answer

    def _prepare(self, method: str, url: str, tls: ClientTls | None) -> tuple[Origin, bytes]:
        """Return the origin of a URL and the head of its request. Raises Blocked, and ValueError for the method."""
        secure, host, port, path = self._policy.check_url(url)
        name = f"[{host}]" if ":" in host else host.removesuffix(".")
        named = name if port == (443 if secure else 80) else f"{name}:{port}"
        return Origin(secure, host, port, tls if secure else None), request_head(method, named, path)
