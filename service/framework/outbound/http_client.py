"""HTTP/1.1 as far as a webhook needs it: one connection that carries one exchange at a time and believes nothing.

llhttp (httptools) judges the syntax; this file bounds what may be sent to us: bytes and number of headers, bytes of a
body and of its framing, and the time. A client of our own, because a general one does six times the work for a call
whose answer is thrown away; it has no redirects, cookies, proxies or decompression to turn off.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

import httptools

FailureKind = Literal["http", "timeout", "connect", "dns", "tls", "blocked"]
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Methods that may be called: their answers all have a body where the headers say so."""

LONGEST_ANSWER = 16_384
"""Bytes of an answer's body that are read."""
LONGEST_HEAD = 65_536
MOST_HEADERS = 256
"""Bytes and number of headers an answer may have, interim answers (1xx) and trailers counted with it."""
LONGEST_FRAMED = 8 * LONGEST_ANSWER
"""Bytes that are taken for a body in chunks: chunks of one byte are framed by five."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect")
)
_ACCEPTED = {"accept": "*/*", "accept-encoding": "identity"}


@dataclass(slots=True)
class Answer:
    """What a receiver said, as far as it was read; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class CallFailed(Exception):
    """No answer came of a call; `kind` says why in the words of the attempts' log."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Unanswered(CallFailed):
    """The connection ended before a single byte of an answer: on a kept one, most likely before the request came."""

    def __init__(self) -> None:
        super().__init__("connect", "the connection was closed without an answer")


class _Refused(Exception):
    """Raised inside the parser's callbacks to stop it."""


def request_head(method: str, host: str, path: str) -> bytes:
    """Return the part of a request that is the same for every call of a URL; host and path are ASCII. Raises ValueError
    for a method that may not be called.
    """
    if method not in METHODS:
        raise ValueError("the method may not be called")
    return f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n".encode("ascii")


def request(head: bytes, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a request; raises ValueError for headers that would not arrive as they were meant."""
    form, lines = _form(tuple(headers))
    text = form % (*headers.values(), len(body))
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise ValueError("a header holds a line break")
    return b"".join((head, text.encode("latin-1"), body))


@functools.lru_cache(1024)
def _form(names: tuple[str, ...]) -> tuple[str, int]:
    """The lines for headers of these names and for our own that they leave out, and how many lines these are. Raises
    ValueError for names that cannot be sent.
    """
    lower = {name.lower() for name in names}
    if len(lower) != len(names) or lower & _OURS or not all(_TOKEN.fullmatch(name) for name in names):
        raise ValueError("a header may not be sent")
    lines = [f"{name.replace('%', '%%')}: %s" for name in names]
    lines += [f"{name}: {value}" for name, value in _ACCEPTED.items() if name not in lower]
    return "\r\n".join([*lines, "content-length: %d", "", ""]), len(lines) + 2


class Connection(asyncio.Protocol):
    """One connection. `exchange` sends a request and gives the future of its answer, one at a time; `usable` says
    whether another may follow, `made` whether it ever stood; `lost` is called once when it ends.
    """

    __slots__ = (
        "_body_left", "_count", "_done", "_ended", "_ends", "_framed_left", "_head_left", "_headers", "_heard",
        "_in_body", "_keep", "_loop", "_lost", "_parser", "_parts", "_status", "_timer", "_transport", "_waiter",
        "born", "idle_since", "made", "served", "usable",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[[Connection], None]) -> None:
        self.usable = False
        self.served = 0
        self.born = self.idle_since = loop.time()
        self.made = False
        self._transport: asyncio.Transport
        self._loop = loop
        self._lost = lost
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = 0.0
        self._ended: Exception | None = None
        self._begin()

    def _begin(self) -> None:
        self._heard = self._in_body = self._done = False
        self._status = self._count = 0
        self._head_left, self._framed_left, self._body_left = LONGEST_HEAD, LONGEST_FRAMED, LONGEST_ANSWER
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._keep = False

    def exchange(self, request: bytes, ends: float) -> asyncio.Future[Answer]:
        """Send a request; the future fails with `CallFailed`, at the latest at `ends` (the loop's time). Raises
        at once what it would, when the connection has ended already.
        """
        if not self.usable or self._transport.is_closing():
            raise _ending(self._ended)
        if self.served:
            self._begin()
        self.usable = False
        self.served += 1
        self._ends = ends
        if self._timer is None or self._timer.when() > ends:
            self._watch()
        waiter = self._waiter = self._loop.create_future()
        self._transport.write(request)
        return waiter

    def idle_for(self) -> float:
        """Seconds since the last answer."""
        return self._loop.time() - self.idle_since

    def abort(self) -> None:
        """Drop the connection, and the call on it."""
        self._fail(CallFailed("connect", "the call was given up"))

    def _watch(self) -> None:
        """One timer serves many exchanges: it looks again when the present one ends later."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._ends, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() + 0.001 < self._ends:
            self._watch()
        else:
            self._fail(CallFailed("timeout", "no whole answer came in time"))

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        self._transport = cast(asyncio.Transport, transport)
        self.made = self.usable = True

    def data_received(self, data: bytes) -> None:
        """Bytes came: at most the bounds' worth of them reaches the parser."""
        if self._waiter is None:  # nothing was asked
            self.abort()
            return
        self._heard = True
        left = self._framed_left if self._in_body else self._head_left
        part = data if len(data) <= left else memoryview(data)[:left]
        began_in_body = self._in_body
        try:
            self._parser.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._done:
                reason = error.__context__ if isinstance(error.__context__, _Refused) else error
                self._fail(CallFailed("http", f"this is no HTTP answer: {reason}"))
                return
            self._keep = False  # more than the answer came
        if began_in_body:
            self._framed_left -= len(part)
        else:
            self._head_left -= len(part)
        if self._done:
            self._finish()
        elif self._in_body:
            if self._body_left <= 0 or self._framed_left <= 0 or len(part) < len(data):
                self._keep = False
                self._finish()
        elif self._head_left <= 0:
            self._fail(CallFailed("http", "the headers are too long"))

    def eof_received(self) -> None:
        """No more will come: the end of an answer that has no other, or too early."""
        self.usable = False
        if self._waiter is not None:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.usable = False
        self._ended = exc
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None:
            self._end(exc)
        self._lost(self)
        del self._parser  # it holds this object: without the circle both are gone at once

    def _end(self, exc: Exception | None) -> None:
        if not self._heard:
            self._fail(_ending(exc))
        elif exc is None and self._in_body and not self._framed():
            self._keep = False
            self._finish()
        else:
            self._fail(CallFailed("http", "the answer broke off"))

    def _framed(self) -> bool:
        """Whether the answer said how to find its end."""
        coding = self._headers.get("transfer-encoding", "").rpartition(",")[2]
        return "content-length" in self._headers or coding.strip().lower() == "chunked"

    def _finish(self) -> None:
        waiter, self._waiter = self._waiter, None
        transport = self._transport
        self.idle_since = self._loop.time()
        self.usable = self._keep and not transport.is_closing() and transport.get_write_buffer_size() == 0
        if not self.usable:
            transport.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(self._status, self._headers, b"".join(self._parts)))

    def _fail(self, failure: CallFailed) -> None:
        waiter, self._waiter = self._waiter, None
        self.usable = False
        if self.made:
            self._transport.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(failure)

    # what the parser calls

    def on_message_begin(self) -> None:
        """Another message: nobody asked for a second answer."""
        if self._done:
            _refuse("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer. Repeated ones are joined; bytes that are no UTF-8 are replaced, so that any database
        holds the text.
        """
        self._count += 1
        if self._count > MOST_HEADERS:
            _refuse("too many headers")
        if not self._in_body:
            known = name.decode("latin-1").lower()
            text = value.decode("utf-8", "replace")
            self._headers[known] = f"{self._headers[known]}, {text}" if known in self._headers else text

    def on_headers_complete(self) -> None:
        """The head is whole: an interim one is forgotten, that of the answer says what follows."""
        status = self._parser.get_status_code()
        if status == 101 or status < 100:
            _refuse(f"status {status}")
        self._status = status
        if status >= 200:
            self._in_body = True
            self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """A piece of the body; what is past the bound is let go."""
        if self._body_left > 0:
            self._parts.append(body if len(body) <= self._body_left else body[: self._body_left])
            self._body_left -= len(body)

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self._in_body:
            self._done = True
            self._keep = self._keep and self._body_left >= 0
        else:
            self._headers = {}


def _ending(exc: Exception | None) -> CallFailed:
    """Why a connection ended that said nothing: a receiver refuses our certificate only after the handshake."""
    return CallFailed("tls", exc.reason or "TLS failed") if isinstance(exc, ssl.SSLError) else Unanswered()


def _refuse(reason: str) -> NoReturn:
    raise _Refused(reason)
