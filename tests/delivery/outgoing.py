"""Outbound calls of a test: an `Egress` or an httpx client over it, which may call the loopback interface and resolve
only the names given.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from service.framework.outbound.addresses import AddressPolicy
from service.framework.outbound.egress import CallFailed, ClientTls, Egress, Lookup
from service.framework.outbound.httpx_transport import failure_kind, outbound_client

LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1/128"])
Names = dict[str, list[str]] | Callable[[str], list[str]] | None


def _lookup(names: Names) -> Lookup | None:
    """The DNS of a test: a name that is not in `names` has no address."""

    async def lookup(host: str) -> list[str]:
        return names(host) if callable(names) else (names or {}).get(host, [])

    return lookup if names is not None else None


@asynccontextmanager
async def going_out(
    policy: AddressPolicy = LOOPBACK,
    *,
    names: Names = None,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    deadline: float = 5,
    connections: int = 1000,
) -> AsyncIterator[Egress]:
    """An `Egress` for the length of a block."""
    way = Egress(policy, lookup=_lookup(names), trust=trust, deadline=deadline, connections=connections)
    try:
        yield way
    finally:
        await way.close()


def http_client(
    policy: AddressPolicy = LOOPBACK,
    *,
    names: Names = None,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    deadline: float = 5,
) -> httpx.AsyncClient:
    """An httpx client over the egress policy; close it with `async with`."""
    return outbound_client(policy, lookup=_lookup(names), trust=trust, deadline=deadline)


async def failure(way: Egress, url: str, body: bytes = b"{}", tls: ClientTls | None = None) -> str:
    """The kind of failure of a call that has to fail."""
    with pytest.raises(CallFailed) as caught:
        await way.post(url, body, {}, tls=tls)
    return caught.value.kind


async def http_failure(client: httpx.AsyncClient, url: str) -> str:
    """The kind of failure of an httpx call that has to fail."""
    with pytest.raises(httpx.HTTPError) as caught:
        await client.post(url, content=b"{}")
    return failure_kind(caught.value)
