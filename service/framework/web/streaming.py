"""Answers in parts: each is sent as it comes, until the last one, until the caller hangs up or its key is revoked."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.types import Receive, Send

RECHECK_SECONDS = 15.0
"""Seconds after which a stream looks up its caller's key again."""


async def send_stream(
    parts: AsyncGenerator[bytes, None], receive: Receive, send: Send, still_admitted: Callable[[], Awaitable[bool]]
) -> None:
    """Send parts until they end; the generator is closed in every case."""
    gone = asyncio.ensure_future(_gone(receive))
    checked = time.monotonic()
    try:
        while True:
            step = asyncio.ensure_future(anext(parts, None))
            try:
                await asyncio.wait({step, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.gather(step, return_exceptions=True)
            if gone.done():
                await asyncio.gather(step, return_exceptions=True)
                return
            part = step.result()
            if part is None:
                break
            if time.monotonic() - checked > RECHECK_SECONDS:
                checked = time.monotonic()
                if not await still_admitted():
                    break
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        gone.cancel()
        await parts.aclose()
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    """Return when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
