"""Answers in parts: each is sent as it comes, until the last one, until the caller hangs up or its key is revoked."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from starlette.types import Receive, Send


async def send_stream(
    parts: AsyncGenerator[bytes, None], receive: Receive, send: Send, until_refused: Callable[[], Awaitable[Any]]
) -> None:
    """Send parts until they end, the caller hangs up, or `until_refused` returns; the generator is closed in every
    case.
    """
    hung_up = False
    gone, refused = asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(until_refused())
    try:
        while True:
            step = asyncio.ensure_future(anext(parts, None))
            try:
                await asyncio.wait({step, gone, refused}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.gather(step, return_exceptions=True)
            hung_up = gone.done()
            if hung_up or refused.done():
                await asyncio.gather(step, return_exceptions=True)
                break
            part = step.result()
            if part is None:
                break
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        gone.cancel()
        refused.cancel()
        await asyncio.gather(refused, return_exceptions=True)
        await parts.aclose()
    if not hung_up:
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    """Return when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
