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

    async def admitted() -> bool:
        return True

    sending = asyncio.create_task(send_stream(parts(), receive, send, admitted))
    await asyncio.wait_for(waiting.wait(), 10)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert happened == ["http.response.body", "ended"]
