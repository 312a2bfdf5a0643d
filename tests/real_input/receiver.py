"""A webhook receiver as an integrator would write it: checks the signature, remembers the id, answers 204.

It counts every call. Under the same `webhook-id` only the first counts as a delivery; the rest are duplicates, which
at-least-once delivery allows, and which must have the same body.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

Envelope = dict[str, Any]

ANSWERS = {204: "No Content", 401: "Unauthorized"}


class Receiver:
    """What has arrived at `url`. Set `secret` to that of the endpoint before the first delivery."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.secret: str | None = None
        self.delivered: dict[str, Envelope] = {}
        """By webhook-id, in order of first arrival."""
        self.calls: Counter[str] = Counter()
        """Calls with a good signature, by webhook-id."""
        self.complaints: list[str] = []
        """Bad signatures, and bodies that differ under the same id."""
        self.before_answer: Callable[[Envelope], Awaitable[None]] | None = None
        """Awaited with every delivery before it is answered."""
        self._changed = asyncio.Condition()

    @property
    def duplicates(self) -> int:
        """Calls beyond the first under the same id."""
        return self.calls.total() - len(self.calls)

    def count(self, event_type: str) -> Counter[str]:
        """How many events of a type arrived for each account, by the account's id; duplicates counted once."""
        return Counter(one["data"]["account"]["id"] for one in self.delivered.values() if one["type"] == event_type)

    async def until(self, satisfied: Callable[[], bool], seconds: float) -> None:
        """Wait until `satisfied`, which is asked after every call. Raises TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(satisfied)

    async def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take one call and return the status to answer."""
        try:
            envelope: Envelope = Webhook(self.secret or "").verify(body, dict(headers))
        except (EmptyWebhookSecretError, WebhookVerificationError, ValueError) as error:
            self.complaints.append(f"{headers.get('webhook-id')}: {error}")
            return 401
        identifier = headers["webhook-id"]
        if envelope["id"] != identifier:
            self.complaints.append(f"{identifier}: the body has the id {envelope['id']}")
        if envelope != self.delivered.setdefault(identifier, envelope):
            self.complaints.append(f"{identifier}: two bodies under one id")
        self.calls[identifier] += 1
        async with self._changed:
            self._changed.notify_all()
        if self.before_answer is not None:
            await self.before_answer(envelope)
        return 204


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_converse(receiver, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver = Receiver(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/kam")
    try:
        yield receiver
    finally:
        server.close()
        for connection in list(connections):
            connection.cancel()


async def _converse(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection's requests, one after the other, until the other side hangs up."""
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.partition(":") for line in head[1:] if line)
                headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status = await receiver.take(headers, body)
                writer.write(f"HTTP/1.1 {status} {ANSWERS[status]}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
    finally:
        writer.close()
