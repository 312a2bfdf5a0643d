"""The part of HTTP/1.1 that a webhook needs: a connection that carries one exchange at a time and trusts no receiver.

llhttp (httptools) checks the syntax. This file limits the answer: bytes and number of headers, bytes of the body and of
its framing, and time. The client is our own because a general one does six times the work for an answer that is only
logged; it has no redirects, cookies, proxies or decompression to turn off.
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
"""The methods that may be called. An answer to HEAD or CONNECT has no body where its headers announce one."""

LONGEST_ANSWER = 16_384
"""The longest part of a body that is read, in bytes."""
LONGEST_HEAD = 65_536
MOST_HEADERS = 256
"""Limits of bytes and headers in an answer, including interim answers (1xx) and trailers."""
LONGEST_FRAMED = 8 * LONGEST_ANSWER
"""The longest chunked body with its framing: a chunk of one byte has five bytes of framing."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect")
)
_ACCEPTED = {"accept": "*/*", "accept-encoding": "identity"}


@dataclass(slots=True)
class Answer:
    """A receiver's answer as far as it was read; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class CallFailed(Exception):
    """Raised when a call got no answer; `kind` is the reason in the words of the log of attempts."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Unanswered(CallFailed):
    """Raised when a connection ended before the first byte: a kept one most likely before the request arrived."""

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
    """Return the bytes of a request. Raises ValueError for headers that would not arrive as given."""
    form, lines = _form(tuple(headers))
    text = form % (*headers.values(), len(body))
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise ValueError("a header holds a line break")
    return b"".join((head, text.encode("latin-1"), body))


@functools.lru_cache(1024)
def _form(names: tuple[str, ...]) -> tuple[str, int]:
    """Return the header lines for these names and our defaults, as a format string, and their number. Raises ValueError
    for names that may not be sent.
    """
    lower = {name.lower() for name in names}
    if len(lower) != len(names) or lower & _OURS or not all(_TOKEN.fullmatch(name) for name in names):
        raise ValueError("a header may not be sent")
    lines = [f"{name.replace('%', '%%')}: %s" for name in names]
    lines += [f"{name}: {value}" for name, value in _ACCEPTED.items() if name not in lower]
    return "\r\n".join([*lines, "content-length: %d", "", ""]), len(lines) + 2


class Connection(asyncio.Protocol):
    """A connection. `exchange` sends one request at a time; `usable` is whether another may follow, `made` whether the
    connection was established; `lost` is called once when it ends.
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
        """Send a request and return the future of its answer, which fails with `CallFailed` at `ends` (the loop's time)
        at the latest. Raises `CallFailed` when the connection has ended already.
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
        """Close the connection at once; a call on it fails."""
        self._fail(CallFailed("connect", "the call was given up"))

    def _watch(self) -> None:
        """Set the timer. One timer serves many exchanges: it is set again when the current exchange ends later."""
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
        """Become usable: the connection is established, TLS included."""
        self._transport = cast(asyncio.Transport, transport)
        self.made = self.usable = True

    def data_received(self, data: bytes) -> None:
        """Feed the parser, with no more bytes than the limits allow."""
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
        """Finish an answer that ends with the connection; fail any other."""
        self.usable = False
        if self._waiter is not None:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the exchange and report the end of the connection."""
        self.usable = False
        self._ended = exc
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiter is not None:
            self._end(exc)
        self._lost(self)
        del self._parser  # break the reference cycle, so that both are freed at once

    def _end(self, exc: Exception | None) -> None:
        if not self._heard:
            self._fail(_ending(exc))
        elif exc is None and self._in_body and not self._framed():
            self._keep = False
            self._finish()
        else:
            self._fail(CallFailed("http", "the answer broke off"))

    def _framed(self) -> bool:
        """Whether the headers define the end of the body."""
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

    # callbacks of the parser

    def on_message_begin(self) -> None:
        """Refuse a second answer."""
        if self._done:
            _refuse("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, joined to an earlier one of its name; count a trailer. Bytes that are not UTF-8 are replaced,
        so that any database can hold the text.
        """
        self._count += 1
        if self._count > MOST_HEADERS:
            _refuse("too many headers")
        if not self._in_body:
            known = name.decode("latin-1").lower()
            text = value.decode("utf-8", "replace")
            self._headers[known] = f"{self._headers[known]}, {text}" if known in self._headers else text

    def on_headers_complete(self) -> None:
        """Begin the body after the final head; refuse a switch of protocols."""
        status = self._parser.get_status_code()
        if status == 101 or status < 100:
            _refuse(f"status {status}")
        self._status = status
        if status >= 200:
            self._in_body = True
            self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body up to the limit."""
        if self._body_left > 0:
            self._parts.append(body if len(body) <= self._body_left else body[: self._body_left])
            self._body_left -= len(body)

    def on_message_complete(self) -> None:
        """End the answer, or drop an interim one."""
        if self._in_body:
            self._done = True
            self._keep = self._keep and self._body_left >= 0
        else:
            self._headers = {}


def _ending(exc: Exception | None) -> CallFailed:
    """Return the failure of a connection that ended without an answer. A receiver may refuse a client certificate after
    the handshake.
    """
    return CallFailed("tls", exc.reason or "TLS failed") if isinstance(exc, ssl.SSLError) else Unanswered()


def _refuse(reason: str) -> NoReturn:
    raise _Refused(reason)
