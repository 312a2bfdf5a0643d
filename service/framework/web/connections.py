"""The connections of a server: what may arrive on them, how slowly, and how many may wait.

uvicorn hands a request to the application when its head is complete, so nothing behind it can bound a head that never
ends. These classes are given to uvicorn as its protocols (`SERVER_OPTIONS`); they count while the bytes arrive.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from service.framework.web.problems import MEDIA, problem_body
from service.platform.errors import HeadersTooLarge, KamError, RequestTimeout
from service.platform.telemetry import RequestIds

_IDS = RequestIds()


class Connection(HttpToolsProtocol):
    """One HTTP connection.

    A head may have `max_head` bytes and take `head_seconds`, a body `body_seconds`; beyond that 431 or 408 is sent and
    the connection closed. At most `max_waiting` connections of a process wait for their head: one more closes the
    oldest. When an answer precedes the end of its request, what still arrives is dropped for `drain_seconds` or up to
    `max_drained` bytes, so that a client that first sends everything can read the answer.
    """

    max_head = 32_768
    head_seconds = 10.0
    body_seconds = 60.0
    drain_seconds = 2.0
    max_drained = 16_000_000
    max_waiting = 500
    waiting: ClassVar[dict["Connection", None]] = {}
    """The connections that wait for their head, the oldest first."""

    _head_bytes = 0
    _in_head = True
    """Whether the next byte belongs to a head."""
    _begun = False
    """Whether a request has begun that is not complete."""
    _close_after = False
    """Whether to close once the request and its answer are complete."""
    _refused = False
    """Whether everything that arrives is dropped."""
    _drained = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head, and give the parser no more than a head may have."""
        if self._refused or (self._begun and not self._in_head and self.cycle.response_complete):
            self._drained += len(data)
            if self._drained > self.max_drained:
                self.transport.close()
                return
        while self._in_head and data and not self._refused:
            room = self.max_head - self._head_bytes
            piece, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            self._head_bytes += len(piece)
            super().data_received(piece)
            if self._head_bytes >= self.max_head:
                self._refuse(HeadersTooLarge())
        if data and not self._refused:
            super().data_received(data)
        if self._timer is not None or not self._begun or self._refused:
            return
        if self._in_head:
            self._wait_for_head()
        else:
            self._wait(self.body_seconds)
            self.cycle.transport = _ClosingLater(self)  # type: ignore[assignment]

    def handle_websocket_upgrade(self) -> None:
        """Give the connection to the other protocol."""
        self._stop_waiting()
        self._refused = True
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._stop_waiting()
        self._refused = True
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of a head."""
        self._in_head, self._head_bytes = False, 0
        if self._timer is not None:
            self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note the end of a request; one that was answered before leaves room for the next."""
        self._in_head, self._begun = True, False
        if self._timer is not None:
            self._stop_waiting()
        super().on_message_complete()
        if getattr(self.cycle, "response_complete", False) and not self.parser.should_upgrade():
            self.on_response_complete()
            if self._close_after:
                self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that was answered before its end, or go on as uvicorn does."""
        if self._begun and not self._in_head and self.cycle.response_complete:
            self._stop_waiting()
            self._wait(self.drain_seconds)
            self.flow.resume_reading()
            return
        super().on_response_complete()

    def close_later(self) -> None:
        """Close the connection once its request is complete; at once when it is."""
        if self._in_head:
            self.transport.close()
        else:
            self._close_after = True

    def _wait(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._expired)

    def _wait_for_head(self) -> None:
        self._wait(self.head_seconds)
        self.waiting[self] = None
        if len(self.waiting) > self.max_waiting:
            oldest = next(iter(self.waiting))
            oldest._stop_waiting()
            oldest.transport.close()

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        """End a request that takes too long to arrive."""
        self._timer = None
        answered = getattr(self.cycle, "response_complete", True)
        if answered and not self._in_head:  # the body of a request that has its answer
            self.transport.close()
        elif self._in_head and not answered:  # the answer to the request before it is still on its way
            self._wait(self.head_seconds)
        else:
            self._refuse(RequestTimeout())

    def _refuse(self, error: KamError) -> None:
        """Send a problem, then drop what still arrives until the client has read it."""
        self._stop_waiting()
        self._refused = True
        if self.transport.is_closing():
            return
        if not getattr(self.cycle, "response_complete", True):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        request_id = _IDS.choose(None)
        body = problem_body(error, request_id)
        head = (
            b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\ncache-control: no-store\r\n"
            b"connection: close\r\n\r\n" % (MEDIA, len(body), request_id.encode())
        )
        self.transport.write(STATUS_LINE[error.status] + head + body)
        self.transport.write_eof()
        self.loop.call_later(self.drain_seconds, self.transport.close)


class _ClosingLater:
    """A connection's transport for the answer to a request whose body has not come to its end."""

    def __init__(self, connection: Connection) -> None:
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing
        self.close = connection.close_later


class SocketConnection(WebSocketsSansIOProtocol):
    """One WebSocket connection.

    Until the application says that its caller is let in, by the extension `connection.admitted` of the scope, a message
    may have `max_unadmitted` bytes, and at most `max_waiting` sockets of a process wait: one more closes the oldest.
    """

    max_unadmitted = 4_096
    max_waiting = 200
    waiting: ClassVar[dict["SocketConnection", None]] = {}
    """The sockets whose caller is not known yet, the oldest first."""

    def handle_connect(self, event: Request) -> None:
        """Accept the connection, and wait for its caller."""
        super().handle_connect(event)
        if self.response.status_code != 101:
            return
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions["connection.admitted"] = self.admitted
        self.conn.max_message_size = self.max_unadmitted
        self.waiting[self] = None
        if len(self.waiting) > self.max_waiting:
            oldest = next(iter(self.waiting))
            self.waiting.pop(oldest)
            oldest.transport.close()

    def admitted(self) -> None:
        """Take messages of the full size."""
        self.waiting.pop(self, None)
        self.conn.max_message_size = self.config.ws_max_size

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.waiting.pop(self, None)
        super().connection_lost(exc)


SERVER_OPTIONS: dict[str, Any] = {
    "http": Connection,
    "ws": SocketConnection,
    "ws_max_size": 1_000_000,
    "ws_per_message_deflate": False,
}
"""Options of uvicorn's Config. Compressed messages are not taken: some kilobytes could become a gigabyte."""
