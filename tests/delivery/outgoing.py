"""A way out for the length of a test, that may call the loopback interface and knows the names it is told."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.framework.outbound.addresses import AddressPolicy
from service.framework.outbound.egress import CallFailed, ClientTls, Egress

LOOPBACK = AddressPolicy.of(["127.0.0.0/8", "::1/128"])


@asynccontextmanager
async def going_out(
    policy: AddressPolicy = LOOPBACK,
    *,
    names: dict[str, list[str]] | Callable[[str], list[str]] | None = None,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    deadline: float = 5,
    connections: int = 1000,
) -> AsyncIterator[Egress]:
    """`names` stands for the DNS: a name that is not in it has no address."""

    async def lookup(host: str) -> list[str]:
        return names(host) if callable(names) else (names or {}).get(host, [])

    way = Egress(
        policy,
        lookup=lookup if names is not None else None,
        trust=trust,
        deadline=deadline,
        connections=connections,
    )
    try:
        yield way
    finally:
        await way.close()


async def failure(way: Egress, url: str, body: bytes = b"{}", tls: ClientTls | None = None) -> str:
    """The kind of failure of a call that has to fail."""
    with pytest.raises(CallFailed) as caught:
        await way.post(url, body, {}, tls=tls)
    return caught.value.kind
