"""An Answer as messages of ASGI and as FastAPI's response: the same headers with and without the edge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from service.framework.web.answers import Answer, next_link
from service.framework.web.conditional import etag, is_unmodified
from service.framework.web.request import RequestInfo
from service.framework.web.streaming import send_stream

_PRIVATE = (b"cache-control", b"private, no-cache")
_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


def frame_headers(info: RequestInfo) -> list[tuple[bytes, bytes]]:
    """Return the headers that every answer carries: the request id, and what the caller's rate limit leaves."""
    return [(b"x-request-id", info.request_id.encode()), _NOSNIFF, *info.limits]


def start_of(info: RequestInfo, answer: Answer) -> Message:
    """Return the first message of an answer: status and headers; 304 replaces what the caller already holds."""
    headers = frame_headers(info)
    reading = info.method in ("GET", "HEAD")
    tag = answer.tag if answer.version is None else etag(answer.version)
    if tag is not None:
        headers.append((b"etag", tag))
        condition = info.headers.get(b"if-none-match") if reading and answer.status == 200 else None
        if condition is not None and is_unmodified(condition, tag):
            answer.status, answer.body = 304, b""
    if answer.cache is not None:
        headers.append((b"cache-control", answer.cache))
    else:
        headers.append(_PRIVATE if reading and tag is not None else _NO_STORE)
    if answer.status not in (204, 304):
        headers.append((b"content-type", answer.media))
        if answer.stream is None:
            headers.append((b"content-length", b"%d" % len(answer.body)))
    if answer.next_cursor is not None and reading:
        headers.append((b"link", next_link(info.prefix + info.raw_path, info.query, answer.next_cursor)))
    headers.extend((name, info.prefix + value if name == b"location" else value) for name, value in answer.headers)
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


class AnswerResponse(Response):
    """An Answer as FastAPI's response; a stream of it ends when `until_refused` returns."""

    def __init__(
        self, info: RequestInfo, answer: Answer, until_refused: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        start = start_of(info, answer)
        super().__init__(answer.body, answer.status)
        self.raw_headers = start["headers"]
        self._stream = answer.stream
        self._until_refused = until_refused or asyncio.Event().wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        if self._stream is None:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send_stream(self._stream, receive, send, self._until_refused)
