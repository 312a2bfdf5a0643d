"""Streams and sockets of a key end when it does: within a second in the process that revoked it, in five in others."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import websockets

from tests.live import Live, serve
from tests.postgres import create_database, drop_database

pytestmark = pytest.mark.slow
SUBSCRIPTION = "subscription { events { id } }"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Live]]:
    """Two processes that serve one database."""
    server, name = os.environ.get("KAM_TEST_POSTGRES_URL"), f"streams_{uuid.uuid4().hex}"
    if request.param == "postgresql" and server is None:
        pytest.skip("no PostgreSQL")
    embedded: Path = tmp_path_factory.mktemp("live")
    database = embedded if request.param == "sqlite" else create_database(str(server), name)
    try:
        with serve(database) as one, serve(database, key=one.key) as other:
            yield one, other
    finally:
        if request.param == "postgresql":
            drop_database(str(server), name)


@asynccontextmanager
async def three_readers(live: Live, key: str) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Open the REST stream, a subscription by server-sent events and one over WebSocket; each task ends with its reader:
    None, or the code that the socket was closed with.
    """
    headers = {"Authorization": f"Bearer {key}"}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url, headers=headers, timeout=60))
        rest = await stack.enter_async_context(client.stream("GET", "/v1/events/stream"))
        sent = await stack.enter_async_context(
            client.stream("POST", "/graphql", json={"query": SUBSCRIPTION}, headers={"Accept": "text/event-stream"})
        )
        assert (rest.status_code, sent.status_code) == (200, 200)
        socket = await stack.enter_async_context(
            websockets.connect(
                live.url.replace("http", "ws") + "/graphql",
                subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
                additional_headers=headers,
                proxy=None,
            )
        )
        for message in (
            {"type": "connection_init"},
            {"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}},
        ):
            await socket.send(orjson.dumps(message).decode())
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"

        async def until_closed() -> int:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code

        yield [asyncio.create_task(work) for work in (rest.aread(), sent.aread(), until_closed())]


async def make(live: Live, **members: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=live.url, headers=live.headers) as client:
        answer = await client.post("/v1/api-keys", json={"name": "A", "scopes": ["events:read"], **members})
        return dict(answer.json())


async def revoke(live: Live, key: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=live.url, headers=live.headers) as client:
        assert (await client.delete(f"/v1/api-keys/{key['id']}")).status_code == 204


async def ended_after(readers: list[asyncio.Task[Any]], begun: float) -> float:
    """Wait for the readers; the seconds until the last one ended. The socket's code is 4403."""
    await asyncio.wait_for(asyncio.gather(*readers), 10)
    assert readers[2].result() == 4403
    return time.monotonic() - begun


async def test_they_end_at_once_where_the_key_is_revoked(pair: tuple[Live, Live]) -> None:
    key, other = await make(pair[0]), await make(pair[0])
    async with three_readers(pair[0], key["key"]) as readers, three_readers(pair[0], other["key"]) as others:
        await asyncio.sleep(0.2)
        assert not any(reader.done() for reader in readers)
        begun = time.monotonic()
        await revoke(pair[0], key)
        assert await ended_after(readers, begun) < 1.0
        assert not any(reader.done() for reader in others)
        await revoke(pair[0], other)
        await ended_after(others, begun)


async def test_they_end_within_five_seconds_in_another_process(pair: tuple[Live, Live]) -> None:
    key = await make(pair[0])
    async with three_readers(pair[1], key["key"]) as readers:
        begun = time.monotonic()
        await revoke(pair[0], key)
        assert await ended_after(readers, begun) < 5.0


async def test_they_end_when_the_key_expires(pair: tuple[Live, Live]) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=4)
    key = await make(pair[0], expires_at=expires.isoformat())
    async with three_readers(pair[0], key["key"]) as readers:
        await asyncio.wait_for(asyncio.gather(*readers), 10)
        late = (datetime.now(UTC) - expires).total_seconds()
        assert 0 <= late < 1.0
        assert readers[2].result() == 4403
