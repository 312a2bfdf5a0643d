"""GraphQL over WebSocket: the protocol graphql-transport-ws (that of the library graphql-ws).

One socket carries many operations, each by an id of the client's. The caller is known by the header Authorization of
the handshake or, as browsers send none, by `{"Authorization": "Bearer ..."}` as the payload of connection_init.
Closing codes are the protocol's: 4400 a message that is none, 4401 an operation before the acknowledgement, 4403 not
let in, 4406 another sub-protocol, 4408 no init in time, 4409 an id in use, 4429 init twice; and 4413 for too much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import orjson

from service.framework.graph import errors
from service.framework.graph.context import GraphContext
from service.framework.graph.execute import Engine, Request
from service.framework.web.strict_json import read_json
from service.platform.errors import KamError

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
PING_SECONDS = 15.0
MOST_OPERATIONS = 50
LONGEST_MESSAGE = 1_000_000

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Admit = Callable[[Mapping[bytes, bytes]], Awaitable[GraphContext]]
"""Headers -> the caller's context; raises KamError."""


class _Ended(Exception):
    """The socket is to be closed, with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket:
    """One connection."""

    def __init__(
        self,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        admit: Admit,
        until_refused: Callable[[], Awaitable[None]],
        admitted: Callable[[], None] | None = None,
    ) -> None:
        self._headers = dict(headers)
        self._admitted = admitted
        self._receive = receive
        self._send = send
        self._admit = admit
        self._until_refused = until_refused
        self._ctx: GraphContext | None = None
        self._initialised = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()

    async def serve(self, engine: Engine, offered: list[str]) -> None:
        """Speak the protocol until one side ends it."""
        await self._receive()  # websocket.connect
        if PROTOCOL not in offered:
            await self._send({"type": "websocket.accept"})
            await self._close(4406, "Subprotocol not acceptable")
            return
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        pinging = asyncio.create_task(self._ping_forever())
        ending: asyncio.Task[None] | None = None
        try:
            begun = time.monotonic()
            while True:
                left = None if self._ctx is not None else max(0.0, INIT_SECONDS - (time.monotonic() - begun))
                try:
                    message = await asyncio.wait_for(self._receive(), left)
                except TimeoutError:
                    raise _Ended(4408, "Connection initialisation timeout") from None
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text") or message.get("bytes") or ""
                await self._handle(engine, _read(text), len(text))
                if ending is None and self._ctx is not None:
                    ending = asyncio.create_task(self._end_when_refused())
        except _Ended as ended:
            await self._close(ended.code, ended.reason)
        finally:
            tasks = [pinging, *([ending] if ending else []), *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, engine: Engine, message: dict[str, Any], size: int) -> None:
        match message.get("type"):
            case "connection_init":
                await self._init(message.get("payload"))
            case "ping":
                await self._send_message({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                self._subscribe(engine, message, size)
            case "complete":
                task = self._running.pop(str(message.get("id")), None)
                if task is not None:
                    task.cancel()
            case _:
                raise _Ended(4400, "Unknown message type")

    async def _init(self, payload: Any) -> None:
        if self._initialised:
            raise _Ended(4429, "Too many initialisation requests")
        self._initialised = True
        if isinstance(payload, dict):
            given = payload.get("Authorization", payload.get("authorization"))
            if isinstance(given, str):
                self._headers[b"authorization"] = given.encode("latin-1", "replace")
        try:
            self._ctx = await self._admit(self._headers)
        except KamError as error:
            raise _Ended(4403, error.detail or "Forbidden") from None
        if self._admitted is not None:
            self._admitted()
        await self._send_message({"type": "connection_ack"})

    def _subscribe(self, engine: Engine, message: dict[str, Any], size: int) -> None:
        if self._ctx is None:
            raise _Ended(4401, "Unauthorized")
        identifier, payload = message.get("id"), message.get("payload")
        if not isinstance(identifier, str) or not identifier or not isinstance(payload, dict):
            raise _Ended(4400, "A subscribe message has an id and a payload")
        hashed = Request.has_hash_only(payload)
        query, name = "" if hashed else payload.get("query"), payload.get("operationName")
        variables = payload.get("variables") or {}
        if not isinstance(query, str) or not isinstance(variables, dict) or not isinstance(name, str | None):
            raise _Ended(4400, "The payload is not a GraphQL request")
        if identifier in self._running:
            raise _Ended(4409, f"Subscriber for {identifier} already exists")
        if len(self._running) >= MOST_OPERATIONS:
            raise _Ended(4413, f"At most {MOST_OPERATIONS} operations at once")
        request = Request(query, name, variables, size=size, hashed=hashed)
        self._running[identifier] = asyncio.create_task(self._operate(engine, self._ctx, identifier, request))

    async def _operate(self, engine: Engine, ctx: GraphContext, identifier: str, request: Request) -> None:
        """Let one operation in as a request of its own (it counts against the caller's limit), run it, send its
        answers.
        """
        try:
            ctx = await self._admit(self._headers)
            answers = await engine.stream(ctx, request)
            try:
                async for answer in answers:
                    if answer:
                        await self._send_message({"id": identifier, "type": "next", "payload": orjson.Fragment(answer)})
            finally:
                await answers.aclose()
            message: dict[str, Any] = {"id": identifier, "type": "complete"}
        except errors.Refused as refused:
            message = {"id": identifier, "type": "error", "payload": refused.shown(ctx.request_id)}
        except Exception as error:
            message = {"id": identifier, "type": "error", "payload": [errors.entry(error, request_id=ctx.request_id)]}
        if self._running.pop(identifier, None) is not None:
            await self._send_message(message)

    async def _ping_forever(self) -> None:
        """Keep the connection alive."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._ctx is not None:
                await self._send_message({"type": "ping"})

    async def _end_when_refused(self) -> None:
        """End the operations and the connection when the caller's key is revoked or expires."""
        await self._until_refused()
        for task in self._running.values():
            task.cancel()
        await self._close(4403, "Forbidden")

    async def _send_message(self, message: dict[str, Any]) -> None:
        async with self._sending:
            await self._send({"type": "websocket.send", "text": orjson.dumps(message).decode()})

    async def _close(self, code: int, reason: str) -> None:
        with suppress(Exception):  # it may be closed already
            await self._send({"type": "websocket.close", "code": code, "reason": reason[:100]})


def _read(text: str | bytes) -> dict[str, Any]:
    if len(text) > LONGEST_MESSAGE:
        raise _Ended(4413, "Message too long")
    try:
        found = read_json(text.encode() if isinstance(text, str) else text)
    except KamError:
        raise _Ended(4400, "Invalid message received") from None
    if not isinstance(found, dict):
        raise _Ended(4400, "Invalid message received")
    return found
