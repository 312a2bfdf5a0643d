"""Streamed answers: their generator is closed, however the stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from service.framework.web.streaming import send_stream


async def test_a_stream_that_is_cancelled_ends_its_parts_first() -> None:
    happened: list[str] = []
    waiting = asyncio.Event()

    async def parts() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            waiting.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            happened.append("ended")

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        happened.append(str(message["type"]))

    sending = asyncio.create_task(send_stream(parts(), receive, send, asyncio.Event().wait))
    await asyncio.wait_for(waiting.wait(), 10)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert happened == ["http.response.body", "ended"]


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_stream_ends_when_its_key_is_refused_or_its_caller_is_gone(hangs_up: bool) -> None:
    sent: list[Any] = []
    closed, over = asyncio.Event(), asyncio.Event()

    async def parts() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            over.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def receive() -> dict[str, Any]:
        await (over if hangs_up else asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    refused = asyncio.Event() if hangs_up else over
    await asyncio.wait_for(send_stream(parts(), receive, send, refused.wait), 10)
    assert closed.is_set() and sent[0]["body"] == b"one"
    assert sent[1:] == ([] if hangs_up else [{"type": "http.response.body", "body": b""}])
