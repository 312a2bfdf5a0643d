"""GraphQL over server-sent events, one connection per operation (the protocol of graphql-sse, "distinct connections"):
`next` with each answer, then `complete`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

MEDIA = "text/event-stream"


def asked_for(accept: bytes | None) -> bool:
    """Whether a request asks for a stream."""
    return accept is not None and MEDIA in accept.decode("latin-1").lower()


async def written(answers: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The stream's text; the answers are closed with it."""
    try:
        yield b":\n\n"
        async for answer in answers:
            yield b"event: next\ndata: %s\n\n" % answer if answer else b":\n\n"
        yield b"event: complete\ndata:\n\n"
    finally:
        await answers.aclose()
