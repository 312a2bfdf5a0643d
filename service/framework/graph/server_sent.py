"""GraphQL over server-sent events, one connection per operation (the protocol of graphql-sse, "distinct connections"):
`next` with each answer, then `complete`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache

MEDIA = "text/event-stream"


@lru_cache(maxsize=256)
def accepts_stream(accept: bytes | None) -> bool:
    """Return whether an Accept header names server-sent events."""
    return accept is not None and MEDIA in accept.decode("latin-1").lower()


async def written(answers: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Write the answers as events; closes the answers at the end."""
    try:
        yield b":\n\n"
        async for answer in answers:
            yield b"event: next\ndata: %s\n\n" % answer if answer else b":\n\n"
        yield b"event: complete\ndata:\n\n"
    finally:
        await answers.aclose()
