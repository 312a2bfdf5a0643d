"""The one way out to addresses that users typed: checked, pinned, without redirects, within a deadline, reading
little.

A URL is read once and kept read; the connection is a kept one or a new one to a checked address (connections.py), the
exchange is bounded in every direction (http_client.py). What failed has a kind, in the words of the attempts' log.
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
"""Seconds for a whole call: name, connection, TLS, request and answer."""


class Egress:
    """Calls to receivers; one instance per process.

    `lookup` gives the addresses of a name and `trust` makes a TLS context (tests set both); `connections` bounds all
    connections together.
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
        """POST bytes; the answer's status, headers and first 16 kB. Raises `CallFailed` for everything else."""
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
        """Call a URL; the answer's status, headers and first 16 kB. Raises `CallFailed` for everything else.

        `tls` is shown to a receiver that asks for a certificate; `deadline` (seconds for everything together) replaces
        the instance's own. Sent twice when a kept connection turns out to have been closed before a byte came back.
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
        """What a call of this URL begins with; raises Blocked."""
        secure, host, port, path = self._policy.check_url(url)
        name = f"[{host}]" if ":" in host else host.removesuffix(".")
        named = name if port == (443 if secure else 80) else f"{name}:{port}"
        return Origin(secure, host, port, tls if secure else None), request_head(method, named, path)
