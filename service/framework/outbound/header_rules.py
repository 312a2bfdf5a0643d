"""The headers that callers may not set on webhooks: those of the message, its signature and format, the connection."""

from __future__ import annotations

_OURS = frozenset(
    (
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "date",
        "expect", "host", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
        "via",
    )
)  # fmt: skip
_FAMILIES = ("webhook-", "ce-", "proxy-", "sec-")


def is_reserved(name: str) -> bool:
    """Whether callers may not set a header; `name` is in lower case."""
    return name in _OURS or name.startswith(_FAMILIES)
