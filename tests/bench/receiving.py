"""A receiver as lean as Python allows, in a process of its own: `python -m tests.bench.receiving PORT`.

It answers every POST with 204 and records the time by webhook-id. GET /seen returns the number of requests and the
times of the last thousand, GET /reset clears them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque

import uvloop

_OK = b"HTTP/1.1 204 No Content\r\n\r\n"
_seen: deque[tuple[str, float]] = deque(maxlen=1000)
_totals = {"count": 0}


class Receiving(asyncio.Protocol):
    """One connection; requests may come in pieces, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing read."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.read = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""

        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            head = self.read[:end].lower()
            if head.startswith(b"get"):
                self.read = self.read[end + 4 :]
                self.tell(head)
                continue
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.read) < end + 4 + length:
                return
            at = head.find(b"webhook-id:")
            identifier = head[at + 11 :].split(b"\r\n", 1)[0].strip().decode() if at >= 0 else ""
            _seen.append((identifier, time.time()))
            _totals["count"] += 1
            self.read = self.read[end + 4 + length :]
            self.transport.write(_OK)

    def tell(self, head: bytes) -> None:
        """Answer what was seen."""

        if head.startswith(b"get /reset"):
            _totals["count"] = 0
            _seen.clear()
        body = json.dumps({**_totals, "seen": list(_seen)}).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


async def main(port: int) -> None:
    """Listen until told to stop."""
    server = await asyncio.get_running_loop().create_server(Receiving, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
