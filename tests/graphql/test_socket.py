"""A socket checks before each operation, and while it is open, that its caller still has access."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from service.framework.graph import socket
from service.framework.graph.socket import PROTOCOL, Socket
from service.platform.errors import KamError, RateLimited
from service.records.context import Context, system_context


class Talk:
    """A socket spoken to in memory; `refusals` are what the next admissions raise."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.refusals: list[KamError] = []
        self.admitted = 0
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self.refused = asyncio.Event()
        self.socket = Socket({}, self._in.get, self._out.put, self._admit, self._until_refused)

    async def _admit(self, headers: Any) -> Context:
        self.admitted += 1
        if self.refusals:
            raise self.refusals.pop(0)
        return self.ctx

    async def _until_refused(self) -> None:
        await self.refused.wait()

    def say(self, message: dict[str, Any]) -> None:
        """Send a message of the protocol."""
        self._in.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> dict[str, Any]:
        """The next message of the protocol, or the closing."""
        told = await asyncio.wait_for(self._out.get(), 20)
        return json.loads(told["text"]) if told["type"] == "websocket.send" else told

    async def begin(self, ask: Any) -> asyncio.Task[None]:
        """Open it and initialise."""
        self._in.put_nowait({"type": "websocket.connect"})
        serving = asyncio.create_task(self.socket.serve(ask.engine, [PROTOCOL]))
        assert (await self.hear())["type"] == "websocket.accept"
        self.say({"type": "connection_init"})
        assert (await self.hear())["type"] == "connection_ack"
        return serving

    async def end(self, serving: asyncio.Task[None]) -> None:
        """Disconnect."""
        self._in.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(serving, 20)


async def test_each_operation_counts_as_a_request(ask: Any) -> None:
    talk = Talk(system_context(ask.services))
    serving = await talk.begin(ask)
    for number in range(2):
        talk.say({"id": f"q{number}", "type": "subscribe", "payload": {"query": "{ __typename }"}})
        assert [(await talk.hear())["type"] for _ in range(2)] == ["next", "complete"]
    assert talk.admitted == 3
    talk.refusals = [RateLimited(1)]
    talk.say({"id": "r", "type": "subscribe", "payload": {"query": "{ __typename }"}})
    refused = await talk.hear()
    assert (refused["id"], refused["type"]) == ("r", "error")
    assert refused["payload"][0]["extensions"]["code"] == "rate_limited"
    await talk.end(serving)


async def test_a_hash_without_a_query_is_refused_by_its_message(ask: Any) -> None:
    talk = Talk(system_context(ask.services))
    serving = await talk.begin(ask)
    talk.say({"id": "h", "type": "subscribe", "payload": {"extensions": {"persistedQuery": {"sha256Hash": "00"}}}})
    refused = await talk.hear()
    assert (refused["id"], refused["type"]) == ("h", "error")
    assert refused["payload"][0]["message"] == "PersistedQueryNotSupported"
    talk.say({"id": "q", "type": "subscribe", "payload": {"query": "{ __typename }"}})
    assert [(await talk.hear())["type"] for _ in range(2)] == ["next", "complete"]
    await talk.end(serving)


async def test_a_caller_whose_key_is_revoked_loses_its_socket_and_its_operations(ask: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(socket, "PING_SECONDS", 0.01)
    talk = Talk(system_context(ask.services))
    serving = await talk.begin(ask)
    assert await talk.hear() == {"type": "ping"}
    assert talk.admitted == 1  # a ping is no request
    talk.say({"id": "s", "type": "subscribe", "payload": {"query": "subscription { events { id } }"}})
    talk.refused.set()
    told = await talk.hear()
    while told["type"] == "ping":
        told = await talk.hear()
    assert (told["type"], told["code"]) == ("websocket.close", 4403)
    await talk.end(serving)
    assert ask.services.streams == 0
